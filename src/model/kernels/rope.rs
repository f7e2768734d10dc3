//! Rotary position embeddings (Su et al., 2021, arXiv:2104.09864).

use candle_core::{DType, Result, Tensor, bail};

/// Maximum supported head size, in elements: eight times that of common encoders. Bounds the size of the tables.
const MAX_HEAD_SIZE: usize = 512;

/// Precomputed rotation angles of all positions for one base.
pub struct Rope {
    /// `[positions, head size / 2]`, row-major.
    cos: Vec<f32>,
    sin: Vec<f32>,
    half_size: usize,
}

impl Rope {
    /// Computes the tables for heads of `head_size` elements: element `i` of a half is rotated by `position / base^(2i
    /// / head_size)`.
    ///
    /// # Errors
    /// If `head_size` is odd or larger than the supported maximum.
    pub fn new(base: f64, head_size: usize, positions: usize) -> Result<Self> {
        if !head_size.is_multiple_of(2) || head_size > MAX_HEAD_SIZE {
            bail!("unsupported head size {head_size}; expected an even number up to {MAX_HEAD_SIZE}");
        }
        let half_size = head_size / 2;
        let frequencies: Vec<f32> =
            (0..half_size).map(|i| base.powf(-2.0 * i as f64 / head_size as f64) as f32).collect();
        let angles = (0..positions).flat_map(|position| frequencies.iter().map(move |f| position as f32 * f));
        let (sin, cos) = angles.map(f32::sin_cos).unzip();
        Ok(Self { cos, sin, half_size })
    }

    /// Checks that the tables cover sequences of `length` tokens.
    ///
    /// # Errors
    /// If the sequence is longer than the number of positions.
    pub fn check_length(&self, length: usize) -> Result<()> {
        if length * self.half_size > self.cos.len() {
            bail!("a sequence of {length} tokens exceeds the positions of the model");
        }
        Ok(())
    }

    /// Rotates the elements of one head at a position, pairing the first half with the second. The position must be
    /// within the tables.
    pub fn apply_rope(&self, position: usize, x: &[f32], out: &mut Vec<f32>) {
        let angles = position * self.half_size..(position + 1) * self.half_size;
        let (cos, sin) = (&self.cos[angles.clone()], &self.sin[angles]);
        let (first, second) = x.split_at(self.half_size);
        let pairs = || first.iter().zip(second).zip(cos.iter().zip(sin));
        out.extend(pairs().map(|((a, b), (cos, sin))| a * cos - b * sin));
        out.extend(pairs().map(|((a, b), (cos, sin))| b * cos + a * sin));
    }

    /// Rotates `x`, `[heads, length, head size]`, at positions from 0 with candle operations.
    pub fn apply_rope_on_device(&self, x: &Tensor) -> Result<Tensor> {
        let (_, length, _) = x.dims3()?;
        self.check_length(length)?;
        let angles =
            |table: &[f32]| Tensor::from_slice(&table[..length * self.half_size], (length, self.half_size), x.device());
        let (cos, sin) = (angles(&self.cos)?, angles(&self.sin)?);
        let x_f32 = x.to_dtype(DType::F32)?;
        let (first, second) = (x_f32.narrow(2, 0, self.half_size)?, x_f32.narrow(2, self.half_size, self.half_size)?);
        let rotated = [
            (first.broadcast_mul(&cos)? - second.broadcast_mul(&sin)?)?,
            (second.broadcast_mul(&cos)? + first.broadcast_mul(&sin)?)?,
        ];
        Tensor::cat(&rotated, 2)?.to_dtype(x.dtype())
    }
}
