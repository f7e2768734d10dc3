//! The arithmetic of a forward pass on a packed batch.
//!
//! A packed batch is one `[tokens, width]` matrix of float32; sequences lie one after another, without padding. On the CPU
//! an operation is a candle custom operation: products run on weights that are laid out once, at load (in float32 by
//! [`Panels`], in 8 bits by rten-gemm), and what follows a product runs on it while it is in the cache. A kernel works on the thread that calls it: the encoder threads
//! are the parallelism. On other devices the same operations are candle's own.
//!
//! See docs/adr/0026-cpu-kernels.md.

mod aligned;
mod attention;
mod bounded_max;
mod contiguous;
mod epilogue;
mod finite;
mod int8;
mod layer_norm;
mod linear;
mod panels;
mod quantize;
mod rope;

pub use attention::Attention;
pub use bounded_max::{BoundedMaxScratch, BoundedMaxWeight, TILE_OUTPUTS as BOUNDED_MAX_TILE};
pub use epilogue::{Activation, GemmOutput};
pub use finite::{SequenceRows, max_abs, max_input_without_overflow};
pub use int8::{Int8Weight, has_fast_int8_gemm};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use panels::PackedPanels;
pub use rope::Rope;
