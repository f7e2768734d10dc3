//! The reader of each format.

use anyhow::ensure;

use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::Mapping;
use crate::cli::ingest::reader::content::Content;
use crate::cli::ingest::reader::csv::{CsvRows, Dialect};
use crate::cli::ingest::reader::format::Format;
use crate::cli::ingest::reader::json::Json;
#[cfg(feature = "parquet")]
use crate::cli::ingest::reader::parquet::ParquetRows;
use crate::cli::ingest::reader::paths::Source;
use crate::cli::ingest::reader::pieces::Pieces;
use crate::cli::ingest::reader::plan::Plan;
use crate::cli::ingest::reader::records::Records;
use crate::cli::ingest::reader::text::{TextFile, TextLines};

/// Opens the records of a file, at a position in it if that can be sought, else at its beginning.
///
/// # Errors
/// If it is not of its format, or has no column for the id or the text.
pub fn open_records(
    source: &Source,
    content: Option<Content>,
    place: InputPosition,
    plan: &Plan,
) -> anyhow::Result<Box<dyn Records>> {
    ensure!(
        !source.partitions.contains_key(&plan.mapping.id_field),
        "its path has the partition column `{}`, and a file's documents can't all have one id; name the field of the id with --id-field",
        plan.mapping.id_field
    );
    let mapping = Mapping { partitions: source.partitions.clone(), ..plan.mapping.clone() };
    let Some(content) = content else { return open_parquet(source, mapping, place) };
    let is_final = !plan.holds_back();
    let csv = |content, dialect| CsvRows::open(content, mapping.clone(), dialect, place, is_final);
    Ok(match source.format {
        Format::Text => Box::new(TextFile::new(content, source.clone(), mapping)),
        Format::Lines => {
            let pieces = Pieces::after(content, place)?;
            Box::new(TextLines { pieces, name: source.name.clone(), mapping })
        }
        Format::Csv => Box::new(csv(content, plan.dialect.clone())?),
        Format::Tsv => Box::new(csv(content, Dialect { delimiter: b'\t', ..plan.dialect.clone() })?),
        Format::Jsonl | Format::Parquet => Box::new(Json::open(content, mapping, place)?),
    })
}

#[cfg(feature = "parquet")]
fn open_parquet(source: &Source, mapping: Mapping, place: InputPosition) -> anyhow::Result<Box<dyn Records>> {
    Ok(Box::new(ParquetRows::open(&source.path, mapping, place.row)?))
}

/// Listing refuses such a file before anything is read.
#[cfg(not(feature = "parquet"))]
fn open_parquet(_source: &Source, _mapping: Mapping, _place: InputPosition) -> anyhow::Result<Box<dyn Records>> {
    anyhow::bail!(crate::features::missing("Parquet", "parquet"))
}
