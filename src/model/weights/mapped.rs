//! A safetensors file, mapped into memory.

use std::fs::File;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::Metadata;

use crate::model::ModelError;

/// A file of tensors. What is read of it gets into memory, and is given back when this is dropped.
pub struct Mapped {
    map: Mmap,
    metadata: Metadata,
    /// Where the tensors begin.
    begin: usize,
}

/// A tensor as it lies in its file.
pub struct Stored<'a> {
    pub dtype: DType,
    pub shape: &'a [usize],
    pub bytes: &'a [u8],
    /// Where it begins in the file, in bytes.
    pub offset: usize,
}

impl Mapped {
    /// Maps a file and reads its header.
    ///
    /// # Errors
    /// If it can't be read, or is cut short or damaged.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path)
            .map_err(|error| ModelError::file(path, format!("{error}; expected the model's weights")))?;
        // SAFETY: the map is only read. Whoever changes the file while a model uses it gets wrong numbers or, if the file
        // gets shorter, ends the process; the operator owns the folder, no client can reach it.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) };
        let map = map.map_err(|error| ModelError::file(path, format!("it can't be mapped: {error}")))?;
        // This also checks that the file is as long as its header says.
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|error| ModelError::file(path, format!("no safetensors file: {error}")))?;
        // Before the header comes its length.
        Ok(Self { begin: header + size_of::<u64>(), map, metadata })
    }

    /// A tensor by its name; `None` if it is not there, or is of a kind that no model has.
    pub fn get(&self, name: &str) -> Option<Stored<'_>> {
        let info = self.metadata.info(name)?;
        let (begin, end) = info.data_offsets;
        let offset = self.begin + begin;
        let bytes = self.map.get(offset..self.begin + end)?;
        Some(Stored { dtype: DType::try_from(info.dtype).ok()?, shape: &info.shape, bytes, offset })
    }
}

impl<'a> Stored<'a> {
    /// Its elements, if they are float32 and lie as the processor reads them.
    pub fn float32(&self) -> Option<&'a [f32]> {
        (self.dtype == DType::F32).then(|| bytemuck::try_cast_slice(self.bytes).ok()).flatten()
    }

    /// A copy.
    ///
    /// # Errors
    /// If the bytes are not as many as the shape says.
    pub fn tensor(&self) -> candle_core::Result<Tensor> {
        Tensor::from_raw_buffer(self.bytes, self.dtype, self.shape, &Device::Cpu)
    }
}
