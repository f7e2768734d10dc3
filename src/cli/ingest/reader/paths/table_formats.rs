//! Rejects directories in table formats, whose Parquet files may hold rows that the table's log marks as deleted.

use std::fs::read_dir;
use std::path::Path;

use anyhow::bail;

use super::path_display::display_path;

/// Name of a table format, and the command that exports its current version; `@` is replaced by the directory.
type TableFormat = (&'static str, &'static str);

const DELTA: TableFormat = ("Delta Lake", "duckdb -c \"COPY (FROM delta_scan('@')) TO 'docs.parquet'\"");
const ICEBERG: TableFormat = ("Apache Iceberg", "duckdb -c \"COPY (FROM iceberg_scan('@')) TO 'docs.parquet'\"");
const HUDI: TableFormat = ("Apache Hudi", "spark.read.format(\"hudi\").load(\"@\").write.parquet(\"docs\")");

/// Rejects a directory that is a table or lies inside one, such as a partition.
///
/// # Errors
/// If the directory or one of its ancestors is a table.
pub fn reject_table_or_descendant(dir: &Path) -> anyhow::Result<()> {
    let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    reject_table(dir)?;
    absolute.ancestors().skip(1).try_for_each(reject_table)
}

/// Rejects a directory that is a table.
///
/// # Errors
/// If the directory is a table.
pub fn reject_table(dir: &Path) -> anyhow::Result<()> {
    let Some((name, export)) = detect_table_format(dir) else { return Ok(()) };
    let dir = display_path(dir);
    bail!(
        "the directory {dir} is a table in {name} format, whose Parquet files include deleted and replaced rows; export its \
         current version ({}) and ingest that, or pass the files by name to read all of their rows",
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
