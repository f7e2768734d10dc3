//! Locations of tensors in files.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::DType;

/// Locations of a file's tensors by name.
pub type TensorLocations = HashMap<String, TensorLocation>;

/// Location and storage format of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorLocation {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub bytes: Range<usize>,
    pub order: ElementOrder,
}

/// Memory layout of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementOrder {
    /// Row-major.
    Rows,
    /// Column-major; matrices only.
    Columns,
    /// Any other layout.
    Strided,
}
