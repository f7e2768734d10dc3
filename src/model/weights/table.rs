//! A tensor of which rows are looked up: an embedding.

use std::sync::Arc;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{Result, bail};

/// Rows by number. Float32 rows of a safetensors file stay in the file: only what is used of them gets into memory.
pub struct Table {
    rows: Rows,
    width: usize,
}

enum Rows {
    Mapped { tensors: Arc<MmapedSafetensors>, name: String },
    Owned(Vec<f32>),
}

impl Table {
    pub(super) fn mapped(tensors: Arc<MmapedSafetensors>, name: String, width: usize) -> Self {
        Self { rows: Rows::Mapped { tensors, name }, width }
    }

    /// A table of rows of `width` elements.
    pub fn owned(elements: Vec<f32>, width: usize) -> Self {
        Self { rows: Rows::Owned(elements), width }
    }

    /// Elements of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows `ids`, one after another.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn gather(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let view;
        let elements: &[f32] = match &self.rows {
            Rows::Owned(elements) => elements,
            Rows::Mapped { tensors, name } => {
                view = tensors.get(name)?;
                match bytemuck::try_cast_slice(view.data()) {
                    Ok(elements) => elements,
                    Err(error) => bail!("tensor `{name}`: {error}"),
                }
            }
        };
        let mut out = Vec::with_capacity(ids.len() * self.width);
        for &id in ids {
            let begin = id as usize * self.width;
            match elements.get(begin..begin + self.width) {
                Some(row) => out.extend_from_slice(row),
                None => bail!("there is no row {id}"),
            }
        }
        Ok(out)
    }
}
