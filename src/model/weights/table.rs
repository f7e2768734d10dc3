//! A tensor of which rows are looked up: an embedding.
//!
//! See docs/adr/0029-weights-mapped-and-packed.md.

use std::fs::File;
use std::os::unix::fs::FileExt;

use candle_core::{Result, bail};

/// Rows by number.
pub struct EmbeddingTable {
    rows: TableRows,
    width: usize,
}

enum TableRows {
    /// A large table stays in its file: a row is read when it is needed, by one call of the system. (A map would bring 16
    /// pages for each row that is touched, and soon all of it.)
    InFile {
        file: File,
        offset: u64,
        count: usize,
    },
    InMemory(Vec<f32>),
}

impl EmbeddingTable {
    /// A table of float32 rows of `width` elements, from a place of a file on.
    pub fn in_file(file: File, offset: u64, count: usize, width: usize) -> Self {
        Self { rows: TableRows::InFile { file, offset, count }, width }
    }

    /// A table of rows of `width` elements.
    pub fn in_memory(elements: Vec<f32>, width: usize) -> Self {
        Self { rows: TableRows::InMemory(elements), width }
    }

    /// Elements of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows `ids`, one after another.
    ///
    /// # Errors
    /// If there is no such row, or its file can't be read any more.
    pub fn gather(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let width = self.width;
        let mut out = vec![0.0; ids.len() * width];
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(width)) {
            let id = id as usize;
            match &self.rows {
                TableRows::InMemory(elements) => match elements.get(id * width..(id + 1) * width) {
                    Some(row) => out.copy_from_slice(row),
                    None => bail!("there is no row {id}"),
                },
                TableRows::InFile { count, .. } if id >= *count => bail!("there is no row {id}"),
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
