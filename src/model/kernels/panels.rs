//! float32 matrix products with weights packed once into panels.
//!
//! A panel holds the outputs of two SIMD vectors, input by input. The sums of six rows by one panel stay in registers
//! over all inputs, so each result is written once and the epilogue runs on it there. These twelve accumulators hide
//! the latency of fused multiply-adds and fit into sixteen registers together with their operands. The panel stays in
//! the L2 cache while all rows of a batch are processed (Goto and van de Geijn, Anatomy of High-Performance Matrix
//! Multiplication, 2008; without blocking over the inputs, of which a layer has few).
//!
//! See docs/adr/0013-float32-panels.md.

use candle_core::{Result, bail};
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use super::aligned::AlignedBuffer;
use super::epilogue::{Activation, MAX_LANES};

/// Number of rows whose sums are held in registers.
const BLOCK_ROWS: usize = 6;
/// Number of SIMD vectors per panel.
const PANEL_VECTORS: usize = 2;

/// A packed `[outputs, inputs]` weight with its bias and activation.
pub struct PackedPanels {
    /// `[panels, inputs, columns of a panel]`, padded with zeros.
    weight: AlignedBuffer,
    /// `[panels, columns of a panel]`.
    bias: Vec<f32>,
    inputs: usize,
    /// Number of outputs of the result: half of the weight's rows if gated.
    outputs: usize,
    activation: Activation,
}

impl PackedPanels {
    /// Packs a row-major `[outputs, inputs]` weight; `bias` is `[outputs]`, zero if missing.
    ///
    /// A gated weight has inputs in the first half of its rows and gates in the second.
    ///
    /// # Errors
    /// If the lengths of `weight` and `bias` do not match `inputs`, or a gated weight has an odd number of rows.
    pub fn new(weight: &[f32], inputs: usize, bias: Option<&[f32]>, activation: Activation) -> Result<Self> {
        if weight.is_empty() || inputs == 0 || !weight.len().is_multiple_of(inputs) {
            bail!("shape mismatch: a weight of {} elements and {inputs} inputs", weight.len());
        }
        let rows = weight.len() / inputs;
        if bias.is_some_and(|bias| bias.len() != rows) {
            bail!("shape mismatch: expected {rows} biases");
        }
        let lanes = LaneCount.dispatch();
        let is_gated = activation == Activation::GatedGelu;
        if is_gated && !rows.is_multiple_of(2) {
            bail!("a gated weight needs an even number of rows, got {rows}");
        }
        let (outputs, width) = if is_gated { (rows / 2, lanes) } else { (rows, PANEL_VECTORS * lanes) };
        // Maps each packed column to a row of the weight. A gated panel has one vector of inputs and one of their
        // gates.
        let columns: Vec<Option<usize>> = (0..outputs.div_ceil(width) * PANEL_VECTORS * lanes)
            .map(|column| {
                let (panel, at) = (column / (PANEL_VECTORS * lanes), column % (PANEL_VECTORS * lanes));
                let output = panel * width + at % width;
                (output < outputs).then_some(output + at / width * outputs)
            })
            .collect();
        let mut panels = AlignedBuffer::new(&[], columns.len() * inputs);
        let packed = panels.as_mut_slice().chunks_exact_mut(PANEL_VECTORS * lanes * inputs);
        for (panel, columns) in packed.zip(columns.chunks_exact(PANEL_VECTORS * lanes)) {
            for (at, row) in columns.iter().enumerate() {
                let Some(row) = row else { continue };
                let column = panel[at..].iter_mut().step_by(PANEL_VECTORS * lanes);
                column.zip(&weight[row * inputs..]).for_each(|(packed, weight)| *packed = *weight);
            }
        }
        let bias = columns.iter().map(|row| row.and_then(|row| bias?.get(row).copied()).unwrap_or_default()).collect();
        Ok(Self { weight: panels, bias, inputs, outputs, activation })
    }

    /// Writes `activation(x · weightᵀ + bias)`, `[rows, outputs]`, to `out` and returns the number of outputs; `x` is
    /// `[rows, inputs]`. Each row of the result depends on its own input row only, bit for bit.
    ///
    /// # Errors
    /// If the length of `x` is not a multiple of the number of inputs.
    pub fn multiply(&self, x: &[f32], out: &mut Vec<f32>) -> Result<usize> {
        if !x.len().is_multiple_of(self.inputs) {
            bail!("shape mismatch: {} elements are not a multiple of {} inputs", x.len(), self.inputs);
        }
        // The product overwrites old content, so `resize` only has to clear the growth; a reused buffer costs nothing.
        out.resize(x.len() / self.inputs * self.outputs, 0.0);
        MultiplyPanels { panels: self, x, out }.dispatch();
        Ok(self.outputs)
    }
}

/// Returns the number of float32 lanes of a SIMD vector.
struct LaneCount;

impl SimdOp for LaneCount {
    type Output = usize;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> usize {
        isa.f32().len()
    }
}

struct MultiplyPanels<'a> {
    panels: &'a PackedPanels,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl SimdOp for MultiplyPanels<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let PackedPanels { weight, bias, inputs, outputs, activation } = self.panels;
        let columns = PANEL_VECTORS * isa.f32().len();
        let width = if *activation == Activation::GatedGelu { columns / 2 } else { columns };
        let panels = weight.as_slice().chunks_exact(columns * inputs).zip(bias.chunks_exact(columns));
        let mut products = [0.0; BLOCK_ROWS * PANEL_VECTORS * MAX_LANES];
        for ((weight, bias), first) in panels.zip((0..).step_by(width)) {
            let panel = Panel { weight, bias, inputs: *inputs };
            for (x, out) in self.x.chunks(BLOCK_ROWS * inputs).zip(self.out.chunks_mut(BLOCK_ROWS * outputs)) {
                match x.len() / inputs {
                    1 => panel.multiply::<I, 1>(isa, x, &mut products),
                    2 => panel.multiply::<I, 2>(isa, x, &mut products),
                    3 => panel.multiply::<I, 3>(isa, x, &mut products),
                    4 => panel.multiply::<I, 4>(isa, x, &mut products),
                    5 => panel.multiply::<I, 5>(isa, x, &mut products),
                    _ => panel.multiply::<I, BLOCK_ROWS>(isa, x, &mut products),
                }
                for (products, out) in products.chunks_exact_mut(columns).zip(out.chunks_exact_mut(*outputs)) {
                    activation.apply_row(isa, products);
                    let out = &mut out[first..(first + width).min(*outputs)];
                    out.copy_from_slice(&products[..out.len()]);
                }
            }
        }
    }
}

struct Panel<'a> {
    weight: &'a [f32],
    bias: &'a [f32],
    inputs: usize,
}

impl Panel<'_> {
    /// Computes the products of `N` rows with a panel, `[N, columns]`.
    #[inline(always)]
    fn multiply<I: Isa, const N: usize>(&self, isa: I, x: &[f32], products: &mut [f32]) {
        let ops = isa.f32();
        // The bias is added at the end: accumulators that start as copies of two bias vectors would not all stay in
        // registers.
        let mut sums = [[ops.zero(); PANEL_VECTORS]; N];
        // Slices of exactly the loop's length let the compiler remove bounds checks.
        let rows: [&[f32]; N] = std::array::from_fn(|row| &x[row * self.inputs..][..self.inputs]);
        for (input, weight) in (0..self.inputs).zip(self.weight.chunks_exact(PANEL_VECTORS * ops.len())) {
            let weight: [I::F32; PANEL_VECTORS] = ops.load_many(weight);
            for row in 0..N {
                let x = ops.splat(rows[row][input]);
                for vector in 0..PANEL_VECTORS {
                    sums[row][vector] = ops.mul_add(x, weight[vector], sums[row][vector]);
                }
            }
        }
        let bias: [I::F32; PANEL_VECTORS] = ops.load_many(self.bias);
        let mut products = products.chunks_exact_mut(ops.len());
        for sums in &sums {
            for (sum, bias) in sums.iter().zip(bias) {
                let Some(product) = products.next() else { return };
                ops.store(ops.add(*sum, bias), product);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: products of all shapes agree with the definition, and a row does not depend on other rows.
        #[test]
        fn product_agrees_with_the_definition_row_by_row(
            count in 1usize..20,
            inputs in 1usize..40,
            outputs in 1usize..100,
            activation in prop::sample::select(vec![
                Activation::None,
                Activation::Relu,
                Activation::Gelu,
                Activation::GatedGelu,
            ]),
            seed in any::<u32>(),
        ) {
            let mut state = seed;
            let mut random = |count: usize| -> Vec<f32> {
                let next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state as f32 / u32::MAX as f32 - 0.5
                };
                std::iter::repeat_with(next).take(count).collect()
            };
            let rows = if activation == Activation::GatedGelu { 2 * outputs } else { outputs };
            let (x, weight, bias) = (random(count * inputs), random(rows * inputs), random(rows));
            let panels = PackedPanels::new(&weight, inputs, Some(&bias), activation).unwrap();
            let mut got = vec![f32::NAN; 7];
            panels.multiply(&x, &mut got).unwrap();
            prop_assert_eq!(got.len(), count * outputs);
            for (x, got) in x.chunks(inputs).zip(got.chunks(outputs)) {
                let dot = |row: usize| -> f32 {
                    x.iter().zip(&weight[row * inputs..]).map(|(x, weight)| x * weight).sum::<f32>() + bias[row]
                };
                let gelu = |x: f32| x * 0.5 * (1.0 + candle_core::cpu::erf::erf_f64(f64::from(x) / 2f64.sqrt()) as f32);
                for (output, &got) in got.iter().enumerate() {
                    let want = match activation {
                        Activation::None => dot(output),
                        Activation::Relu => dot(output).max(0.0),
                        Activation::Gelu => gelu(dot(output)),
                        Activation::GatedGelu => gelu(dot(output)) * dot(outputs + output),
                    };
                    prop_assert!((got - want).abs() < 1e-4, "{got} for {want}");
                }
                let mut alone = Vec::new();
                panels.multiply(x, &mut alone).unwrap();
                prop_assert_eq!(&alone, got);
            }
        }
    }

    #[test]
    fn mismatched_lengths_are_refused() {
        let refused = |weight: usize, inputs, bias: Option<usize>, activation| {
            let bias = bias.map(|length| vec![0.0; length]);
            PackedPanels::new(&vec![0.0; weight], inputs, bias.as_deref(), activation).is_err()
        };
        assert!(refused(0, 2, None, Activation::None));
        assert!(refused(6, 0, None, Activation::None));
        assert!(refused(7, 2, None, Activation::None));
        assert!(refused(6, 2, Some(2), Activation::None));
        assert!(refused(6, 2, None, Activation::GatedGelu));
        assert!(!refused(6, 2, Some(3), Activation::Gelu));
        let panels = PackedPanels::new(&[0.0; 6], 2, None, Activation::None).unwrap();
        assert!(panels.multiply(&[0.0; 5], &mut Vec::new()).is_err());
    }
}
