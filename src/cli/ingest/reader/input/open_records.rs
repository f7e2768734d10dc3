//! The reader of each format.

use anyhow::ensure;

use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::FieldMapping;
use crate::cli::ingest::reader::content_reader::ContentReader;
use crate::cli::ingest::reader::csv::{CsvDialect, CsvRows};
use crate::cli::ingest::reader::input_format::InputFormat;
use crate::cli::ingest::reader::json::JsonRecords;
use crate::cli::ingest::reader::line_reader::LineReader;
#[cfg(feature = "parquet")]
use crate::cli::ingest::reader::parquet::ParquetRows;
use crate::cli::ingest::reader::paths::InputSource;
use crate::cli::ingest::reader::read_plan::ReadPlan;
use crate::cli::ingest::reader::record_reader::RecordReader;
use crate::cli::ingest::reader::text::{TextFile, TextLines};

/// Opens the records of a file, at a position in it if that can be sought, else at its beginning.
///
/// # Errors
/// If it is not of its format, or has no column for the id or the text.
pub fn open_records(
    source: &InputSource,
    content: Option<ContentReader>,
    resume_at: InputPosition,
    plan: &ReadPlan,
) -> anyhow::Result<Box<dyn RecordReader>> {
    ensure!(
        !source.partitions.contains_key(&plan.mapping.id_field),
        "its path has the partition column `{}`, and a file's documents can't all have one id; name the field of the id with --id-field",
        plan.mapping.id_field
    );
    let mapping = FieldMapping { partitions: source.partitions.clone(), ..plan.mapping.clone() };
    let Some(content) = content else { return open_parquet(source, mapping, resume_at) };
    let is_final = !plan.should_hold_back();
    let csv = |content, dialect| CsvRows::open(content, mapping.clone(), dialect, resume_at, is_final);
    Ok(match source.format {
        InputFormat::Text => Box::new(TextFile::new(content, source.clone(), mapping)),
        InputFormat::Lines => {
            let pieces = LineReader::open(content, resume_at)?;
            Box::new(TextLines { lines: pieces, name: source.name.clone(), mapping })
        }
        InputFormat::Csv => Box::new(csv(content, plan.dialect.clone())?),
        InputFormat::Tsv => Box::new(csv(content, CsvDialect { delimiter: b'\t', ..plan.dialect.clone() })?),
        InputFormat::Jsonl | InputFormat::Parquet => Box::new(JsonRecords::open(content, mapping, resume_at)?),
    })
}

#[cfg(feature = "parquet")]
fn open_parquet(
    source: &InputSource,
    mapping: FieldMapping,
    resume_at: InputPosition,
) -> anyhow::Result<Box<dyn RecordReader>> {
    Ok(Box::new(ParquetRows::open(&source.path, mapping, resume_at.row)?))
}

/// Listing refuses such a file before anything is read.
#[cfg(not(feature = "parquet"))]
fn open_parquet(
    _source: &InputSource,
    _mapping: FieldMapping,
    _resume_at: InputPosition,
) -> anyhow::Result<Box<dyn RecordReader>> {
    anyhow::bail!(crate::features::describe_missing_feature("Parquet", "parquet"))
}
