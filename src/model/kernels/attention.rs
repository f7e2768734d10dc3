//! Self-attention over the sequences of a packed batch: no mask, since there is no padding to hide.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, D, DType, Error, Layout, Result, Shape, Tensor, bail};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_simd::SimdOp;
use rten_tensor::{Layout as _, NdTensorView};
use rten_vecmath::Softmax;

use super::contiguous::contiguous_elements;
use super::finite::magnitude;
use super::rope::Rope;

/// Queries of one product: keeps the scores of a long sequence small, `QUERY_BLOCK × length`.
const QUERY_BLOCK: usize = 128;

thread_local! {
    /// The kernels for this machine's instruction set.
    static FLOAT32: GemmExecutor = GemmExecutor::new();
}

/// Scaled dot-product attention (Vaswani et al., 2017, arXiv:1706.03762) within each sequence.
pub struct Attention<'a> {
    /// Where sequences begin and end: sequence `i` is the rows `bounds[i]..bounds[i + 1]`.
    pub bounds: &'a [usize],
    pub heads: usize,
    /// How queries and keys are turned by their position.
    pub rope: Option<&'a Rope>,
    /// How far a token sees, in tokens; `None` is its whole sequence.
    pub reach: Option<usize>,
}

impl Attention<'_> {
    /// `qkv` is `[tokens, 3 × width]`: queries, keys and values side by side. Gives `[tokens, width]`.
    pub fn forward(&self, qkv: &Tensor) -> Result<Tensor> {
        if qkv.device().is_cpu() { qkv.apply_op1_no_bwd(self) } else { self.on_device(qkv) }
    }

    /// The same by candle's operations.
    fn on_device(&self, qkv: &Tensor) -> Result<Tensor> {
        let sequences = self.bounds.windows(2).map(|bounds| {
            let length = bounds[1] - bounds[0];
            let qkv = qkv.narrow(0, bounds[0], length)?.reshape((length, 3, self.heads, ()))?;
            // `[heads, length, size]` each.
            let part = |index: usize| qkv.narrow(1, index, 1)?.squeeze(1)?.transpose(0, 1)?.contiguous();
            let (mut queries, mut keys, values) = (part(0)?, part(1)?, part(2)?);
            if let Some(rope) = self.rope {
                (queries, keys) = (rope.turn_all(&queries)?, rope.turn_all(&keys)?);
            }
            let scale = 1.0 / (queries.dim(2)? as f64).sqrt();
            let scores = queries.matmul(&keys.t()?)?;
            // 0, or NaN for a query with a score of −∞, which is an overflow here: its share would be 0, as if it were
            // small. NaN and +∞ need no such care, they make the whole row NaN.
            let poison = (scores.min_keepdim(D::Minus1)?.to_dtype(DType::F32)? * 0.0)?;
            let mut scores = (scores.to_dtype(DType::F32)? * scale)?;
            if let Some(reach) = self.reach.filter(|&reach| reach + 1 < length) {
                let far = |query: usize, key: usize| if query.abs_diff(key) > reach { f32::NEG_INFINITY } else { 0.0 };
                let mask = (0..length).flat_map(|query| (0..length).map(move |key| far(query, key))).collect();
                scores = scores.broadcast_add(&Tensor::from_vec(mask, (length, length), scores.device())?)?;
            }
            let shares = scores.broadcast_sub(&(scores.max_keepdim(D::Minus1)? + poison)?)?.exp()?;
            let shares = shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)?.to_dtype(values.dtype())?;
            shares.matmul(&values)?.transpose(0, 1)?.flatten_from(1)
        });
        Tensor::cat(&sequences.collect::<Result<Vec<_>>>()?, 0)
    }
}

impl CustomOp1 for Attention<'_> {
    fn name(&self) -> &'static str {
        "packed-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, stride) = layout.shape().dims2()?;
        let width = stride / 3;
        if width * 3 != stride || self.heads == 0 || !width.is_multiple_of(self.heads) {
            bail!("attention of {} heads got rows of {stride}", self.heads);
        }
        if self.bounds.last() != Some(&tokens) {
            bail!("the bounds {:?} do not end at token {tokens}", self.bounds.last());
        }
        let qkv = contiguous_elements(storage, layout)?;
        let mut out = vec![0.0; tokens * width];
        let mut scratch = Scratch::default();
        for bounds in self.bounds.windows(2) {
            let may_overflow = may_overflow(&qkv[bounds[0] * stride..bounds[1] * stride], width / self.heads);
            let rows = Rows { qkv, stride, start: bounds[0], length: bounds[1] - bounds[0], may_overflow };
            for head in 0..self.heads {
                self.attend(&rows, head, width / self.heads, &mut scratch, &mut out)?;
            }
        }
        Ok((CpuStorage::F32(out), (tokens, width).into()))
    }
}

/// The rows of one sequence.
struct Rows<'a> {
    qkv: &'a [f32],
    stride: usize,
    start: usize,
    length: usize,
    /// Whether a score may not be finite.
    may_overflow: bool,
}

/// Whether a product of two rows' heads, of `size` elements each, may not be finite. A turn by a position makes an
/// element at most √2 times as large, and softmax gives shares of at most 1.
fn may_overflow(qkv: &[f32], size: usize) -> bool {
    let largest = f64::from(magnitude(qkv));
    let most = 4.0 * largest * largest * size as f64;
    !most.is_finite() || most > f64::from(f32::MAX)
}

impl<'a> Rows<'a> {
    /// The columns from `column`, `size` of them.
    fn columns(&self, column: usize, size: usize) -> Result<Columns<'a>> {
        let begin = self.start * self.stride + column;
        let Some(data) = self.qkv.get(begin..) else { bail!("a sequence reaches past its batch") };
        Ok(Columns { data, stride: self.stride, size })
    }

    /// The same, turned by their positions.
    fn turned<'b>(&self, column: usize, rope: &Rope, size: usize, turned: &'b mut Vec<f32>) -> Result<Columns<'b>> {
        turned.clear();
        rope.check_length(self.length)?;
        for position in 0..self.length {
            let begin = (self.start + position) * self.stride + column;
            let Some(row) = self.qkv.get(begin..begin + size) else { bail!("a sequence reaches past its batch") };
            rope.turn(position, row, turned);
        }
        Ok(Columns { data: turned, stride: size, size })
    }
}

/// A `[length, size]` matrix with a stride between its rows.
#[derive(Clone, Copy)]
struct Columns<'a> {
    data: &'a [f32],
    stride: usize,
    size: usize,
}

impl<'a> Columns<'a> {
    fn rows(&self, rows: Range<usize>) -> Result<NdTensorView<'a, f32, 2>> {
        let Some(data) = self.data.get(rows.start * self.stride..) else { bail!("there are no rows {rows:?}") };
        NdTensorView::from_slice_with_strides([rows.len(), self.size], data, [self.stride, 1]).map_err(Error::wrap)
    }
}

#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    keys: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
}

impl Attention<'_> {
    /// Attention of one head within one sequence, a block of queries at a time.
    fn attend(&self, rows: &Rows<'_>, head: usize, size: usize, scratch: &mut Scratch, out: &mut [f32]) -> Result<()> {
        let width = rows.stride / 3;
        let column = head * size;
        let Scratch { queries, keys, scores, mixed } = scratch;
        let (queries, keys) = match self.rope {
            None => (rows.columns(column, size)?, rows.columns(width + column, size)?),
            Some(rope) => (rows.turned(column, rope, size, queries)?, rows.turned(width + column, rope, size, keys)?),
        };
        let values = rows.columns(2 * width + column, size)?;
        let scale = 1.0 / (size as f32).sqrt();
        for first in (0..rows.length).step_by(QUERY_BLOCK) {
            let block = first..rows.length.min(first + QUERY_BLOCK);
            let seen = self.seen(block.clone(), rows.length);
            product(queries.rows(block.clone())?, keys.rows(seen.clone())?.transposed(), scale, scores)?;
            for (query, scores) in block.clone().zip(scores.chunks_exact_mut(seen.len())) {
                let near = self.seen(query..query + 1, rows.length);
                let (before, rest) = scores.split_at_mut(near.start - seen.start);
                let (near, after) = rest.split_at_mut(near.len());
                if rows.may_overflow && !magnitude(near).is_finite() {
                    // Softmax would give a score of −∞ the share of a small one.
                    near.fill(f32::NAN);
                } else {
                    Softmax::new_mut(near).dispatch();
                }
                before.fill(0.0);
                after.fill(0.0);
            }
            let shares = NdTensorView::try_from_data([block.len(), seen.len()], &scores[..]).map_err(Error::wrap)?;
            product(shares, values.rows(seen)?, 1.0, mixed)?;
            for (row, mixed) in block.zip(mixed.chunks_exact(size)) {
                let begin = (rows.start + row) * width + column;
                out[begin..begin + size].copy_from_slice(mixed);
            }
        }
        Ok(())
    }

    /// The keys that some of these queries see.
    fn seen(&self, queries: Range<usize>, length: usize) -> Range<usize> {
        match self.reach {
            None => 0..length,
            Some(reach) => queries.start.saturating_sub(reach)..length.min(queries.end + reach),
        }
    }
}

/// `scale · a · b`, in place of what `out` held.
fn product(a: NdTensorView<f32, 2>, b: NdTensorView<f32, 2>, scale: f32, out: &mut Vec<f32>) -> Result<()> {
    // What the buffer held is overwritten: only its growth is cleared, which costs nothing when it is used again.
    out.resize(a.size(0) * b.size(1), 0.0);
    let options = GemmOptions { alpha: scale, ..Default::default() };
    let (a, b) = (GemmInputA::Unpacked(a), GemmInputB::Unpacked(b));
    FLOAT32.with(|gemm| gemm.gemm(out, a, b, options)).map_err(Error::wrap)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Law: the kernel and candle's operations are one function, with and without positions and a reach.
        #[test]
        fn equals_candles_operations(
            lengths in prop::collection::vec(1usize..300, 1..4),
            turned in any::<bool>(),
            reach in prop::option::of(1usize..20),
        ) {
            let (heads, size) = (2, 8);
            let mut bounds = vec![0];
            for length in lengths {
                bounds.push(bounds[bounds.len() - 1] + length);
            }
            let tokens = bounds[bounds.len() - 1];
            let qkv = Tensor::randn(0f32, 2.0, (tokens, 3 * heads * size), &Device::Cpu).unwrap();
            let rope = Rope::new(10_000.0, size, 300).unwrap();
            let attention = Attention { bounds: &bounds, heads, rope: turned.then_some(&rope), reach };
            let (kernel, candle) = (attention.forward(&qkv).unwrap(), attention.on_device(&qkv).unwrap());
            let difference = (kernel - candle).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            prop_assert!(difference < 1e-4, "{difference}");
        }
    }

    /// Law: where a sequence's scores or values are not finite, its rows are not, and no other sequence changes.
    #[test]
    fn an_overflow_stays_in_its_sequence_and_is_not_swallowed() -> Result<()> {
        let (heads, size, bounds) = (2, 8, [0, 3, 7, 9]);
        let width = heads * size;
        let attention = Attention { bounds: &bounds, heads, rope: None, reach: None };
        let both = |qkv: &[f32]| {
            let qkv = Tensor::from_slice(qkv, (9, 3 * width), &Device::Cpu)?;
            Ok::<[Vec<f32>; 2], Error>([
                attention.forward(&qkv)?.flatten_all()?.to_vec1()?,
                attention.on_device(&qkv)?.flatten_all()?.to_vec1()?,
            ])
        };
        let qkv: Vec<f32> = (0..9 * 3 * width).map(|at| (at * 11 % 13) as f32 / 13.0 - 0.4).collect();
        let expected = both(&qkv)?;
        // One query and one key far apart (their score is −∞), or an element of a query, a key or a value.
        let mut cases = vec![vec![(4, 0, 1e20), (5, width, -1e20)]];
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            cases.extend([0, width, 2 * width].map(|column| vec![(5, column, bad)]));
        }
        for case in cases {
            let mut spoilt = qkv.clone();
            case.iter().for_each(|&(row, column, bad)| spoilt[row * 3 * width + column] = bad);
            for (got, expected) in both(&spoilt)?.iter().zip(&expected) {
                assert!(!magnitude(&got[3 * width..7 * width]).is_finite(), "{case:?}");
                assert_eq!(got[..3 * width], expected[..3 * width]);
                assert_eq!(got[7 * width..], expected[7 * width..]);
            }
        }
        Ok(())
    }
}
