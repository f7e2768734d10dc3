//! Table formats: folders of Parquet files of which only a log tells which rows are current.

use std::fs::read_dir;
use std::path::Path;

use anyhow::bail;

use super::path_display::display_path;

/// The name of a table format, and how its current version is exported; `@` stands for the folder.
type TableFormat = (&'static str, &'static str);

const DELTA: TableFormat = ("Delta Lake", "duckdb -c \"COPY (FROM delta_scan('@')) TO 'docs.parquet'\"");
const ICEBERG: TableFormat = ("Apache Iceberg", "duckdb -c \"COPY (FROM iceberg_scan('@')) TO 'docs.parquet'\"");
const HUDI: TableFormat = ("Apache Hudi", "spark.read.format(\"hudi\").load(\"@\").write.parquet(\"docs\")");

/// Refuses a folder that is a table, or a part of one, such as a partition.
///
/// # Errors
/// If it is one.
pub fn reject_table_or_descendant(dir: &Path) -> anyhow::Result<()> {
    let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    reject_table(dir)?;
    absolute.ancestors().skip(1).try_for_each(reject_table)
}

/// Refuses a folder that is a table.
///
/// # Errors
/// If it is one.
pub fn reject_table(dir: &Path) -> anyhow::Result<()> {
    let Some((name, export)) = detect_table_format(dir) else { return Ok(()) };
    let dir = display_path(dir);
    bail!(
        "the folder {dir} is a table of {name}, whose Parquet files hold deleted and replaced rows too; export its current \
         version ({}) and ingest that, or give files by their names to read all of their rows",
        export.replace('@', &dir)
    );
}

fn detect_table_format(dir: &Path) -> Option<TableFormat> {
    if dir.join("_delta_log").is_dir() {
        return Some(DELTA);
    }
    if dir.join(".hoodie").is_dir() {
        return Some(HUDI);
    }
    let mut metadata = read_dir(dir.join("metadata")).into_iter().flatten().flatten();
    metadata.any(|entry| entry.file_name().as_encoded_bytes().ends_with(b".metadata.json")).then_some(ICEBERG)
}
