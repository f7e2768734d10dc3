//! Self-attention over the sequences of a packed batch. Without padding there is nothing to mask.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, D, DType, Error, Layout, Result, Shape, Tensor, bail};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_simd::SimdOp;
use rten_tensor::{Layout as _, NdTensorView};
use rten_vecmath::Softmax;

use super::contiguous::contiguous_elements;
use super::finite::max_abs;
use super::rope::Rope;

/// Number of queries per product. Bounds the scores of a long sequence to `QUERY_BLOCK × length`.
const QUERY_BLOCK: usize = 128;

thread_local! {
    /// float32 kernels for this CPU's instruction set.
    static FLOAT32_GEMM: GemmExecutor = GemmExecutor::new();
}

/// Scaled dot-product attention (Vaswani et al., 2017, arXiv:1706.03762) within each sequence.
pub struct Attention<'a> {
    /// Offsets of the sequences: sequence `i` is the rows `bounds[i]..bounds[i + 1]`.
    pub bounds: &'a [usize],
    pub heads: usize,
    /// Rotary position embedding of queries and keys, if the model has one.
    pub rope: Option<&'a Rope>,
    /// Maximum distance of an attended token to each side; `None` attends to the whole sequence.
    pub half_window: Option<usize>,
}

impl Attention<'_> {
    /// Computes attention. `qkv` is `[tokens, 3 × width]`: queries, keys and values side by side. Returns `[tokens,
    /// width]`.
    pub fn forward(&self, qkv: &Tensor) -> Result<Tensor> {
        if qkv.device().is_cpu() { qkv.apply_op1_no_bwd(self) } else { self.forward_on_device(qkv) }
    }

    /// Computes [`Self::forward`] with candle operations.
    fn forward_on_device(&self, qkv: &Tensor) -> Result<Tensor> {
        let sequences = self.bounds.windows(2).map(|bounds| {
            let length = bounds[1] - bounds[0];
            let qkv = qkv.narrow(0, bounds[0], length)?.reshape((length, 3, self.heads, ()))?;
            // Each is `[heads, length, head size]`.
            let select = |index: usize| qkv.narrow(1, index, 1)?.squeeze(1)?.transpose(0, 1)?.contiguous();
            let (mut queries, mut keys, values) = (select(0)?, select(1)?, select(2)?);
            if let Some(rope) = self.rope {
                (queries, keys) = (rope.apply_rope_on_device(&queries)?, rope.apply_rope_on_device(&keys)?);
            }
            let scale = 1.0 / (queries.dim(2)? as f64).sqrt();
            let scores = queries.matmul(&keys.t()?)?;
            // `poison` is NaN for a query with a score of −∞, which can only be an overflow here, and 0 otherwise:
            // softmax would give that score a weight of 0, as if it were small. NaN and +∞ already make the whole row
            // NaN.
            let poison = (scores.min_keepdim(D::Minus1)?.to_dtype(DType::F32)? * 0.0)?;
            let mut scores = (scores.to_dtype(DType::F32)? * scale)?;
            // A window that covers the whole sequence needs no mask.
            if let Some(half_window) = self.half_window.filter(|&half_window| half_window + 1 < length) {
                let mask_value =
                    |query: usize, key: usize| if query.abs_diff(key) > half_window { f32::NEG_INFINITY } else { 0.0 };
                let mask = (0..length).flat_map(|query| (0..length).map(move |key| mask_value(query, key))).collect();
                scores = scores.broadcast_add(&Tensor::from_vec(mask, (length, length), scores.device())?)?;
            }
            let exponentials = scores.broadcast_sub(&(scores.max_keepdim(D::Minus1)? + poison)?)?.exp()?;
            let attention_weights =
                exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?.to_dtype(values.dtype())?;
            attention_weights.matmul(&values)?.transpose(0, 1)?.flatten_from(1)
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
            bail!("cannot split rows of {stride} into query, key and value of {} heads", self.heads);
        }
        if self.bounds.last() != Some(&tokens) {
            bail!("the sequence bounds end at {:?}, expected {tokens}, the number of tokens", self.bounds.last());
        }
        let qkv = contiguous_elements(storage, layout)?;
        let mut out = vec![0.0; tokens * width];
        let mut scratch = AttentionScratch::default();
        for bounds in self.bounds.windows(2) {
            // Checked once per sequence, so that typical sequences skip the check of each score.
            let may_overflow = can_scores_overflow(&qkv[bounds[0] * stride..bounds[1] * stride], width / self.heads);
            let rows = SequenceQkv { qkv, stride, start: bounds[0], length: bounds[1] - bounds[0], may_overflow };
            for head in 0..self.heads {
                self.attend(&rows, head, width / self.heads, &mut scratch, &mut out)?;
            }
        }
        Ok((CpuStorage::F32(out), (tokens, width).into()))
    }
}

/// Query, key and value rows of one sequence.
struct SequenceQkv<'a> {
    qkv: &'a [f32],
    stride: usize,
    start: usize,
    length: usize,
    /// True if a score may overflow, so that the scores must be checked.
    may_overflow: bool,
}

/// Returns true if the dot product of a query and a key, of `head_size` elements each, may not be finite. Rotation by a
/// position enlarges an element by at most √2, hence the factor 4; softmax weights are at most 1.
fn can_scores_overflow(qkv: &[f32], head_size: usize) -> bool {
    let max_element = f64::from(max_abs(qkv));
    let max_score = 4.0 * max_element * max_element * head_size as f64;
    !max_score.is_finite() || max_score > f64::from(f32::MAX)
}

impl<'a> SequenceQkv<'a> {
    /// Returns the `head_size` columns from `column`.
    fn head_matrix(&self, column: usize, head_size: usize) -> Result<HeadMatrix<'a>> {
        let begin = self.start * self.stride + column;
        let Some(data) = self.qkv.get(begin..) else { bail!("a sequence exceeds its batch") };
        Ok(HeadMatrix { data, stride: self.stride, head_size })
    }

    /// Returns the columns like [`Self::head_matrix`], rotated by their positions.
    fn rotated_head_matrix<'b>(
        &self,
        column: usize,
        rope: &Rope,
        head_size: usize,
        rotated: &'b mut Vec<f32>,
    ) -> Result<HeadMatrix<'b>> {
        rotated.clear();
        rope.check_length(self.length)?;
        for position in 0..self.length {
            let begin = (self.start + position) * self.stride + column;
            let Some(row) = self.qkv.get(begin..begin + head_size) else { bail!("a sequence exceeds its batch") };
            rope.apply_rope(position, row, rotated);
        }
        Ok(HeadMatrix { data: rotated, stride: head_size, head_size })
    }
}

/// A `[length, head size]` matrix with a stride between its rows.
#[derive(Clone, Copy)]
struct HeadMatrix<'a> {
    data: &'a [f32],
    stride: usize,
    head_size: usize,
}

impl<'a> HeadMatrix<'a> {
    fn rows(&self, rows: Range<usize>) -> Result<NdTensorView<'a, f32, 2>> {
        let Some(data) = self.data.get(rows.start * self.stride..) else { bail!("rows {rows:?} are out of range") };
        NdTensorView::from_slice_with_strides([rows.len(), self.head_size], data, [self.stride, 1]).map_err(Error::wrap)
    }
}

#[derive(Default)]
struct AttentionScratch {
    queries: Vec<f32>,
    keys: Vec<f32>,
    scores: Vec<f32>,
    context: Vec<f32>,
}

impl Attention<'_> {
    /// Computes attention of one head within one sequence, one block of queries at a time.
    fn attend(
        &self,
        rows: &SequenceQkv<'_>,
        head: usize,
        head_size: usize,
        scratch: &mut AttentionScratch,
        out: &mut [f32],
    ) -> Result<()> {
        let width = rows.stride / 3;
        let column = head * head_size;
        let AttentionScratch { queries, keys, scores, context } = scratch;
        let (queries, keys) = match self.rope {
            None => (rows.head_matrix(column, head_size)?, rows.head_matrix(width + column, head_size)?),
            Some(rope) => (
                rows.rotated_head_matrix(column, rope, head_size, queries)?,
                rows.rotated_head_matrix(width + column, rope, head_size, keys)?,
            ),
        };
        let values = rows.head_matrix(2 * width + column, head_size)?;
        let scale = 1.0 / (head_size as f32).sqrt();
        for first in (0..rows.length).step_by(QUERY_BLOCK) {
            let block = first..rows.length.min(first + QUERY_BLOCK);
            let visible = self.visible_keys(block.clone(), rows.length);
            multiply(queries.rows(block.clone())?, keys.rows(visible.clone())?.transposed(), scale, scores)?;
            for (query, scores) in block.clone().zip(scores.chunks_exact_mut(visible.len())) {
                let window = self.visible_keys(query..query + 1, rows.length);
                let (before, remaining) = scores.split_at_mut(window.start - visible.start);
                let (window_scores, after) = remaining.split_at_mut(window.len());
                if rows.may_overflow && !max_abs(window_scores).is_finite() {
                    // Softmax would treat a score of −∞, an overflow here, as a small one.
                    window_scores.fill(f32::NAN);
                } else {
                    Softmax::new_mut(window_scores).dispatch();
                }
                before.fill(0.0);
                after.fill(0.0);
            }
            let attention_weights =
                NdTensorView::try_from_data([block.len(), visible.len()], &scores[..]).map_err(Error::wrap)?;
            multiply(attention_weights, values.rows(visible)?, 1.0, context)?;
            for (row, context) in block.zip(context.chunks_exact(head_size)) {
                let begin = (rows.start + row) * width + column;
                out[begin..begin + head_size].copy_from_slice(context);
            }
        }
        Ok(())
    }

    /// Range of the keys that at least one of the queries attends to.
    fn visible_keys(&self, queries: Range<usize>, length: usize) -> Range<usize> {
        match self.half_window {
            None => 0..length,
            Some(half_window) => queries.start.saturating_sub(half_window)..length.min(queries.end + half_window),
        }
    }
}

/// Writes `scale · a · b` to `out`.
fn multiply(a: NdTensorView<f32, 2>, b: NdTensorView<f32, 2>, scale: f32, out: &mut Vec<f32>) -> Result<()> {
    // The product overwrites old content, so `resize` only has to clear the growth; a reused buffer costs nothing.
    out.resize(a.size(0) * b.size(1), 0.0);
    let options = GemmOptions { alpha: scale, ..Default::default() };
    let (a, b) = (GemmInputA::Unpacked(a), GemmInputB::Unpacked(b));
    FLOAT32_GEMM.with(|gemm| gemm.gemm(out, a, b, options)).map_err(Error::wrap)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Property: the kernel and candle's operations agree, with and without rotary positions and a window.
        #[test]
        fn equals_candles_operations(
            lengths in prop::collection::vec(1usize..300, 1..4),
            rotated in any::<bool>(),
            half_window in prop::option::of(1usize..20),
        ) {
            let (heads, size) = (2, 8);
            let mut bounds = vec![0];
            for length in lengths {
                bounds.push(bounds[bounds.len() - 1] + length);
            }
            let tokens = bounds[bounds.len() - 1];
            let qkv = Tensor::randn(0f32, 2.0, (tokens, 3 * heads * size), &Device::Cpu).unwrap();
            let rope = Rope::new(10_000.0, size, 300).unwrap();
            let attention = Attention { bounds: &bounds, heads, rope: rotated.then_some(&rope), half_window };
            let (kernel, candle) = (attention.forward(&qkv).unwrap(), attention.forward_on_device(&qkv).unwrap());
            let difference = (kernel - candle).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            prop_assert!(difference < 1e-4, "{difference}");
        }
    }

    /// Property: if scores or values of a sequence are not finite, neither is its output, and no other sequence
    /// changes.
    #[test]
    fn an_overflow_stays_in_its_sequence_and_is_not_swallowed() -> Result<()> {
        let (heads, size, bounds) = (2, 8, [0, 3, 7, 9]);
        let width = heads * size;
        let attention = Attention { bounds: &bounds, heads, rope: None, half_window: None };
        let both = |qkv: &[f32]| {
            let qkv = Tensor::from_slice(qkv, (9, 3 * width), &Device::Cpu)?;
            Ok::<[Vec<f32>; 2], Error>([
                attention.forward(&qkv)?.flatten_all()?.to_vec1()?,
                attention.forward_on_device(&qkv)?.flatten_all()?.to_vec1()?,
            ])
        };
        let qkv: Vec<f32> = (0..9 * 3 * width).map(|at| (at * 11 % 13) as f32 / 13.0 - 0.4).collect();
        let expected = both(&qkv)?;
        // A query and a key with a score of −∞, or one non-finite element of a query, a key or a value.
        let mut cases = vec![vec![(4, 0, 1e20), (5, width, -1e20)]];
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            cases.extend([0, width, 2 * width].map(|column| vec![(5, column, bad)]));
        }
        for case in cases {
            let mut corrupted = qkv.clone();
            case.iter().for_each(|&(row, column, bad)| corrupted[row * 3 * width + column] = bad);
            for (got, expected) in both(&corrupted)?.iter().zip(&expected) {
                assert!(!max_abs(&got[3 * width..7 * width]).is_finite(), "{case:?}");
                assert_eq!(got[..3 * width], expected[..3 * width]);
                assert_eq!(got[7 * width..], expected[7 * width..]);
            }
        }
        Ok(())
    }
}
