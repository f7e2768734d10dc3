//! Matrix products on weights that are packed once, in float32 or in 8 bits.

use candle_core::{Error, Result};
use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedAMatrix, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::quantize::{Columns, QuantizedRows, quantize_weights};

thread_local! {
    /// The kernels for this machine's instruction set.
    static FLOAT32: GemmExecutor = GemmExecutor::new();
    static INT8: GemmExecutor<u8, i8, i32> = GemmExecutor::new();
}

/// Whether this machine multiplies bytes much faster than float32 (VNNI, and the like of other processors).
pub fn has_byte_products() -> bool {
    !INT8.with(GemmExecutor::may_saturate)
}

/// A `[outputs, inputs]` weight in tiles of outputs, laid out once for products with its transpose.
pub struct PackedWeight {
    tiles: Vec<Tile>,
    pub inputs: usize,
    pub outputs: usize,
}

/// Some of a weight's outputs.
pub struct Tile {
    packed: Packed,
}

enum Packed {
    Float32(PackedBMatrix<f32>),
    Int8 { weights: PackedBMatrix<i8>, columns: Columns },
}

/// The left side of a product, `[rows, inputs]`, as the weight needs it.
pub enum Rows<'a> {
    Float32(&'a [f32]),
    /// Laid out for the products once, not for each tile again.
    Int8 {
        packed: PackedAMatrix<u8>,
        rows: QuantizedRows,
    },
}

/// A tile's part of a product, `[rows, outputs of the tile]`, before the bias.
pub enum Product<'a> {
    Float32(&'a [f32]),
    /// An element is `(sum − zero point of its row × sum of its column) × scale of its row × scale of its column`.
    Int8 {
        sums: &'a [i32],
        rows: &'a QuantizedRows,
        columns: &'a Columns,
    },
}

/// What products are written to; used again and again.
#[derive(Default)]
pub struct Scratch {
    float32: Vec<f32>,
    int32: Vec<i32>,
}

impl PackedWeight {
    /// Packs a row-major `[outputs, inputs]` matrix in tiles of `tile` outputs.
    ///
    /// # Errors
    /// If the length of `weight` is not `outputs × inputs`.
    pub fn new(weight: &[f32], [outputs, inputs]: [usize; 2], tile: usize, int8: bool) -> Result<Self> {
        if weight.len() != outputs * inputs || inputs == 0 || tile == 0 {
            candle_core::bail!("a weight of {} elements is not [{outputs}, {inputs}]", weight.len());
        }
        let tiles = weight.chunks(tile * inputs).map(|rows| Tile::new(rows, inputs, int8));
        Ok(Self { tiles: tiles.collect::<Result<_>>()?, inputs, outputs })
    }

    pub fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// Prepares the left side of products: `x` is `[rows, inputs]`.
    pub fn rows<'a>(&self, x: &'a [f32]) -> Result<Rows<'a>> {
        Ok(match self.tiles.first().map(|tile| &tile.packed) {
            Some(Packed::Int8 { .. }) => {
                let rows = QuantizedRows::new(x, self.inputs);
                Rows::Int8 { packed: pack_rows(&rows, self.inputs)?, rows }
            }
            Some(Packed::Float32(_)) | None => Rows::Float32(x),
        })
    }
}

impl Tile {
    fn new(rows: &[f32], inputs: usize, int8: bool) -> Result<Self> {
        let outputs = rows.len() / inputs;
        let packed = if int8 {
            let (weights, columns) = quantize_weights(rows, inputs, !has_byte_products());
            let matrix = NdTensorView::try_from_data([outputs, inputs], weights.as_slice()).map_err(Error::wrap)?;
            Packed::Int8 { weights: INT8.with(|gemm| gemm.prepack_b(matrix.transposed())), columns }
        } else {
            let matrix = NdTensorView::try_from_data([outputs, inputs], rows).map_err(Error::wrap)?;
            Packed::Float32(FLOAT32.with(|gemm| gemm.prepack_b(matrix.transposed())))
        };
        Ok(Self { packed })
    }

    /// What belongs to each output, in 8 bits.
    pub fn columns(&self) -> Option<&Columns> {
        match &self.packed {
            Packed::Int8 { columns, .. } => Some(columns),
            Packed::Float32(_) => None,
        }
    }

    /// `rows · tileᵀ`. `rows` must have been prepared by the tile's own weight.
    pub fn multiply<'a>(&'a self, rows: &'a Rows<'_>, scratch: &'a mut Scratch) -> Result<Product<'a>> {
        match (&self.packed, rows) {
            (Packed::Float32(weights), Rows::Float32(x)) => {
                float32(&mut scratch.float32, matrix(x, weights.rows())?, GemmInputB::Packed(weights), options(None))?;
                Ok(Product::Float32(&scratch.float32))
            }
            (Packed::Int8 { weights, columns }, Rows::Int8 { packed, rows }) => {
                int8(&mut scratch.int32, packed, weights)?;
                Ok(Product::Int8 { sums: &scratch.int32, rows, columns })
            }
            _ => candle_core::bail!("rows of another number format than the weight's"),
        }
    }

    /// Makes `out` the `[rows, outputs]` of `rows · tileᵀ + bias`, if the tile is in float32; else gives false.
    pub fn multiply_into(&self, rows: &Rows<'_>, bias: Option<&[f32]>, out: &mut Vec<f32>) -> Result<bool> {
        let (Packed::Float32(weights), Rows::Float32(x)) = (&self.packed, rows) else { return Ok(false) };
        float32(out, matrix(x, weights.rows())?, GemmInputB::Packed(weights), options(bias))?;
        Ok(true)
    }
}

fn matrix(x: &[f32], inputs: usize) -> Result<GemmInputA<'_, f32>> {
    let matrix = NdTensorView::try_from_data([x.len() / inputs, inputs], x).map_err(Error::wrap)?;
    Ok(GemmInputA::Unpacked(matrix))
}

fn options(bias: Option<&[f32]>) -> GemmOptions<'_, f32, f32, f32> {
    GemmOptions { bias: bias.map(BiasVector::Row), ..Default::default() }
}

/// Makes `out` the product `a · b`, row by row, whatever it held.
///
/// # Errors
/// If the shapes don't fit each other.
pub(super) fn float32(
    out: &mut Vec<f32>,
    a: GemmInputA<'_, f32>,
    b: GemmInputB<'_, f32>,
    options: GemmOptions<'_, f32, f32, f32>,
) -> Result<()> {
    // What the buffer held is overwritten: only its growth is cleared, which costs nothing when it is used again.
    out.resize(a.rows() * b.cols(), 0.0);
    FLOAT32.with(|gemm| gemm.gemm(out, a, b, options)).map_err(Error::wrap)
}

/// Sums of products as they are: the zero points of the rows come in with what follows. (The library's own way gives wrong
/// sums where rows have different zero points: rten-gemm 0.27 packs those of the first rows with all of them.)
fn int8(out: &mut Vec<i32>, rows: &PackedAMatrix<u8>, weights: &PackedBMatrix<i8>) -> Result<()> {
    out.resize(rows.rows() * weights.cols(), 0);
    let (a, b) = (GemmInputA::Packed(rows), GemmInputB::Packed(weights));
    INT8.with(|gemm| gemm.gemm(out, a, b, GemmOptions::default())).map_err(Error::wrap)
}

fn pack_rows(rows: &QuantizedRows, inputs: usize) -> Result<PackedAMatrix<u8>> {
    let shape = [rows.scales.len(), inputs];
    let matrix = NdTensorView::try_from_data(shape, rows.values.as_slice()).map_err(Error::wrap)?;
    Ok(INT8.with(|gemm| gemm.prepack_a(matrix)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::kernels::Activation;

    proptest! {
        /// Law: in 8 bits a product is what it is in float32, to the rounding of the numbers, whichever tile and row.
        #[test]
        fn eight_bits_are_near_float32(
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
            let mut results = [false, true].map(|int8| {
                let weight = PackedWeight::new(&weight, [outputs, inputs], 32, int8).unwrap();
                let mut out = vec![0.0; rows * outputs];
                let mut best = vec![0.0; outputs];
                let (prepared, mut scratch) = (weight.rows(&x).unwrap(), Scratch::default());
                for (index, (tile, bias)) in weight.tiles().iter().zip(bias.chunks(32)).enumerate() {
                    let product = tile.multiply(&prepared, &mut scratch).unwrap();
                    product.store(bias, Activation::None, &mut out, outputs, index * 32);
                    product.max_rows(0, rows, &mut best[index * 32..][..bias.len()]);
                }
                // Law: the maximum over rows is that of what was stored, without the bias.
                for (column, best) in best.iter().enumerate() {
                    let stored = (0..rows).map(|row| out[row * outputs + column] - bias[column]);
                    assert!((stored.fold(f32::NEG_INFINITY, f32::max) - best).abs() < 1e-4);
                }
                out
            });
            let (quantized, exact) = (results[1].split_off(0), results[0].split_off(0));
            let tolerance = 0.01 * inputs as f32;
            for (quantized, exact) in quantized.iter().zip(&exact) {
                prop_assert!((quantized - exact).abs() < tolerance, "{quantized} for {exact}");
            }
        }
    }
}
