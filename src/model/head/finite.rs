//! Checks that weights and hidden states are finite.
//!
//! See docs/adr/0025-non-finite-vectors.md.

use candle_core::{D, DType, Result, Tensor, bail};

use super::super::kernels::max_abs;

/// Largest finite value of a dtype.
pub fn max_finite_value(dtype: DType) -> f64 {
    if dtype == DType::F16 { 65_504.0 } else { f64::from(f32::MAX) }
}

/// Checks that the decoder's weights and biases are finite, except for biases of −∞.
pub fn check_finite(decoder: &[f32], bias: &[f32], max_finite: f64) -> Result<()> {
    let width = decoder.len() / bias.len();
    // `max_abs` of a row with NaN is NaN, and the comparison is false.
    let fits = |row: &[f32]| f64::from(max_abs(row)) <= max_finite;
    if let Some(term) = decoder.chunks_exact(width).position(|row| !fits(row)) {
        bail!(
            "a decoder weight of term {term} is not finite or exceeds {max_finite:e}; use float32, or download the \
             model again"
        );
    }
    match bias.iter().position(|bias| bias.is_nan() || *bias == f32::INFINITY) {
        Some(term) => bail!("the decoder bias of term {term} is NaN or infinite; download the model again"),
        None => Ok(()),
    }
}

/// Returns the largest magnitude of each row's elements; NaN if an element is not finite.
pub fn compute_max_abs_on_device(rows: &Tensor) -> Result<Vec<f32>> {
    let maxima = rows.to_dtype(DType::F32)?.abs()?.max(D::Minus1)?.to_vec1::<f32>()?;
    // The maximum of a GPU kernel may ignore NaN.
    Ok(maxima.iter().zip(compute_nan_poison_on_device(rows)?).map(|(max, poison)| max + poison).collect())
}

/// Returns 0 for each row whose elements are all finite, and NaN for the others.
pub fn compute_nan_poison_on_device(rows: &Tensor) -> Result<Vec<f32>> {
    (rows.to_dtype(DType::F32)? * 0.0)?.sum(D::Minus1)?.to_vec1()
}
