//! A linear layer and what follows it.

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::elements;
use super::product::{PackedWeight, Scratch};
use crate::model::backend::Backend;

/// Outputs of one tile where something follows the product: with a few hundred tokens it stays in the second-level cache.
const TILE: usize = 512;

/// What follows a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    None,
    /// The exact one, with erf.
    Gelu,
    Relu,
    /// The first half of the outputs by GELU, times the second half (GEGLU, Shazeer 2020, arXiv:2002.05202).
    GatedGelu,
}

/// `activation(x · weightᵀ + bias)`, as torch's `nn.Linear`: `[tokens, inputs]` to `[tokens, outputs]`.
pub struct Linear {
    weight: Weight,
    activation: Activation,
}

enum Weight {
    Packed {
        weight: PackedWeight,
        bias: Vec<f32>,
    },
    /// `[inputs, outputs]` and `[outputs]`, on a device.
    Plain {
        weight: Tensor,
        bias: Tensor,
    },
}

impl Linear {
    /// `weight` is `[outputs, inputs]` row by row, `bias` `[outputs]`; without one it is 0.
    pub fn new(
        weight: &[f32],
        shape: [usize; 2],
        bias: Option<&[f32]>,
        activation: Activation,
        backend: &Backend,
    ) -> Result<Self> {
        let [outputs, inputs] = shape;
        let bias = bias.map_or_else(|| vec![0.0; outputs], <[f32]>::to_vec);
        if bias.len() != outputs || weight.len() != outputs * inputs {
            bail!("{} weights and {} biases for {outputs} outputs of {inputs} inputs", weight.len(), bias.len());
        }
        let weight = match backend {
            Backend::Candle { device, dtype } => plain(weight, shape, bias, device, *dtype)?,
            Backend::Kernels { int8 } if activation == Activation::GatedGelu => {
                let (weight, bias) = (interleave(weight, inputs), interleave(&bias, 1));
                Weight::Packed { weight: PackedWeight::new(&weight, shape, TILE, *int8)?, bias }
            }
            Backend::Kernels { int8 } => {
                // The bias is added by the product itself; without an activation nothing else follows it.
                let tile = if activation == Activation::None && !int8 { outputs } else { TILE };
                Weight::Packed { weight: PackedWeight::new(weight, shape, tile, *int8)?, bias }
            }
        };
        Ok(Self { weight, activation })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Weight::Plain { weight, bias } = &self.weight else { return x.apply_op1_no_bwd(self) };
        let x = x.matmul(weight)?.broadcast_add(bias)?;
        match self.activation {
            Activation::None => Ok(x),
            Activation::Gelu => x.gelu_erf(),
            Activation::Relu => x.relu(),
            Activation::GatedGelu => {
                let halves = x.chunk(2, 1)?;
                &halves[0].contiguous()?.gelu_erf()? * &halves[1]
            }
        }
    }
}

fn plain(weight: &[f32], shape: [usize; 2], bias: Vec<f32>, device: &Device, dtype: DType) -> Result<Weight> {
    let weight = Tensor::from_slice(weight, &shape, device)?.to_dtype(dtype)?.t()?.contiguous()?;
    let outputs = bias.len();
    Ok(Weight::Plain { weight, bias: Tensor::from_vec(bias, outputs, device)?.to_dtype(dtype)? })
}

/// Rows of a gated layer in the order in which tiles need them: as many inputs as half a tile, then their gates.
fn interleave(rows: &[f32], width: usize) -> Vec<f32> {
    let (inputs, gates) = rows.split_at(rows.len() / 2);
    let half = TILE / 2 * width;
    inputs.chunks(half).zip(gates.chunks(half)).flat_map(|(inputs, gates)| [inputs, gates].concat()).collect()
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Weight::Packed { weight, bias } = &self.weight else { bail!("the weight is not packed for the CPU") };
        let (tokens, _) = layout.shape().dims2()?;
        let rows = weight.rows(elements(storage, layout)?)?;
        let outputs = if self.activation == Activation::GatedGelu { weight.outputs / 2 } else { weight.outputs };
        let mut out = Vec::new();
        if let ([tile], Activation::None) = (weight.tiles(), self.activation)
            && tile.multiply_into(&rows, Some(bias), &mut out)?
        {
            return Ok((CpuStorage::F32(out), (tokens, outputs).into()));
        }
        out.resize(tokens * outputs, 0.0);
        let mut scratch = Scratch::default();
        let mut column = 0;
        for (tile, bias) in weight.tiles().iter().zip(bias.chunks(TILE)) {
            tile.multiply(&rows, &mut scratch)?.store(bias, self.activation, &mut out, outputs, column);
            column += if self.activation == Activation::GatedGelu { bias.len() / 2 } else { bias.len() };
        }
        Ok((CpuStorage::F32(out), (tokens, outputs).into()))
    }
}
