//! A linear layer on prepacked weights.

use candle_core::{CpuStorage, CustomOp1, Error, Layout, Result, Shape, Tensor, bail};
use rten_gemm::{BiasVector, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::SimdUnaryOp;
use rten_tensor::NdTensorView;
use rten_vecmath::Gelu;

use super::elements;
use super::product::{multiply_into, with_gemm};

/// What follows a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    None,
    /// The exact one, with erf.
    Gelu,
    Relu,
}

/// A `[outputs, inputs]` weight, laid out once for products with its transpose.
pub struct PackedWeight {
    packed: PackedBMatrix<f32>,
    pub inputs: usize,
    pub outputs: usize,
}

impl PackedWeight {
    /// Packs a row-major `[outputs, inputs]` matrix.
    ///
    /// # Errors
    /// If the length of `weight` is not `outputs × inputs`.
    pub fn new(weight: &[f32], outputs: usize, inputs: usize) -> Result<Self> {
        let matrix = NdTensorView::try_from_data([outputs, inputs], weight).map_err(Error::wrap)?;
        Ok(Self { packed: with_gemm(|gemm| gemm.prepack_b(matrix.transposed())), inputs, outputs })
    }

    /// Makes `out` the `[rows, outputs]` of `x · weightᵀ + bias`; `x` is `[rows, inputs]`.
    pub fn multiply(&self, x: &[f32], bias: Option<&[f32]>, out: &mut Vec<f32>) -> Result<()> {
        let rows = x.len() / self.inputs;
        let a = NdTensorView::try_from_data([rows, self.inputs], x).map_err(Error::wrap)?;
        let options = GemmOptions { bias: bias.map(BiasVector::Row), ..Default::default() };
        multiply_into(out, GemmInputA::Unpacked(a), GemmInputB::Packed(&self.packed), options)
    }
}

/// `activation(x · weightᵀ + bias)`, as torch's `nn.Linear`: `[tokens, inputs]` to `[tokens, outputs]`.
pub struct Linear {
    weight: PackedWeight,
    bias: Vec<f32>,
    activation: Activation,
}

impl Linear {
    /// `weight` is `[outputs, inputs]`, `bias` `[outputs]`.
    pub fn new(weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<Self> {
        let (outputs, inputs) = weight.dims2()?;
        let bias = bias.to_vec1::<f32>()?;
        if bias.len() != outputs {
            bail!("the bias has {} elements for {outputs} outputs", bias.len());
        }
        let weight = weight.flatten_all()?.to_vec1::<f32>()?;
        Ok(Self { weight: PackedWeight::new(&weight, outputs, inputs)?, bias, activation })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, _) = layout.shape().dims2()?;
        let mut out = Vec::new();
        self.weight.multiply(elements(storage, layout)?, Some(&self.bias), &mut out)?;
        match self.activation {
            Activation::None => {}
            Activation::Gelu => Gelu {}.map_mut(&mut out),
            Activation::Relu => out.iter_mut().for_each(|x| *x = x.max(0.0)),
        }
        Ok((CpuStorage::F32(out), (tokens, self.weight.outputs).into()))
    }
}
