//! 8-bit matrix products with prepacked weights.
//!
//! See docs/adr/0028-int8.md.

use candle_core::{Error, Result, bail};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedAMatrix, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::quantize::{ChannelQuantParams, QuantizedRows, quantize_weights};

thread_local! {
    /// 8-bit kernels for this CPU's instruction set.
    static INT8_GEMM: GemmExecutor<u8, i8, i32> = GemmExecutor::new();
}

/// Returns true if this CPU multiplies bytes much faster than float32 (VNNI and its equivalents on other
/// architectures).
pub fn has_fast_int8_gemm() -> bool {
    // Kernels that may saturate are those without dedicated dot-product instructions.
    !INT8_GEMM.with(GemmExecutor::may_saturate)
}

/// A `[outputs, inputs]` weight in tiles of outputs, quantized and packed once.
pub struct Int8Weight {
    tiles: Vec<Int8Tile>,
    pub inputs: usize,
    pub outputs: usize,
}

/// A range of a weight's outputs.
pub struct Int8Tile {
    weights: PackedBMatrix<i8>,
    pub columns: ChannelQuantParams,
}

/// Left operand of a product, `[rows, inputs]`: quantized and packed once for all tiles.
pub struct Int8Rows {
    packed: PackedAMatrix<u8>,
    pub quantized: QuantizedRows,
}

/// Product of a tile, `[rows, outputs of the tile]`, before the bias. An element is `(sum − zero point of its row × sum
/// of its column) × scale of its row × scale of its column`.
pub struct Int8GemmOutput<'a> {
    pub sums: &'a [i32],
    pub rows: &'a QuantizedRows,
    pub columns: &'a ChannelQuantParams,
}

impl Int8Weight {
    /// Quantizes and packs a row-major `[outputs, inputs]` matrix in tiles of `tile_outputs` outputs.
    ///
    /// # Errors
    /// If the length of `weight` is not `outputs × inputs`.
    pub fn new(weight: &[f32], [outputs, inputs]: [usize; 2], tile_outputs: usize) -> Result<Self> {
        if weight.len() != outputs * inputs || inputs == 0 || tile_outputs == 0 {
            bail!("shape mismatch: a weight of {} elements, expected [{outputs}, {inputs}]", weight.len());
        }
        let tiles = weight.chunks(tile_outputs * inputs).map(|rows| Int8Tile::new(rows, inputs));
        Ok(Self { tiles: tiles.collect::<Result<_>>()?, inputs, outputs })
    }

    pub fn tiles(&self) -> &[Int8Tile] {
        &self.tiles
    }

    /// Quantizes and packs the left operand; `x` is `[rows, inputs]`.
    pub fn prepare_rows(&self, x: &[f32]) -> Result<Int8Rows> {
        let quantized = QuantizedRows::new(x, self.inputs);
        let shape = [quantized.scales.len(), self.inputs];
        let matrix = NdTensorView::try_from_data(shape, quantized.values.as_slice()).map_err(Error::wrap)?;
        // Packed once here instead of per tile: a decoder has dozens of tiles.
        Ok(Int8Rows { packed: INT8_GEMM.with(|gemm| gemm.prepack_a(matrix)), quantized })
    }
}

impl Int8Tile {
    fn new(rows: &[f32], inputs: usize) -> Result<Self> {
        let (weights, columns) = quantize_weights(rows, inputs, !has_fast_int8_gemm());
        let matrix = NdTensorView::try_from_data([rows.len() / inputs, inputs], weights.as_slice());
        let matrix = matrix.map_err(Error::wrap)?;
        Ok(Self { weights: INT8_GEMM.with(|gemm| gemm.prepack_b(matrix.transposed())), columns })
    }

    /// Computes `rows · tileᵀ` into the reusable buffer `sums`. `rows` must be prepared by the same weight.
    ///
    /// The sums are raw products; the epilogue subtracts the zero points of the rows. The zero-point support of
    /// rten-gemm 0.27 is not used, because it packs the zero points of the first rows with all blocks and gives wrong
    /// sums if rows differ.
    pub fn multiply<'a>(&'a self, rows: &'a Int8Rows, sums: &'a mut Vec<i32>) -> Result<Int8GemmOutput<'a>> {
        sums.resize(rows.packed.rows() * self.weights.cols(), 0);
        let (a, b) = (GemmInputA::Packed(&rows.packed), GemmInputB::Packed(&self.weights));
        INT8_GEMM.with(|gemm| gemm.gemm(sums, a, b, GemmOptions::default())).map_err(Error::wrap)?;
        Ok(Int8GemmOutput { sums, rows: &rows.quantized, columns: &self.columns })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::kernels::panels::PackedPanels;
    use crate::model::kernels::{Activation, GemmOutput};

    proptest! {
        /// Property: for every tile and row, the 8-bit product agrees with float32 up to quantization error.
        #[test]
        fn int8_product_agrees_with_float32(
            rows in 1usize..150,
            inputs in 1usize..70,
            outputs in 1usize..90,
            seed in any::<u32>(),
        ) {
            let mut state = seed;
            let mut random = |count: usize| -> Vec<f32> {
                let next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state as f32 / u32::MAX as f32 - 0.3
                };
                std::iter::repeat_with(next).take(count).collect()
            };
            let (x, weight, bias) = (random(rows * inputs), random(outputs * inputs), random(outputs));
            let (mut exact, mut quantized) = (Vec::new(), vec![0.0; rows * outputs]);
            PackedPanels::new(&weight, inputs, Some(&bias), Activation::None).unwrap().multiply(&x, &mut exact).unwrap();
            let weight = Int8Weight::new(&weight, [outputs, inputs], 32).unwrap();
            let (prepared, mut sums) = (weight.prepare_rows(&x).unwrap(), Vec::new());
            let mut best = vec![0.0; outputs];
            for (index, (tile, bias)) in weight.tiles().iter().zip(bias.chunks(32)).enumerate() {
                let product = tile.multiply(&prepared, &mut sums).unwrap();
                product.store(bias, Activation::None, &mut quantized, outputs, index * 32);
                GemmOutput::Int8(product).max_over_rows(0..rows, &mut best[index * 32..][..bias.len()]);
            }
            let tolerance = 0.01 * inputs as f32;
            for (quantized, exact) in quantized.iter().zip(&exact) {
                prop_assert!((quantized - exact).abs() < tolerance, "{quantized} for {exact}");
            }
            // With both dtypes, the maximum over rows is that of the stored product without the bias.
            let mut best_exact = vec![0.0; outputs];
            GemmOutput::Float32(&exact).max_over_rows(0..rows, &mut best_exact);
            for column in 0..outputs {
                let most = |stored: &[f32]| {
                    (0..rows).map(|row| stored[row * outputs + column]).fold(f32::NEG_INFINITY, f32::max)
                };
                prop_assert!((most(&quantized) - bias[column] - best[column]).abs() < 1e-4);
                prop_assert_eq!(most(&exact), best_exact[column]);
            }
        }
    }
}
