//! Linear layers with fused bias and activation.

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::contiguous::contiguous_elements;
use super::epilogue::Activation;
use super::int8::Int8Weight;
use super::panels::PackedPanels;
use crate::model::backend::Backend;

/// Number of outputs per tile of an 8-bit product: for a few hundred tokens, a tile fits into the L2 cache.
const TILE_OUTPUTS: usize = 512;

/// Computes `activation(x · weightᵀ + bias)`, like torch's `nn.Linear`: `[tokens, inputs]` to `[tokens, outputs]`.
pub struct Linear {
    inputs: usize,
    weight: LinearWeight,
    activation: Activation,
}

enum LinearWeight {
    Float32(PackedPanels),
    Int8 {
        weight: Int8Weight,
        bias: Vec<f32>,
    },
    /// Weight `[inputs, outputs]` and bias `[outputs]` on a candle device.
    OnDevice {
        weight: Tensor,
        bias: Tensor,
    },
}

impl Linear {
    /// Packs the layer. `shape` is `[outputs, inputs]`, `weight` is row-major; a missing bias is 0.
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
            bail!("shape mismatch: {} weights and {} biases for [{outputs}, {inputs}]", weight.len(), bias.len());
        }
        let weight = match backend {
            Backend::Candle { device, dtype } => load_on_device(weight, shape, bias, device, *dtype)?,
            Backend::Kernels { int8: false } => {
                LinearWeight::Float32(PackedPanels::new(weight, inputs, Some(&bias), activation)?)
            }
            Backend::Kernels { int8: true } if activation == Activation::GatedGelu => {
                let (weight, bias) = (interleave_gates(weight, inputs), interleave_gates(&bias, 1));
                LinearWeight::Int8 { weight: Int8Weight::new(&weight, shape, TILE_OUTPUTS)?, bias }
            }
            Backend::Kernels { int8: true } => {
                LinearWeight::Int8 { weight: Int8Weight::new(weight, shape, TILE_OUTPUTS)?, bias }
            }
        };
        Ok(Self { inputs, weight, activation })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let LinearWeight::OnDevice { weight, bias } = &self.weight else { return x.apply_op1_no_bwd(self) };
        let x = x.matmul(weight)?.broadcast_add(bias)?;
        match self.activation {
            Activation::None => Ok(x),
            Activation::Gelu => x.gelu_erf(),
            // As in the kernels, non-finite values become NaN; candle's relu would turn NaN and −∞ into 0.
            Activation::Relu => x.relu()? + (&x * 0.0)?,
            Activation::GatedGelu => {
                let halves = x.chunk(2, 1)?;
                &halves[0].contiguous()?.gelu_erf()? * &halves[1]
            }
        }
    }
}

fn load_on_device(
    weight: &[f32],
    shape: [usize; 2],
    bias: Vec<f32>,
    device: &Device,
    dtype: DType,
) -> Result<LinearWeight> {
    let weight = Tensor::from_slice(weight, &shape, device)?.to_dtype(dtype)?.t()?.contiguous()?;
    let outputs = bias.len();
    Ok(LinearWeight::OnDevice { weight, bias: Tensor::from_vec(bias, outputs, device)?.to_dtype(dtype)? })
}

/// Reorders the rows of a gated layer: each tile gets half a tile of inputs, followed by their gates.
fn interleave_gates(rows: &[f32], width: usize) -> Vec<f32> {
    let (inputs, gates) = rows.split_at(rows.len() / 2);
    let half = TILE_OUTPUTS / 2 * width;
    inputs.chunks(half).zip(gates.chunks(half)).flat_map(|(inputs, gates)| [inputs, gates].concat()).collect()
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, width) = layout.shape().dims2()?;
        if width != self.inputs {
            bail!("shape mismatch: a linear layer of {} inputs and rows of {width}", self.inputs);
        }
        let x = contiguous_elements(storage, layout)?;
        let mut out = Vec::new();
        let outputs = match &self.weight {
            LinearWeight::Float32(panels) => panels.multiply(x, &mut out)?,
            LinearWeight::Int8 { weight, bias } => self.multiply_int8(weight, bias, x, &mut out)?,
            LinearWeight::OnDevice { .. } => bail!("the weight is not packed for the CPU"),
        };
        Ok((CpuStorage::F32(out), (tokens, outputs).into()))
    }
}

impl Linear {
    /// Writes the result to `out` and returns the number of outputs.
    fn multiply_int8(&self, weight: &Int8Weight, bias: &[f32], x: &[f32], out: &mut Vec<f32>) -> Result<usize> {
        let rows = weight.prepare_rows(x)?;
        let columns_per_output = if self.activation == Activation::GatedGelu { 2 } else { 1 };
        let outputs = weight.outputs / columns_per_output;
        out.resize(x.len() / weight.inputs * outputs, 0.0);
        let mut sums = Vec::new();
        let mut column = 0;
        for (tile, bias) in weight.tiles().iter().zip(bias.chunks(TILE_OUTPUTS)) {
            tile.multiply(&rows, &mut sums)?.store(bias, self.activation, out, outputs, column);
            column += bias.len() / columns_per_output;
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Property: with every activation, a row that overflows or contains NaN stays non-finite, and no other row
    /// changes.
    #[test]
    fn an_overflow_is_not_swallowed() -> Result<()> {
        let (inputs, outputs) = (24, 20);
        let shape = [outputs, inputs];
        let candle = Backend::Candle { device: Device::Cpu, dtype: DType::F32 };
        let weight: Vec<f32> = (0..outputs * inputs).map(|at| ((at * 13 % 17) as f32 - 8.0) / 8.0).collect();
        for activation in [Activation::None, Activation::Gelu, Activation::Relu, Activation::GatedGelu] {
            for backend in [Backend::default(), Backend::Kernels { int8: true }, candle.clone()] {
                let linear = Linear::new(&weight, shape, None, activation, &backend)?;
                let mut rows: Vec<f32> = (0..3 * inputs).map(|at| (at * 5 % 7) as f32 - 3.0).collect();
                let forward =
                    |rows: &[f32]| linear.forward(&Tensor::from_slice(rows, (3, inputs), &Device::Cpu)?)?.to_vec2();
                let expected: Vec<Vec<f32>> = forward(&rows)?;
                for bad in [[f32::NAN, 0.0], [f32::INFINITY, 0.0], [f32::NEG_INFINITY, 0.0], [3e38, -3e38], [-3e38; 2]]
                {
                    // The first and the last column have large weights of either sign.
                    (rows[inputs], rows[2 * inputs - 1]) = (bad[0], bad[1]);
                    rows[inputs + 1..2 * inputs - 1].fill(bad[0].signum() * 3e38);
                    let got: Vec<Vec<f32>> = forward(&rows)?;
                    let case = format!("{activation:?} {backend:?}: {bad:?} gave {:?}", got[1]);
                    assert!(!crate::model::kernels::max_abs(&got[1]).is_finite(), "{case}");
                    assert_eq!([&got[0], &got[2]], [&expected[0], &expected[2]], "{case}");
                }
            }
        }
        Ok(())
    }
}
