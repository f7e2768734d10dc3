//! Selects the record reader of a format.

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

/// Opens the record reader of a file, at the resume position if the format can seek, else at the start.
///
/// # Errors
/// If the file does not have its format, lacks the id or text column, or its path sets the id field by a partition.
pub fn open_records(
    source: &InputSource,
    content: Option<ContentReader>,
    resume_at: InputPosition,
    plan: &ReadPlan,
) -> anyhow::Result<Box<dyn RecordReader>> {
    ensure!(
        !source.partitions.contains_key(&plan.mapping.id_field),
        "the path sets the id field `{}` by a partition, so all documents of the file would have one id; pass another --id-field",
        plan.mapping.id_field
    );
    let mapping = FieldMapping { partitions: source.partitions.clone(), ..plan.mapping.clone() };
    let Some(content) = content else { return open_parquet(source, mapping, resume_at) };
    let is_final = !plan.should_hold_back();
    let csv = |content, dialect| CsvRows::open(content, mapping.clone(), dialect, resume_at, is_final);
    Ok(match source.format {
        InputFormat::Text => Box::new(TextFile::new(content, source.clone(), mapping)),
        InputFormat::Lines => {
            let lines = LineReader::open(content, resume_at)?;
            Box::new(TextLines { lines, name: source.name.clone(), mapping })
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

/// Fails. Not reached in practice: listing the input rejects Parquet files in builds without Parquet support.
#[cfg(not(feature = "parquet"))]
fn open_parquet(
    _source: &InputSource,
    _mapping: FieldMapping,
    _resume_at: InputPosition,
) -> anyhow::Result<Box<dyn RecordReader>> {
    anyhow::bail!(crate::features::describe_missing_feature("Parquet", "parquet"))
}
