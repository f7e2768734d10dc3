//! Embedding tables: tensors with row lookup.
//!
//! See docs/adr/0029-weights-mapped-and-packed.md.

use std::fs::File;
use std::os::unix::fs::FileExt;

use candle_core::{Result, bail};

/// Rows of an embedding, in memory or in a file.
pub struct EmbeddingTable {
    rows: TableRows,
    width: usize,
}

enum TableRows {
    /// Large tables stay in their file, and rows are read with one system call each. A mapping would load 16 pages per
    /// row and soon the whole table.
    InFile {
        file: File,
        offset: u64,
        count: usize,
    },
    InMemory(Vec<f32>),
}

impl EmbeddingTable {
    /// Creates a table of `count` float32 rows of `width` elements, stored in a file at a byte offset.
    pub fn in_file(file: File, offset: u64, count: usize, width: usize) -> Self {
        Self { rows: TableRows::InFile { file, offset, count }, width }
    }

    /// Creates a table of rows of `width` elements in memory.
    pub fn in_memory(elements: Vec<f32>, width: usize) -> Self {
        Self { rows: TableRows::InMemory(elements), width }
    }

    /// Number of elements per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the rows `ids`, concatenated.
    ///
    /// # Errors
    /// If a row does not exist, or the file can no longer be read.
    pub fn gather(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let width = self.width;
        let mut out = vec![0.0; ids.len() * width];
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(width)) {
            let id = id as usize;
            match &self.rows {
                TableRows::InMemory(elements) => match elements.get(id * width..(id + 1) * width) {
                    Some(row) => out.copy_from_slice(row),
                    None => bail!("row {id} is out of range"),
                },
                TableRows::InFile { count, .. } if id >= *count => bail!("row {id} is out of range"),
                TableRows::InFile { file, offset, .. } => {
                    let bytes: &mut [u8] = bytemuck::cast_slice_mut(out);
                    let at = offset + (id * bytes.len()) as u64;
                    file.read_exact_at(bytes, at).map_err(candle_core::Error::wrap)?;
                }
            }
        }
        Ok(out)
    }
}
