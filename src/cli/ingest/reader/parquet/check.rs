//! Checks of a Parquet file before its rows are read.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;

use anyhow::ensure;
use parquet::schema::types::TypePtr;

use crate::cli::ingest::mapping::FieldMapping;
use crate::cli::ingest::reader::byte_stream::LFS_POINTER_PREFIX;

/// Checks the first bytes, to give a specific remedy for files that are not Parquet.
///
/// # Errors
/// If the file is not a Parquet file, is encrypted, or can't be read.
pub fn check_magic_bytes(file: &mut File) -> anyhow::Result<()> {
    let mut head = Vec::new();
    file.take(LFS_POINTER_PREFIX.len() as u64).read_to_end(&mut head)?;
    ensure!(
        head != LFS_POINTER_PREFIX,
        "the file is a Git LFS pointer instead of the file itself; fetch the file with git lfs pull"
    );
    ensure!(!head.starts_with(b"PARE"), "the Parquet file is encrypted, which is not supported; write it unencrypted");
    ensure!(
        head.starts_with(b"PAR1"),
        "not a Parquet file: it does not start with the bytes PAR1; check the file name or --format"
    );
    Ok(())
}

/// Checks that no two mapped columns have the same name.
///
/// # Errors
/// If two mapped columns have the same name.
pub fn check_duplicate_columns(columns: &[TypePtr], mapping: &FieldMapping) -> anyhow::Result<()> {
    let mut names = HashSet::new();
    for name in columns.iter().map(|column| column.name()).filter(|name| mapping.uses_column(name)) {
        ensure!(names.insert(name), "duplicate column name `{name}`; select the columns to read with --payload-fields");
    }
    Ok(())
}
