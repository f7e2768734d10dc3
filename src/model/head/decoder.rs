//! The decoder of the head: weights of all vocabulary terms, in tiles.

use candle_core::{DType, Device, Result, Tensor};

use super::super::kernels::{Activation, BoundedMaxWeight, Int8Weight, PackedPanels, max_input_without_overflow};
use super::finite::max_finite_value;

/// Number of terms per tile: for a few hundred tokens, the logits of a tile fit into the L2 cache.
pub const TILE_TERMS: usize = 512;
/// Number of terms per tile on a GPU, where launches are expensive and large products are fast.
pub const DEVICE_TILE_TERMS: usize = 8_192;

/// Decoder weights in the layout of the backend.
pub enum Decoder {
    /// float32 with 8-bit bounds, for max pooling.
    BoundedMax(BoundedMaxWeight),
    /// Tiles in float32, for sum pooling and for CPUs without fast 8-bit products.
    Float32(Vec<DecoderTile<PackedPanels>>),
    /// Tiles in 8 bits.
    Int8 {
        weight: Int8Weight,
        /// [`DecoderTile::max_input`] of each tile.
        max_inputs: Vec<f32>,
    },
    /// Tiles `[width, terms]` on a candle device.
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

/// A range of the decoder's terms.
pub struct DecoderTile<W> {
    pub weight: W,
    /// Largest magnitude of the hidden states with which no logit, before its bias, can overflow.
    pub max_input: f32,
}
