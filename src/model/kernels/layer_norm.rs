//! Layer normalisation, fused with the addition of a residual.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rten_simd::SimdOp;
use rten_vecmath::{Normalize, NormalizeOptions, Sum, SumSquareSub};

use super::elements;

/// Layer normalisation over the last dimension (Ba et al., 2016, arXiv:1607.06450).
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// `weight` and `bias` are `[width]`.
    pub fn new(weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Self> {
        let (weight, bias) = (weight.to_vec1::<f32>()?, bias.to_vec1::<f32>()?);
        if weight.is_empty() || weight.len() != bias.len() {
            bail!("a layer norm has {} weights and {} biases", weight.len(), bias.len());
        }
        Ok(Self { weight, bias, epsilon: epsilon as f32 })
    }

    /// The normalised rows of `x`: `[tokens, width]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut rows = x.flatten_all()?.to_vec1::<f32>()?;
        self.normalize(&mut rows);
        Tensor::from_vec(rows, x.shape(), x.device())
    }

    /// The normalised rows of `x + residual`, each `[tokens, width]`.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        x.apply_op2_no_bwd(residual, self)
    }

    fn normalize(&self, rows: &mut [f32]) {
        let width = self.weight.len();
        for row in rows.chunks_exact_mut(width) {
            let mean = Sum::new(row).dispatch() / width as f32;
            let variance = SumSquareSub::new(row, mean).dispatch() / width as f32;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: 1.0 / (variance + self.epsilon).sqrt(),
                element_scale: Some(&self.weight),
                element_bias: Some(&self.bias),
                ..Default::default()
            };
            Normalize::new_mut(row, options).dispatch();
        }
    }
}

impl CustomOp2 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        if l1.shape() != l2.shape() || l1.shape().dims2()?.1 != self.weight.len() {
            bail!("a layer norm of width {} got {:?} and {:?}", self.weight.len(), l1.shape(), l2.shape());
        }
        let mut sums: Vec<f32> = elements(s1, l1)?.iter().zip(elements(s2, l2)?).map(|(x, y)| x + y).collect();
        self.normalize(&mut sums);
        Ok((CpuStorage::F32(sums), l1.shape().clone()))
    }
}
