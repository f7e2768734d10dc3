//! The arithmetic of a forward pass: candle custom operations on a packed batch.
//!
//! A packed batch is one `[tokens, width]` matrix of float32; sequences lie one after another, without padding. Matrix
//! products run on weights that are packed once, at load (rten-gemm). A kernel works on the thread that calls it: the
//! encoder threads are the parallelism.

mod attention;
mod layer_norm;
mod linear;
mod max_pool;
mod product;

pub use attention::Attention;
pub use layer_norm::LayerNorm;
pub use linear::{Activation, Linear, PackedWeight};
pub use max_pool::max_rows_into;

use candle_core::{CpuStorage, Layout, Result, bail};

/// The elements of a contiguous float32 tensor.
fn elements<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("the tensor is not contiguous") };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(elements) => Ok(elements),
        None => bail!("the tensor reaches past its storage"),
    }
}
