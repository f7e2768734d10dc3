//! Access to the elements of a tensor as a slice.

use candle_core::{CpuStorage, Layout, Result, bail};

/// Returns the elements of a contiguous float32 tensor.
///
/// # Errors
/// If the tensor is not contiguous or its dtype is not float32.
pub fn contiguous_elements<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("the tensor is not contiguous") };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(elements) => Ok(elements),
        None => bail!("the tensor exceeds its storage"),
    }
}
