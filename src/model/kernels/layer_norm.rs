//! Layer normalization with a fused residual addition.

use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Result, Shape, Tensor, bail};
use rten_simd::SimdOp;
use rten_vecmath::{Normalize, NormalizeOptions, Sum, SumSquareSub};

use super::contiguous::contiguous_elements;
use crate::model::backend::Backend;

/// Layer normalization over the last dimension (Ba et al., 2016, arXiv:1607.06450).
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f64,
    /// Weight and bias on the device, `[width]` in float32; `None` for CPU kernels.
    device_params: Option<(Tensor, Tensor)>,
}

impl LayerNorm {
    /// Creates the layer. `weight` and `bias` are `[width]`; a missing bias is 0.
    pub fn new(weight: &[f32], bias: Option<&[f32]>, epsilon: f64, backend: &Backend) -> Result<Self> {
        let width = weight.len();
        let bias = bias.map_or_else(|| vec![0.0; width], <[f32]>::to_vec);
        if width == 0 || width != bias.len() {
            bail!("shape mismatch: a layer norm with {width} weights and {} biases", bias.len());
        }
        let device_params = match backend {
            Backend::Kernels { .. } => None,
            Backend::Candle { device, .. } => {
                Some((Tensor::from_slice(weight, width, device)?, Tensor::from_slice(&bias, width, device)?))
            }
        };
        Ok(Self { weight: weight.to_vec(), bias, epsilon, device_params })
    }

    /// Normalizes the rows of `x`, `[tokens, width]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if let Some((weight, bias)) = &self.device_params {
            return normalize_on_device(x, weight, bias, self.epsilon);
        }
        let mut rows = x.flatten_all()?.to_vec1::<f32>()?;
        self.normalize(&mut rows);
        Tensor::from_vec(rows, x.shape(), x.device())
    }

    /// Normalizes the rows of `x + residual`, each `[tokens, width]`.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        match &self.device_params {
            Some((weight, bias)) => normalize_on_device(&(x + residual)?, weight, bias, self.epsilon),
            None => x.apply_op2_no_bwd(residual, self),
        }
    }

    fn normalize(&self, rows: &mut [f32]) {
        let width = self.weight.len();
        for row in rows.chunks_exact_mut(width) {
            let mean = Sum::new(row).dispatch() / width as f32;
            let variance = SumSquareSub::new(row, mean).dispatch() / width as f32;
            if !variance.is_finite() {
                // Division by an infinite deviation would turn an overflowing row into the bias.
                row.fill(f32::NAN);
                continue;
            }
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: 1.0 / (variance + self.epsilon as f32).sqrt(),
                element_scale: Some(&self.weight),
                element_bias: Some(&self.bias),
                ..Default::default()
            };
            Normalize::new_mut(row, options).dispatch();
        }
    }
}

/// Normalizes with candle operations, always in float32.
fn normalize_on_device(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
    let deviation = (variance + epsilon)?.sqrt()?;
    // As in the kernel, an overflowing row becomes NaN: ∞ · 0 is NaN, and adding 0 changes nothing.
    let deviation = (&deviation + (&deviation * 0.0)?)?;
    let x = x.broadcast_div(&deviation)?;
    x.broadcast_mul(weight)?.broadcast_add(bias)?.to_dtype(dtype)
}

impl CustomOp2 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        if l1.shape() != l2.shape() || l1.shape().dims2()?.1 != self.weight.len() {
            bail!(
                "shape mismatch: a layer norm of width {} and inputs {:?} and {:?}",
                self.weight.len(),
                l1.shape(),
                l2.shape()
            );
        }
        let mut sums: Vec<f32> =
            contiguous_elements(s1, l1)?.iter().zip(contiguous_elements(s2, l2)?).map(|(x, y)| x + y).collect();
        self.normalize(&mut sums);
        Ok((CpuStorage::F32(sums), l1.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Property: a row that is not finite, or whose variance overflows, becomes NaN, and no other row changes.
    #[test]
    fn an_overflow_does_not_become_the_bias() -> Result<()> {
        let (width, device) = (32, Device::Cpu);
        for backend in [Backend::default(), Backend::Candle { device: device.clone(), dtype: DType::F32 }] {
            let norm = LayerNorm::new(&vec![1.0; width], Some(&vec![0.5; width]), 1e-12, &backend)?;
            let rows: Vec<f32> = (0..3 * width).map(|at| (at * 7 % 11) as f32).collect();
            let forward = |rows: &[f32]| {
                let x = Tensor::from_slice(rows, (3, width), &device)?;
                let zeros = x.zeros_like()?;
                Ok::<[Vec<Vec<f32>>; 2], candle_core::Error>([
                    norm.forward(&x)?.to_vec2()?,
                    norm.forward_residual(&x, &zeros)?.to_vec2()?,
                ])
            };
            let expected = forward(&rows)?;
            for bad in [1e38, -1e25, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut corrupted = rows.clone();
                corrupted[width + 5] = bad;
                for (got, expected) in forward(&corrupted)?.iter().zip(&expected) {
                    assert!(got[1].iter().all(|x| x.is_nan()), "{backend:?}: {bad} gave {:?}", got[1]);
                    assert_eq!([&got[0], &got[2]], [&expected[0], &expected[2]]);
                }
            }
        }
        Ok(())
    }
}
