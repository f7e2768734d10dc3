//! Values of the pickle interpreter.

use std::ops::Range;
use std::rc::Rc;

use candle_core::DType;

use super::super::location::TensorLocation;

/// Value on the stack or in the memo.
#[derive(Clone)]
pub enum PickleValue {
    Integer(i64),
    Text(Rc<str>),
    /// Module and name of a class or function.
    Global(Rc<(String, String)>),
    Tuple(Rc<Tuple>),
    /// Bytes that tensors refer to.
    Storage(Rc<TensorStorage>),
    Tensor(Rc<TensorLocation>),
    /// Any other value; its content is not stored.
    Opaque,
}

/// Tuple with its nesting depth, including itself.
pub struct Tuple {
    pub values: Vec<PickleValue>,
    pub depth: usize,
}

/// Byte range of elements of one type in the file.
pub struct TensorStorage {
    pub dtype: DType,
    pub bytes: Range<usize>,
}

impl PickleValue {
    /// Creates a tuple.
    pub fn new_tuple(values: Vec<Self>) -> Self {
        let depths = values.iter().map(|value| if let Self::Tuple(tuple) = value { tuple.depth } else { 0 });
        let depth = 1 + depths.max().unwrap_or(0);
        Self::Tuple(Rc::new(Tuple { values, depth }))
    }
}
