//! What follows a product while it is still in the cache: scales, bias, activation, or the maximum over rows.

use std::ops::Range;

use rten_simd::ops::{BitOps, NumOps, ToFloat};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Gelu;

use super::finite::magnitude;
use super::int8::Int8Product;
use super::quantize::{Columns, QuantizedRows};

/// Float32 lanes of the widest vectors that there are.
pub const MAX_LANES: usize = 64;

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

// Everything that works on vectors is inlined by force: only then does it get the instruction set of its caller. That rules
// closures out.
impl Activation {
    /// A vector of outputs. A gate is still to be multiplied with.
    #[inline(always)]
    fn vector<I: Isa>(self, isa: I, x: I::F32) -> I::F32 {
        match self {
            Self::None => x,
            Self::Relu => relu(isa, x),
            Self::Gelu | Self::GatedGelu => Gelu {}.eval(isa, x),
        }
    }

    /// A row of outputs, a few vectors. One that is gated leaves its outputs in its first half.
    #[inline(always)]
    pub fn apply<I: Isa>(self, isa: I, row: &mut [f32]) {
        let ops = isa.f32();
        match self {
            Self::None => {}
            Self::Relu | Self::Gelu => {
                for x in row.chunks_exact_mut(ops.len()) {
                    let y = self.vector(isa, ops.load(x));
                    ops.store(y, x);
                }
            }
            Self::GatedGelu => {
                let (inputs, gates) = row.split_at_mut(row.len() / 2);
                for (x, gate) in inputs.chunks_exact_mut(ops.len()).zip(gates.chunks_exact(ops.len())) {
                    let y = ops.mul(self.vector(isa, ops.load(x)), ops.load(gate));
                    ops.store(y, x);
                }
            }
        }
    }
}

/// The maximum of 0 and `x`, and NaN where `x` is not finite: `max` alone would make 0 of NaN and of −∞.
#[inline(always)]
fn relu<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let ops = isa.f32();
    // 0, or NaN where `x` is NaN or infinite.
    let poison = ops.sub(x, x);
    ops.add(ops.max(x, ops.zero()), poison)
}

/// A product that is pooled, `[rows, outputs]`.
pub enum Product<'a> {
    Float32(&'a [f32]),
    Int8(Int8Product<'a>),
}

impl Product<'_> {
    /// Makes `best` the maximum of each column over some rows. Elements that are not finite are not seen: call
    /// [`Self::is_finite`] where there may be any.
    pub fn max_rows(&self, rows: Range<usize>, best: &mut [f32]) {
        best.fill(f32::NEG_INFINITY);
        if !best.is_empty() {
            MaxRows { product: self, rows, best }.dispatch();
        }
    }

    /// Whether all elements of some rows, of `outputs` columns each, are finite.
    pub fn is_finite(&self, rows: Range<usize>, outputs: usize) -> bool {
        match self {
            Self::Float32(product) => magnitude(&product[rows.start * outputs..rows.end * outputs]).is_finite(),
            Self::Int8(_) => rows
                .flat_map(|row| (0..outputs).map(move |column| (row, column)))
                .all(|(row, column)| self.at(row, column, outputs).is_finite()),
        }
    }

    /// One element.
    pub fn at(&self, row: usize, column: usize, outputs: usize) -> f32 {
        let at = row * outputs + column;
        match self {
            Self::Float32(product) => product[at],
            Self::Int8(Int8Product { sums, rows, columns }) => {
                let sum = sums[at] - rows.zero_points[row] * columns.sums[column];
                sum as f32 * (columns.scales[column] * rows.scales[row])
            }
        }
    }
}

impl Int8Product<'_> {
    /// Writes `activation(product + bias)` into the columns of `out` from `column`; `out` has rows of `stride`.
    ///
    /// A gated product has the inputs in the first half of its columns and their gates in the second, and gives half as
    /// many columns.
    pub fn store(&self, bias: &[f32], activation: Activation, out: &mut [f32], stride: usize, column: usize) {
        StoreRows { product: self, bias, activation, out, stride, column }.dispatch();
    }
}

// The instruction set is chosen once a product: that costs as much as a short row.

struct StoreRows<'a> {
    product: &'a Int8Product<'a>,
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
        let Self { product: Int8Product { sums, rows, columns }, bias, activation, out, stride, column } = self;
        let outputs = bias.len();
        let width = if activation == Activation::GatedGelu { outputs / 2 } else { outputs };
        for ((number, out), sums) in out.chunks_exact_mut(stride).enumerate().zip(sums.chunks_exact(outputs)) {
            let row = Int8::new(sums, rows, number, columns);
            Store { row, bias, activation, out: &mut out[column..column + width] }.eval(isa);
        }
    }
}

struct MaxRows<'a> {
    product: &'a Product<'a>,
    rows: Range<usize>,
    best: &'a mut [f32],
}

impl SimdOp for MaxRows<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { product, rows, best } = self;
        for number in rows {
            let row = number * best.len()..(number + 1) * best.len();
            match product {
                Product::Float32(product) => MaxRow { row: Float32(&product[row]), best }.eval(isa),
                Product::Int8(Int8Product { sums, rows, columns }) => {
                    MaxRow { row: Int8::new(&sums[row], rows, number, columns), best }.eval(isa);
                }
            }
        }
    }
}

/// A row of a product that is read a vector at a time.
trait Row {
    fn load<I: Isa>(&self, isa: I, at: usize) -> I::F32;
    /// The same of the last columns, too few for a vector: the missing ones are 0.
    fn load_rest<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32;
}

struct Float32<'a>(&'a [f32]);

impl Row for Float32<'_> {
    #[inline(always)]
    fn load<I: Isa>(&self, isa: I, at: usize) -> I::F32 {
        isa.f32().load(&self.0[at..])
    }

    #[inline(always)]
    fn load_rest<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        isa.f32().load_pad(&self.0[at..end]).0
    }
}

struct Int8<'a> {
    sums: &'a [i32],
    scale: f32,
    zero_point: i32,
    columns: &'a Columns,
}

impl<'a> Int8<'a> {
    #[inline(always)]
    fn new(sums: &'a [i32], rows: &QuantizedRows, row: usize, columns: &'a Columns) -> Self {
        Self { sums, scale: rows.scales[row], zero_point: rows.zero_points[row], columns }
    }

    #[inline(always)]
    fn scaled<I: Isa>(&self, isa: I, sums: I::I32, column_sums: I::I32, column_scales: I::F32) -> I::F32 {
        let (int, float) = (isa.i32(), isa.f32());
        let sums = int.sub(sums, int.mul(int.splat(self.zero_point), column_sums));
        float.mul(int.to_float(sums), float.mul(column_scales, float.splat(self.scale)))
    }
}

impl Row for Int8<'_> {
    #[inline(always)]
    fn load<I: Isa>(&self, isa: I, at: usize) -> I::F32 {
        let (int, Columns { scales, sums }) = (isa.i32(), self.columns);
        self.scaled(isa, int.load(&self.sums[at..]), int.load(&sums[at..]), isa.f32().load(&scales[at..]))
    }

    #[inline(always)]
    fn load_rest<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        let (int, Columns { scales, sums }) = (isa.i32(), self.columns);
        let column_sums = int.load_pad(&sums[at..end]).0;
        self.scaled(isa, int.load_pad(&self.sums[at..end]).0, column_sums, isa.f32().load_pad(&scales[at..end]).0)
    }
}

struct Store<'a> {
    row: Int8<'a>,
    bias: &'a [f32],
    activation: Activation,
    out: &'a mut [f32],
}

impl Store<'_> {
    /// `product + bias` of the columns `at..end`, at most a vector of them.
    #[inline(always)]
    fn biased<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        let ops = isa.f32();
        if end - at == ops.len() {
            ops.add(self.row.load(isa, at), ops.load(&self.bias[at..]))
        } else {
            ops.add(self.row.load_rest(isa, at, end), ops.load_pad(&self.bias[at..end]).0)
        }
    }

    /// Columns `at..end` of the output.
    #[inline(always)]
    fn columns<I: Isa>(&self, isa: I, at: usize, end: usize) -> I::F32 {
        let x = self.activation.vector(isa, self.biased(isa, at, end));
        if self.activation == Activation::GatedGelu {
            let half = self.out.len();
            return isa.f32().mul(x, self.biased(isa, half + at, half + end));
        }
        x
    }
}

impl SimdOp for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let (lanes, width) = (ops.len(), self.out.len());
        let whole = width - width % lanes;
        for at in (0..whole).step_by(lanes) {
            let columns = self.columns(isa, at, at + lanes);
            ops.store(columns, &mut self.out[at..at + lanes]);
        }
        if whole < width {
            let mut rest = [0.0; MAX_LANES];
            ops.store(self.columns(isa, whole, width), &mut rest[..lanes]);
            self.out[whole..].copy_from_slice(&rest[..width - whole]);
        }
    }
}

/// Raises each of `best` to its column of the row.
struct MaxRow<'a, R> {
    row: R,
    best: &'a mut [f32],
}

impl<R: Row> SimdOp for MaxRow<'_, R> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let (lanes, width) = (ops.len(), self.best.len());
        let whole = width - width % lanes;
        for at in (0..whole).step_by(lanes) {
            let best = &mut self.best[at..at + lanes];
            let higher = ops.max(ops.load(best), self.row.load(isa, at));
            ops.store(higher, best);
        }
        if whole < width {
            let mut rest = [0.0; MAX_LANES];
            ops.store(self.row.load_rest(isa, whole, width), &mut rest[..lanes]);
            self.best[whole..].iter_mut().zip(rest).for_each(|(best, value)| *best = best.max(value));
        }
    }
}
