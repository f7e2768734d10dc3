//! Self-attention over the sequences of a packed batch: no mask, since there is no padding to hide.

use candle_core::{CpuStorage, CustomOp1, Error, Layout, Result, Shape, Tensor, bail};
use rten_gemm::{GemmInputA, GemmInputB, GemmOptions};
use rten_simd::SimdOp;
use rten_tensor::NdTensorView;
use rten_vecmath::Softmax;

use super::elements;
use super::product::multiply_into;

/// Queries of one product: keeps the scores of a long sequence small, `QUERY_BLOCK × length`.
const QUERY_BLOCK: usize = 128;

/// Scaled dot-product attention (Vaswani et al., 2017, arXiv:1706.03762), every token to every token of its sequence.
pub struct Attention<'a> {
    /// Where sequences begin and end: sequence `i` is the rows `bounds[i]..bounds[i + 1]`.
    pub bounds: &'a [usize],
    pub heads: usize,
}

impl Attention<'_> {
    /// `qkv` is `[tokens, 3 × width]`: queries, keys and values side by side. Gives `[tokens, width]`.
    pub fn forward(&self, qkv: &Tensor) -> Result<Tensor> {
        qkv.apply_op1_no_bwd(self)
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
        let qkv = elements(storage, layout)?;
        let mut out = vec![0.0; tokens * width];
        let mut scratch = Scratch::default();
        for bounds in self.bounds.windows(2) {
            for head in 0..self.heads {
                let rows = Rows { qkv, stride, start: bounds[0], length: bounds[1] - bounds[0] };
                attend(&rows, head, width / self.heads, &mut scratch, &mut out)?;
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
}

impl<'a> Rows<'a> {
    /// A `[count, size]` view of the columns from `column`, from the sequence's row `first`.
    fn view(&self, first: usize, count: usize, column: usize, size: usize) -> Result<NdTensorView<'a, f32, 2>> {
        let begin = (self.start + first) * self.stride + column;
        let Some(data) = self.qkv.get(begin..) else { bail!("a sequence reaches past its batch") };
        NdTensorView::from_slice_with_strides([count, size], data, [self.stride, 1]).map_err(Error::wrap)
    }
}

#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    mixed: Vec<f32>,
}

/// Attention of one head within one sequence, a block of queries at a time.
fn attend(rows: &Rows<'_>, head: usize, size: usize, scratch: &mut Scratch, out: &mut [f32]) -> Result<()> {
    let width = rows.stride / 3;
    let column = head * size;
    let keys = rows.view(0, rows.length, width + column, size)?;
    let values = rows.view(0, rows.length, 2 * width + column, size)?;
    for first in (0..rows.length).step_by(QUERY_BLOCK) {
        let count = QUERY_BLOCK.min(rows.length - first);
        let queries = rows.view(first, count, column, size)?;
        let scale = 1.0 / (size as f32).sqrt();
        product(queries, keys.transposed(), scale, &mut scratch.scores)?;
        for scores in scratch.scores.chunks_exact_mut(rows.length) {
            Softmax::new_mut(scores).dispatch();
        }
        let scores =
            NdTensorView::try_from_data([count, rows.length], scratch.scores.as_slice()).map_err(Error::wrap)?;
        product(scores, values, 1.0, &mut scratch.mixed)?;
        for (row, mixed) in scratch.mixed.chunks_exact(size).enumerate() {
            let begin = (rows.start + first + row) * width + column;
            out[begin..begin + size].copy_from_slice(mixed);
        }
    }
    Ok(())
}

/// `scale · a · b`, in place of what `out` held.
fn product(a: NdTensorView<f32, 2>, b: NdTensorView<f32, 2>, scale: f32, out: &mut Vec<f32>) -> Result<()> {
    let options = GemmOptions { alpha: scale, ..Default::default() };
    multiply_into(out, GemmInputA::Unpacked(a), GemmInputB::Unpacked(b), options)
}
