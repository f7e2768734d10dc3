//! Float32 numbers that begin where a line of the cache does: a vector that crosses two lines takes longer to load.

/// Bytes of the widest vectors, and of a line of the cache.
const CACHE_LINE_BYTES: usize = 64;

/// Numbers in memory of their own.
pub struct AlignedBuffer {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl AlignedBuffer {
    /// A copy of `numbers`, with zeros after it up to `len` numbers.
    pub fn new(values: &[f32], len: usize) -> Self {
        let len = len.max(values.len());
        let padding = CACHE_LINE_BYTES / size_of::<f32>();
        let mut buffer = Vec::<f32>::with_capacity(len + padding);
        // The buffer does not move any more. Where the distance can't be told, speed is all that is lost.
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
