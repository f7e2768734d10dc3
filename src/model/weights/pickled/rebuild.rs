//! Interpretation of the calls in a tensor file: storages and tensors, as locations in the file.

use std::ops::Range;
use std::rc::Rc;

use candle_core::DType;

use super::super::location::{ElementOrder, TensorLocation};
use super::value::{PickleValue, TensorStorage};

/// Returns the value that a call of a function with arguments represents.
pub fn rebuild(call: &[PickleValue]) -> PickleValue {
    let [PickleValue::Global(function), PickleValue::Tuple(arguments)] = call else { return PickleValue::Opaque };
    match ((&*function.0, &*function.1), &arguments.values[..]) {
        (("torch._utils", "_rebuild_tensor_v2"), [PickleValue::Storage(storage), offset, sizes, strides, ..]) => {
            locate_tensor(storage, offset, sizes, strides)
                .map_or(PickleValue::Opaque, |location| PickleValue::Tensor(Rc::new(location)))
        }
        // A parameter is equivalent to its tensor.
        (("torch._utils", "_rebuild_parameter"), [tensor @ PickleValue::Tensor(_), ..]) => tensor.clone(),
        // Tensor subclass: the rebuilding function, the class and the arguments.
        (
            ("torch._tensor", "_rebuild_from_type_v2"),
            [function @ PickleValue::Global(inner), _, arguments @ PickleValue::Tuple(_), ..],
        ) if inner.0 == "torch._utils" => rebuild(&[function.clone(), arguments.clone()]),
        _ => PickleValue::Opaque,
    }
}

/// Resolves a persistent id to a storage: `("storage", class, key, device, elements)`.
///
/// # Errors
/// Returns a message if the archive has no such file.
pub fn resolve_storage(id: &[PickleValue], file: impl Fn(&str) -> Option<Range<usize>>) -> Result<PickleValue, String> {
    let [PickleValue::Tuple(id)] = id else { return Ok(PickleValue::Opaque) };
    let [PickleValue::Text(_), PickleValue::Global(class), PickleValue::Text(key), ..] = &id.values[..] else {
        return Ok(PickleValue::Opaque);
    };
    let dtype = match (&*class.0, &*class.1) {
        ("torch", "FloatStorage") => DType::F32,
        ("torch", "DoubleStorage") => DType::F64,
        ("torch", "HalfStorage") => DType::F16,
        ("torch", "BFloat16Storage") => DType::BF16,
        // Integer storages, such as position ids, are not weights.
        _ => return Ok(PickleValue::Opaque),
    };
    let bytes = file(key).ok_or_else(|| format!("the storage `{key}` is missing; the file is truncated or damaged"))?;
    Ok(PickleValue::Storage(Rc::new(TensorStorage { dtype, bytes })))
}

/// Locates a tensor in its storage; `None` if it exceeds the storage or the arguments are invalid.
fn locate_tensor(
    storage: &TensorStorage,
    offset: &PickleValue,
    sizes: &PickleValue,
    strides: &PickleValue,
) -> Option<TensorLocation> {
    let (shape, strides) = (parse_sizes(sizes)?, parse_sizes(strides)?);
    if shape.len() != strides.len() {
        return None;
    }
    let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    let size = storage.dtype.size_in_bytes();
    let start = storage.bytes.start.checked_add(parse_size(offset)?.checked_mul(size)?)?;
    let end = start.checked_add(elements.checked_mul(size)?)?;
    let order = detect_order(&shape, &strides);
    (end <= storage.bytes.end).then_some(TensorLocation { dtype: storage.dtype, shape, bytes: start..end, order })
}

fn detect_order(shape: &[usize], strides: &[usize]) -> ElementOrder {
    if is_contiguous(shape.iter().zip(strides).rev()) {
        ElementOrder::Rows
    } else if shape.len() == 2 && is_contiguous(shape.iter().zip(strides)) {
        ElementOrder::Columns
    } else {
        ElementOrder::Strided
    }
}

/// Returns true if each stride is the product of the preceding sizes.
fn is_contiguous<'a>(mut dimensions: impl Iterator<Item = (&'a usize, &'a usize)>) -> bool {
    let mut next = 1usize;
    dimensions.all(|(&size, &stride)| {
        // The stride of a dimension of size one is irrelevant.
        let is_next = size == 1 || stride == next;
        next = next.saturating_mul(size);
        is_next
    })
}

fn parse_sizes(value: &PickleValue) -> Option<Vec<usize>> {
    let PickleValue::Tuple(tuple) = value else { return None };
    tuple.values.iter().map(parse_size).collect()
}

fn parse_size(value: &PickleValue) -> Option<usize> {
    let PickleValue::Integer(number) = value else { return None };
    usize::try_from(*number).ok()
}

#[cfg(test)]
mod tests {
    use super::super::value::PickleValue::Integer;
    use super::*;

    fn tuple(numbers: &[i64]) -> PickleValue {
        PickleValue::new_tuple(numbers.iter().copied().map(Integer).collect())
    }

    #[test]
    fn tensors_are_located_in_their_storage() {
        let storage = TensorStorage { dtype: DType::F16, bytes: 100..124 };
        let located = |offset, sizes: &[i64], strides: &[i64]| {
            locate_tensor(&storage, &Integer(offset), &tuple(sizes), &tuple(strides))
                .map(|location| (location.bytes, location.order))
        };
        assert_eq!(located(0, &[3, 4], &[4, 1]), Some((100..124, ElementOrder::Rows)));
        assert_eq!(located(0, &[3, 4], &[1, 3]), Some((100..124, ElementOrder::Columns)));
        assert_eq!(located(2, &[2, 2], &[4, 1]), Some((104..112, ElementOrder::Strided)));
        assert_eq!(located(6, &[1, 6], &[0, 1]), Some((112..124, ElementOrder::Rows)));
        assert_eq!(located(12, &[], &[]), None);
        assert_eq!(located(11, &[], &[]), Some((122..124, ElementOrder::Rows)));
        assert_eq!(located(1, &[3, 4], &[4, 1]), None);
        assert_eq!(located(0, &[3, 4], &[1]), None);
    }
}
