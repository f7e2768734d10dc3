//! The values that a pickle makes.

use std::ops::Range;
use std::rc::Rc;

use candle_core::DType;

use super::super::location::TensorLocation;

/// What a program makes.
#[derive(Clone)]
pub enum PickleValue {
    Integer(i64),
    Text(Rc<str>),
    /// The module and the name of a class or function.
    Global(Rc<(String, String)>),
    Tuple(Rc<Tuple>),
    /// The bytes of tensors.
    Storage(Rc<TensorStorage>),
    Tensor(Rc<TensorLocation>),
    /// Anything else.
    Opaque,
}

/// Values, and how deep tuples are nested in it, itself included.
pub struct Tuple {
    pub values: Vec<PickleValue>,
    pub depth: usize,
}

/// Bytes of the file, of elements of one type.
pub struct TensorStorage {
    pub dtype: DType,
    pub bytes: Range<usize>,
}

impl PickleValue {
    /// A tuple of these values.
    pub fn new_tuple(values: Vec<Self>) -> Self {
        let depths = values.iter().map(|value| if let Self::Tuple(tuple) = value { tuple.depth } else { 0 });
        let depth = 1 + depths.max().unwrap_or(0);
        Self::Tuple(Rc::new(Tuple { values, depth }))
    }
}
