//! Checks of a file before its rows are read.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;

use anyhow::ensure;
use parquet::schema::types::TypePtr;

use crate::cli::ingest::mapping::FieldMapping;
use crate::cli::ingest::reader::byte_stream::LFS_POINTER_PREFIX;

/// Checks the first bytes: what is something else altogether has another remedy.
///
/// # Errors
/// If it is no Parquet file, or can't be read.
pub fn check_magic_bytes(file: &mut File) -> anyhow::Result<()> {
    let mut head = Vec::new();
    file.take(LFS_POINTER_PREFIX.len() as u64).read_to_end(&mut head)?;
    ensure!(
        head != LFS_POINTER_PREFIX,
        "it is a pointer of Git LFS and not the file itself; bring that with git lfs pull"
    );
    ensure!(!head.starts_with(b"PARE"), "it is encrypted; write it without");
    ensure!(
        head.starts_with(b"PAR1"),
        "it is no Parquet file, for it doesn't begin as one; check its name, or --format"
    );
    Ok(())
}

/// Checks that no two columns of one name would become one field.
///
/// # Errors
/// If there are two.
pub fn check_duplicate_columns(columns: &[TypePtr], mapping: &FieldMapping) -> anyhow::Result<()> {
    let mut names = HashSet::new();
    for name in columns.iter().map(|column| column.name()).filter(|name| mapping.uses_column(name)) {
        ensure!(names.insert(name), "two of its columns are called `{name}`; name those to read with --payload-fields");
    }
    Ok(())
}
