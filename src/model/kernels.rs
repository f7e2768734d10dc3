//! Kernels of the forward pass of a packed batch.
//!
//! A packed batch is one `[tokens, width]` matrix of float32; sequences are concatenated without padding. On the CPU
//! each operation is a candle custom operation: matrix products use weights that are packed once at load
//! ([`PackedPanels`] in float32, rten-gemm in int8), and the following element-wise work ([`epilogue`]) runs while the
//! product is in the cache. A kernel runs on the calling thread only; parallelism comes from the encoder threads. On
//! other devices the operations are candle's own.
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
