//! The decoder of the head: the weights of all terms, in tiles.

use candle_core::{DType, Device, Result, Tensor};

use super::super::kernels::{Activation, BoundedMaxWeight, Int8Weight, PackedPanels, max_input_without_overflow};
use super::finite::max_finite_value;

/// Terms of one tile: with a few hundred tokens, its logits stay in the second-level cache.
pub const TILE_TERMS: usize = 512;
/// Terms of one tile on a device, which is slow to start and fast to run.
pub const DEVICE_TILE_TERMS: usize = 8_192;

/// The weights of the decoder, as its products need them.
pub enum Decoder {
    /// In float32, for maxima.
    BoundedMax(BoundedMaxWeight),
    /// Tiles of terms in float32, for sums and for machines that are slow in 8 bits.
    Float32(Vec<DecoderTile<PackedPanels>>),
    Int8 {
        weight: Int8Weight,
        /// Of each of its tiles, as [`Tile::largest_input`].
        max_inputs: Vec<f32>,
    },
    /// Tiles of `[width, terms]` on a device.
    OnDevice(Vec<DecoderTile<Tensor>>),
}

impl Decoder {
    pub fn float32(decoder: &[f32], width: usize) -> Result<Self> {
        let tiles = decoder.chunks(TILE_TERMS * width).map(|rows| {
            let weight = PackedPanels::new(rows, width, None, Activation::None)?;
            Ok(DecoderTile { weight, max_input: max_input_without_overflow(rows, width, max_finite_value(DType::F32)) })
        });
        Ok(Self::Float32(tiles.collect::<Result<_>>()?))
    }

    pub fn int8(decoder: &[f32], width: usize) -> Result<Self> {
        let weight = Int8Weight::new(decoder, [decoder.len() / width, width], TILE_TERMS)?;
        let max_input = |rows| max_input_without_overflow(rows, width, max_finite_value(DType::F32));
        Ok(Self::Int8 { weight, max_inputs: decoder.chunks(TILE_TERMS * width).map(max_input).collect() })
    }

    pub fn on_device(decoder: &[f32], width: usize, device: &Device, dtype: DType) -> Result<Self> {
        let tiles = decoder.chunks(DEVICE_TILE_TERMS * width).map(|rows| {
            let tile = Tensor::from_slice(rows, (rows.len() / width, width), device)?;
            let weight = tile.to_dtype(dtype)?.t()?.contiguous()?;
            Ok(DecoderTile { weight, max_input: max_input_without_overflow(rows, width, max_finite_value(dtype)) })
        });
        Ok(Self::OnDevice(tiles.collect::<Result<_>>()?))
    }
}

/// Some of the decoder's terms.
pub struct DecoderTile<W> {
    pub weight: W,
    /// Up to this magnitude of hidden states no logit overflows, before its bias.
    pub max_input: f32,
}
