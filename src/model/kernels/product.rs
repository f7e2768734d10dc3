//! The matrix product.

use candle_core::{Error, Result};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};

thread_local! {
    /// The kernels for this machine's instruction set.
    static GEMM: GemmExecutor = GemmExecutor::new();
}

/// Runs `work` with the kernels for this machine.
pub(super) fn with_gemm<T>(work: impl FnOnce(&GemmExecutor) -> T) -> T {
    GEMM.with(work)
}

/// Makes `out` the product `a · b`, row by row, whatever it held.
///
/// # Errors
/// If the shapes don't fit each other.
pub(super) fn multiply_into(
    out: &mut Vec<f32>,
    a: GemmInputA<'_, f32>,
    b: GemmInputB<'_, f32>,
    options: GemmOptions<'_, f32, f32, f32>,
) -> Result<()> {
    // What the buffer held is overwritten: only its growth is cleared, which costs nothing when it is used again.
    out.resize(a.rows() * b.cols(), 0.0);
    with_gemm(|gemm| gemm.gemm(out, a, b, options)).map_err(Error::wrap)
}
