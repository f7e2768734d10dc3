//! The decoder of the head: the weights of all terms, in tiles.

use candle_core::{DType, Device, Result, Tensor};

use super::super::kernels::{Activation, Int8Weight, Panels, ScreenedWeight, overflow_free_input};
use super::finite::largest_number;

/// Terms of one tile: with a few hundred tokens, its logits stay in the second-level cache.
pub const TILE: usize = 512;
/// Terms of one tile on a device, which is slow to start and fast to run.
pub const DEVICE_TILE: usize = 8_192;

/// The weights of the decoder, as its products need them.
pub enum Decoder {
    /// In float32, for maxima.
    Screened(ScreenedWeight),
    /// Tiles of terms in float32, for sums and for machines that are slow in 8 bits.
    Float32(Vec<Tile<Panels>>),
    Int8 {
        weight: Int8Weight,
        /// Of each of its tiles, as [`Tile::largest_input`].
        largest_inputs: Vec<f32>,
    },
    /// Tiles of `[width, terms]` on a device.
    Plain(Vec<Tile<Tensor>>),
}

impl Decoder {
    pub fn float32(decoder: &[f32], width: usize) -> Result<Self> {
        let tiles = decoder.chunks(TILE * width).map(|rows| {
            let weight = Panels::new(rows, width, None, Activation::None)?;
            Ok(Tile { weight, largest_input: overflow_free_input(rows, width, largest_number(DType::F32)) })
        });
        Ok(Self::Float32(tiles.collect::<Result<_>>()?))
    }

    pub fn int8(decoder: &[f32], width: usize) -> Result<Self> {
        let weight = Int8Weight::new(decoder, [decoder.len() / width, width], TILE)?;
        let largest_input = |rows| overflow_free_input(rows, width, largest_number(DType::F32));
        Ok(Self::Int8 { weight, largest_inputs: decoder.chunks(TILE * width).map(largest_input).collect() })
    }

    pub fn plain(decoder: &[f32], width: usize, device: &Device, dtype: DType) -> Result<Self> {
        let tiles = decoder.chunks(DEVICE_TILE * width).map(|rows| {
            let tile = Tensor::from_slice(rows, (rows.len() / width, width), device)?;
            let weight = tile.to_dtype(dtype)?.t()?.contiguous()?;
            Ok(Tile { weight, largest_input: overflow_free_input(rows, width, largest_number(dtype)) })
        });
        Ok(Self::Plain(tiles.collect::<Result<_>>()?))
    }
}

/// Some of the decoder's terms.
pub struct Tile<W> {
    pub weight: W,
    /// Up to this magnitude of hidden states no logit overflows, before its bias.
    pub largest_input: f32,
}
