//! Rotary position embeddings (Su et al., 2021, arXiv:2104.09864).

use candle_core::{DType, Result, Tensor, bail};

/// The largest head that is supported, in elements: eight times what encoders have. With it the tables are bounded.
const MAX_SIZE: usize = 512;

/// The angles of every position for one base.
pub struct Rope {
    /// `[positions, size / 2]`, row by row.
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Rope {
    /// For heads of `size` elements: element `i` of a half turns by `position / base^(2i / size)`.
    ///
    /// # Errors
    /// If a head has no halves, or is too large.
    pub fn new(base: f64, size: usize, positions: usize) -> Result<Self> {
        if !size.is_multiple_of(2) || size > MAX_SIZE {
            bail!("a head has {size} elements; expected an even number up to {MAX_SIZE}");
        }
        let half = size / 2;
        let frequencies: Vec<f32> = (0..half).map(|i| base.powf(-2.0 * i as f64 / size as f64) as f32).collect();
        let angles = (0..positions).flat_map(|position| frequencies.iter().map(move |f| position as f32 * f));
        let (sin, cos) = angles.map(f32::sin_cos).unzip();
        Ok(Self { cos, sin, half })
    }

    /// Whether there are angles for sequences of that length.
    ///
    /// # Errors
    /// If not.
    pub fn check_length(&self, length: usize) -> Result<()> {
        if length * self.half > self.cos.len() {
            bail!("a sequence of {length} tokens has more positions than the model");
        }
        Ok(())
    }

    /// Turns the elements of one head at a position, for which there are angles: the first half together with the second.
    pub fn turn(&self, position: usize, x: &[f32], out: &mut Vec<f32>) {
        let angles = position * self.half..(position + 1) * self.half;
        let (cos, sin) = (&self.cos[angles.clone()], &self.sin[angles]);
        let (first, second) = x.split_at(self.half);
        let pairs = || first.iter().zip(second).zip(cos.iter().zip(sin));
        out.extend(pairs().map(|((a, b), (cos, sin))| a * cos - b * sin));
        out.extend(pairs().map(|((a, b), (cos, sin))| b * cos + a * sin));
    }

    /// The same by candle's operations: `x` is `[heads, length, size]`, positions from 0.
    pub fn turn_all(&self, x: &Tensor) -> Result<Tensor> {
        let (_, length, _) = x.dims3()?;
        self.check_length(length)?;
        let angles = |table: &[f32]| Tensor::from_slice(&table[..length * self.half], (length, self.half), x.device());
        let (cos, sin) = (angles(&self.cos)?, angles(&self.sin)?);
        let wide = x.to_dtype(DType::F32)?;
        let (first, second) = (wide.narrow(2, 0, self.half)?, wide.narrow(2, self.half, self.half)?);
        let turned = [
            (first.broadcast_mul(&cos)? - second.broadcast_mul(&sin)?)?,
            (second.broadcast_mul(&cos)? + first.broadcast_mul(&sin)?)?,
        ];
        Tensor::cat(&turned, 2)?.to_dtype(x.dtype())
    }
}
