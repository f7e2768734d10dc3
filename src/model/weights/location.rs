//! Where tensors are in a file.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::DType;

/// Where each tensor of a file is, by name.
pub type TensorLocations = HashMap<String, TensorLocation>;

/// Where a tensor is in its file, and how its elements are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorLocation {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub bytes: Range<usize>,
    pub order: ElementOrder,
}

/// The order of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementOrder {
    /// Row by row.
    Rows,
    /// A matrix, column by column.
    Columns,
    /// Another.
    Strided,
}
