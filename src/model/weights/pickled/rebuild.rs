//! What the functions that a file of tensors names would have made: storages and tensors, as locations in the file.

use std::ops::Range;
use std::rc::Rc;

use candle_core::DType;

use super::super::location::{ElementOrder, TensorLocation};
use super::value::{Storage, Value};

/// What a call of a function with its arguments stands for.
pub fn rebuilt(call: &[Value]) -> Value {
    let [Value::Global(function), Value::Tuple(arguments)] = call else { return Value::Opaque };
    match ((&*function.0, &*function.1), &arguments.values[..]) {
        (("torch._utils", "_rebuild_tensor_v2"), [Value::Storage(storage), offset, sizes, strides, ..]) => {
            location(storage, offset, sizes, strides).map_or(Value::Opaque, |location| Value::Tensor(Rc::new(location)))
        }
        // A parameter is its tensor.
        (("torch._utils", "_rebuild_parameter"), [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
        // A tensor of another class: the function that makes it, the class, and the arguments.
        (
            ("torch._tensor", "_rebuild_from_type_v2"),
            [function @ Value::Global(of), _, arguments @ Value::Tuple(_), ..],
        ) if of.0 == "torch._utils" => rebuilt(&[function.clone(), arguments.clone()]),
        _ => Value::Opaque,
    }
}

/// The storage of a persistent id: `("storage", class, key, device, elements)`.
///
/// # Errors
/// If the archive has no such file.
pub fn storage(id: &[Value], file: impl Fn(&str) -> Option<Range<usize>>) -> Result<Value, String> {
    let [Value::Tuple(id)] = id else { return Ok(Value::Opaque) };
    let [Value::Text(_), Value::Global(class), Value::Text(key), ..] = &id.values[..] else { return Ok(Value::Opaque) };
    let dtype = match (&*class.0, &*class.1) {
        ("torch", "FloatStorage") => DType::F32,
        ("torch", "DoubleStorage") => DType::F64,
        ("torch", "HalfStorage") => DType::F16,
        ("torch", "BFloat16Storage") => DType::BF16,
        // Positions and the like; no weights.
        _ => return Ok(Value::Opaque),
    };
    let bytes = file(key).ok_or_else(|| format!("it lacks the storage `{key}`; it is cut short"))?;
    Ok(Value::Storage(Rc::new(Storage { dtype, bytes })))
}

/// A tensor in its storage; `None` if it reaches past that, or is none.
fn location(storage: &Storage, offset: &Value, sizes: &Value, strides: &Value) -> Option<TensorLocation> {
    let (shape, strides) = (numbers(sizes)?, numbers(strides)?);
    if shape.len() != strides.len() {
        return None;
    }
    let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    let size = storage.dtype.size_in_bytes();
    let start = storage.bytes.start.checked_add(number(offset)?.checked_mul(size)?)?;
    let end = start.checked_add(elements.checked_mul(size)?)?;
    let order = order(&shape, &strides);
    (end <= storage.bytes.end).then_some(TensorLocation { dtype: storage.dtype, shape, bytes: start..end, order })
}

fn order(shape: &[usize], strides: &[usize]) -> ElementOrder {
    if one_after_another(shape.iter().zip(strides).rev()) {
        ElementOrder::Rows
    } else if shape.len() == 2 && one_after_another(shape.iter().zip(strides)) {
        ElementOrder::Columns
    } else {
        ElementOrder::Strided
    }
}

/// Whether each stride is the product of the sizes before it.
fn one_after_another<'a>(mut dimensions: impl Iterator<Item = (&'a usize, &'a usize)>) -> bool {
    let mut next = 1usize;
    dimensions.all(|(&size, &stride)| {
        // How far apart the elements of a dimension of one are says nothing.
        let fits = size == 1 || stride == next;
        next = next.saturating_mul(size);
        fits
    })
}

fn numbers(value: &Value) -> Option<Vec<usize>> {
    let Value::Tuple(tuple) = value else { return None };
    tuple.values.iter().map(number).collect()
}

fn number(value: &Value) -> Option<usize> {
    let Value::Whole(number) = value else { return None };
    usize::try_from(*number).ok()
}

#[cfg(test)]
mod tests {
    use super::super::value::Value::Whole;
    use super::*;

    fn tuple(numbers: &[i64]) -> Value {
        Value::tuple(numbers.iter().copied().map(Whole).collect())
    }

    #[test]
    fn a_tensor_is_a_part_of_its_storage_in_some_order() {
        let storage = Storage { dtype: DType::F16, bytes: 100..124 };
        let located = |offset, sizes: &[i64], strides: &[i64]| {
            location(&storage, &Whole(offset), &tuple(sizes), &tuple(strides))
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
