//! Epilogues of matrix products, applied while the product is in the cache: scales, bias, activation, or the maximum
//! over rows.
//!
//! See docs/adr/0027-fused-epilogues.md.

use std::ops::Range;

use rten_simd::ops::{BitOps, NumOps, ToFloat};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Gelu;

use super::finite::max_abs;
use super::int8::Int8GemmOutput;
use super::quantize::{ChannelQuantParams, QuantizedRows};

/// Maximum number of float32 lanes of a SIMD vector.
pub const MAX_LANES: usize = 64;

/// Activation function of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    None,
    /// Exact GELU, with erf.
    Gelu,
    Relu,
    /// GELU of the first half of the outputs, multiplied by the second half (GEGLU, Shazeer 2020, arXiv:2002.05202).
    GatedGelu,
}

// All SIMD functions are `inline(always)`: only then are they compiled for the instruction set of their caller. For the
// same reason they use no closures.
impl Activation {
    /// Applies the function to a vector of outputs. For a gated activation, the caller multiplies by the gate.
    #[inline(always)]
    fn apply_vector<I: Isa>(self, isa: I, x: I::F32) -> I::F32 {
        match self {
            Self::None => x,
            Self::Relu => relu(isa, x),
            Self::Gelu | Self::GatedGelu => Gelu {}.eval(isa, x),
        }
    }

    /// Applies the function in place to a row whose length is a multiple of the vector length. A gated activation
    /// leaves its outputs in the first half.
    #[inline(always)]
    pub fn apply_row<I: Isa>(self, isa: I, row: &mut [f32]) {
        let ops = isa.f32();
        match self {
            Self::None => {}
            Self::Relu | Self::Gelu => {
                for x in row.chunks_exact_mut(ops.len()) {
                    let y = self.apply_vector(isa, ops.load(x));
                    ops.store(y, x);
                }
            }
            Self::GatedGelu => {
                let (inputs, gates) = row.split_at_mut(row.len() / 2);
                for (x, gate) in inputs.chunks_exact_mut(ops.len()).zip(gates.chunks_exact(ops.len())) {
                    let y = ops.mul(self.apply_vector(isa, ops.load(x)), ops.load(gate));
                    ops.store(y, x);
                }
            }
        }
    }
}

/// Returns the maximum of 0 and `x`, or NaN if `x` is not finite: `max` alone would turn NaN and −∞ into 0.
#[inline(always)]
fn relu<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let ops = isa.f32();
    // `poison` is NaN if `x` is NaN or infinite, otherwise 0.
    let poison = ops.sub(x, x);
    ops.add(ops.max(x, ops.zero()), poison)
}

/// Product `[rows, outputs]` to pool.
pub enum GemmOutput<'a> {
    Float32(&'a [f32]),
    Int8(Int8GemmOutput<'a>),
}

impl GemmOutput<'_> {
    /// Writes the maximum of each column over some rows to `best`. Ignores NaN; check with [`Self::is_finite`] if
    /// elements may not be finite.
    pub fn max_over_rows(&self, rows: Range<usize>, best: &mut [f32]) {
        best.fill(f32::NEG_INFINITY);
        if !best.is_empty() {
            MaxOverRows { product: self, rows, best }.dispatch();
        }
    }

    /// Returns true if all elements of some rows, of `outputs` columns each, are finite.
    pub fn is_finite(&self, rows: Range<usize>, outputs: usize) -> bool {
        match self {
            Self::Float32(product) => max_abs(&product[rows.start * outputs..rows.end * outputs]).is_finite(),
            Self::Int8(_) => rows
                .flat_map(|row| (0..outputs).map(move |column| (row, column)))
                .all(|(row, column)| self.get(row, column, outputs).is_finite()),
        }
    }

    /// Returns the element at a row and a column.
    pub fn get(&self, row: usize, column: usize, outputs: usize) -> f32 {
        let index = row * outputs + column;
        match self {
            Self::Float32(product) => product[index],
            Self::Int8(Int8GemmOutput { sums, rows, columns }) => {
                let sum = sums[index] - rows.zero_points[row] * columns.sums[column];
                sum as f32 * (columns.scales[column] * rows.scales[row])
            }
        }
    }
}

impl Int8GemmOutput<'_> {
    /// Writes `activation(product + bias)` into the columns of `out` from `column`; the rows of `out` have `stride`
    /// elements.
    ///
    /// A gated product has inputs in the first half of its columns and gates in the second, and writes half as many
    /// columns.
    pub fn store(&self, bias: &[f32], activation: Activation, out: &mut [f32], stride: usize, column: usize) {
        StoreRows { product: self, bias, activation, out, stride, column }.dispatch();
    }
}

// Each of these operations covers a whole product, because selecting the instruction set (`dispatch`) costs as much as
// a short row.

struct StoreRows<'a> {
    product: &'a Int8GemmOutput<'a>,
    bias: &'a [f32],
    activation: Activation,
    out: &'a mut [f32],
    stride: usize,
    column: usize,
}

impl SimdOp for StoreRows<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { product: Int8GemmOutput { sums, rows, columns }, bias, activation, out, stride, column } = self;
        let outputs = bias.len();
        let width = if activation == Activation::GatedGelu { outputs / 2 } else { outputs };
        for ((row_index, out), sums) in out.chunks_exact_mut(stride).enumerate().zip(sums.chunks_exact(outputs)) {
            let row = Int8OutputRow::new(sums, rows, row_index, columns);
            StoreRow { row, bias, activation, out: &mut out[column..column + width] }.eval(isa);
        }
    }
}

struct MaxOverRows<'a> {
    product: &'a GemmOutput<'a>,
    rows: Range<usize>,
    best: &'a mut [f32],
}

impl SimdOp for MaxOverRows<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { product, rows, best } = self;
        for row_index in rows {
            let row = row_index * best.len()..(row_index + 1) * best.len();
            match product {
                GemmOutput::Float32(product) => MaxOverRow { row: Float32OutputRow(&product[row]), best }.eval(isa),
                GemmOutput::Int8(Int8GemmOutput { sums, rows, columns }) => {
                    MaxOverRow { row: Int8OutputRow::new(&sums[row], rows, row_index, columns), best }.eval(isa);
                }
            }
        }
    }
}

/// Row of a product, read one SIMD vector at a time.
trait OutputRow {
    /// Loads a full vector of columns from `at`.
    fn load<I: Isa>(&self, isa: I, at: usize) -> I::F32;
    /// Loads the remaining columns `at..end`, fewer than a vector, padded with zeros.
    fn load_partial<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32;
}

struct Float32OutputRow<'a>(&'a [f32]);

impl OutputRow for Float32OutputRow<'_> {
    #[inline(always)]
    fn load<I: Isa>(&self, isa: I, at: usize) -> I::F32 {
        isa.f32().load(&self.0[at..])
    }

    #[inline(always)]
    fn load_partial<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        isa.f32().load_pad(&self.0[at..end]).0
    }
}

struct Int8OutputRow<'a> {
    sums: &'a [i32],
    scale: f32,
    zero_point: i32,
    columns: &'a ChannelQuantParams,
}

impl<'a> Int8OutputRow<'a> {
    #[inline(always)]
    fn new(sums: &'a [i32], rows: &QuantizedRows, row: usize, columns: &'a ChannelQuantParams) -> Self {
        Self { sums, scale: rows.scales[row], zero_point: rows.zero_points[row], columns }
    }

    #[inline(always)]
    fn dequantize<I: Isa>(&self, isa: I, sums: I::I32, column_sums: I::I32, column_scales: I::F32) -> I::F32 {
        let (int, float) = (isa.i32(), isa.f32());
        let sums = int.sub(sums, int.mul(int.splat(self.zero_point), column_sums));
        float.mul(int.to_float(sums), float.mul(column_scales, float.splat(self.scale)))
    }
}

impl OutputRow for Int8OutputRow<'_> {
    #[inline(always)]
    fn load<I: Isa>(&self, isa: I, at: usize) -> I::F32 {
        let (int, ChannelQuantParams { scales, sums }) = (isa.i32(), self.columns);
        self.dequantize(isa, int.load(&self.sums[at..]), int.load(&sums[at..]), isa.f32().load(&scales[at..]))
    }

    #[inline(always)]
    fn load_partial<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        let (int, ChannelQuantParams { scales, sums }) = (isa.i32(), self.columns);
        let column_sums = int.load_pad(&sums[at..end]).0;
        self.dequantize(isa, int.load_pad(&self.sums[at..end]).0, column_sums, isa.f32().load_pad(&scales[at..end]).0)
    }
}

struct StoreRow<'a> {
    row: Int8OutputRow<'a>,
    bias: &'a [f32],
    activation: Activation,
    out: &'a mut [f32],
}

impl StoreRow<'_> {
    /// Computes `product + bias` of the columns `at..end`, at most one vector.
    #[inline(always)]
    fn load_biased<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        let ops = isa.f32();
        if end - at == ops.len() {
            ops.add(self.row.load(isa, at), ops.load(&self.bias[at..]))
        } else {
            ops.add(self.row.load_partial(isa, at, end), ops.load_pad(&self.bias[at..end]).0)
        }
    }

    /// Computes columns `at..end` of the output.
    #[inline(always)]
    fn compute_columns<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        let x = self.activation.apply_vector(isa, self.load_biased(isa, at, end));
        if self.activation == Activation::GatedGelu {
            let half = self.out.len();
            return isa.f32().mul(x, self.load_biased(isa, half + at, half + end));
        }
        x
    }
}

impl SimdOp for StoreRow<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let (lanes, width) = (ops.len(), self.out.len());
        let vectorized_len = width - width % lanes;
        for at in (0..vectorized_len).step_by(lanes) {
            let columns = self.compute_columns(isa, at, at + lanes);
            ops.store(columns, &mut self.out[at..at + lanes]);
        }
        if vectorized_len < width {
            let mut tail = [0.0; MAX_LANES];
            ops.store(self.compute_columns(isa, vectorized_len, width), &mut tail[..lanes]);
            self.out[vectorized_len..].copy_from_slice(&tail[..width - vectorized_len]);
        }
    }
}

/// Updates each element of `best` with the maximum of itself and its column of the row.
struct MaxOverRow<'a, R> {
    row: R,
    best: &'a mut [f32],
}

impl<R: OutputRow> SimdOp for MaxOverRow<'_, R> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let (lanes, width) = (ops.len(), self.best.len());
        let vectorized_len = width - width % lanes;
        for at in (0..vectorized_len).step_by(lanes) {
            let best = &mut self.best[at..at + lanes];
            let higher = ops.max(ops.load(best), self.row.load(isa, at));
            ops.store(higher, best);
        }
        if vectorized_len < width {
            let mut tail = [0.0; MAX_LANES];
            ops.store(self.row.load_partial(isa, vectorized_len, width), &mut tail[..lanes]);
            self.best[vectorized_len..].iter_mut().zip(tail).for_each(|(best, value)| *best = best.max(value));
        }
    }
}
