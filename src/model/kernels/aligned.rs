//! Cache-line-aligned float32 buffers. SIMD loads that cross a cache line are slower.

/// Bytes of a cache line, and of the widest SIMD vectors.
const CACHE_LINE_BYTES: usize = 64;

/// Owned float32 buffer that starts at a cache line.
pub struct AlignedBuffer {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl AlignedBuffer {
    /// Copies `values` and pads with zeros up to `len` elements.
    pub fn new(values: &[f32], len: usize) -> Self {
        let len = len.max(values.len());
        let padding = CACHE_LINE_BYTES / size_of::<f32>();
        let mut buffer = Vec::<f32>::with_capacity(len + padding);
        // The capacity is reserved, so the buffer does not move later. `align_offset` may fail, which costs speed only.
        let start = buffer.as_ptr().align_offset(CACHE_LINE_BYTES).min(padding);
        buffer.resize(start, 0.0);
        buffer.extend_from_slice(values);
        buffer.resize(start + len, 0.0);
        Self { buffer, start, len }
    }

    pub fn as_slice(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }

    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}
