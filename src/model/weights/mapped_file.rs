//! Memory-mapped files of tensors.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, bail};
use memmap2::Mmap;

use super::location::{ElementOrder, TensorLocation, TensorLocations};
use super::{pickled, safetensors};
use crate::model::hub::explain_unsupported_format;
use crate::model::{ModelError, files};

/// Memory-mapped file of tensors. Pages that were read stay in memory until this is dropped.
pub struct MappedFile {
    mmap: Mmap,
    locations: Arc<TensorLocations>,
    /// Unsupported element types, by tensor.
    unsupported_dtypes: Arc<HashMap<String, String>>,
}

/// Tensor in the representation of its file.
pub struct StoredTensor<'a> {
    pub location: &'a TensorLocation,
    bytes: &'a [u8],
}

impl MappedFile {
    /// Maps a file and reads the locations of its tensors. Files with the extension `.bin` are PyTorch files, all
    /// others safetensors.
    ///
    /// # Errors
    /// [`ModelError::File`] if the file cannot be read, is truncated or damaged.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let mmap = map_file(path)?;
        let parsed = match path.extension().is_some_and(|extension| extension == "bin") {
            true => pickled::read_locations(&mmap)
                .map(|locations| (locations, HashMap::new()))
                .map_err(|problem| format!("not a PyTorch file of tensors: {problem}")),
            false => safetensors::read_locations(&mmap).map_err(|error| format!("not a safetensors file: {error}")),
        };
        let (locations, unsupported) = parsed.map_err(|problem| ModelError::file(path, problem))?;
        Ok(Self { mmap, locations: Arc::new(locations), unsupported_dtypes: Arc::new(unsupported) })
    }

    /// Maps the file again; the locations are shared.
    ///
    /// # Errors
    /// [`ModelError::File`] if it can no longer be read.
    pub fn reopen(&self, path: &Path) -> Result<Self, ModelError> {
        let (locations, unsupported) = (Arc::clone(&self.locations), Arc::clone(&self.unsupported_dtypes));
        Ok(Self { mmap: map_file(path)?, locations, unsupported_dtypes: unsupported })
    }

    /// Iterates over the names of the tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.locations.keys().map(String::as_str)
    }

    /// Returns the element type of a tensor that exists but whose type is not supported.
    pub fn unsupported_dtype(&self, name: &str) -> Option<&str> {
        self.unsupported_dtypes.get(name).map(String::as_str)
    }

    /// Returns a tensor by name; `None` if it does not exist.
    pub fn get(&self, name: &str) -> Option<StoredTensor<'_>> {
        let location = self.locations.get(name)?;
        Some(StoredTensor { location, bytes: self.mmap.get(location.bytes.clone())? })
    }
}

fn map_file(path: &Path) -> Result<Mmap, ModelError> {
    let file = files::open_regular_file(path).map_err(|error| {
        // If weights exist in an unsupported format, the error names that format.
        let explanation =
            path.parent().filter(|_| error.kind() == ErrorKind::NotFound).and_then(explain_unsupported_format);
        let problem = explanation
            .map_or_else(|| error.to_string(), |foreign| format!("the file is missing; the directory has {foreign}"));
        ModelError::file(path, format!("{problem}; expected the model's weights"))
    })?;
    // SAFETY: the mapping is read-only. Modifying the file while a model uses it changes its numbers, and truncating it
    // kills the process with SIGBUS; the operator owns the directory, and clients have no access to it.
    #[allow(unsafe_code)]
    let mmap = unsafe { Mmap::map(&file) };
    mmap.map_err(|error| ModelError::file(path, format!("cannot map the file: {error}")))
}

impl<'a> StoredTensor<'a> {
    /// Returns true if another tensor has identical elements in the same layout.
    pub fn is_same(&self, other: &Self) -> bool {
        let TensorLocation { dtype, shape, order, bytes: _ } = self.location;
        (*dtype, shape, *order) == (other.location.dtype, &other.location.shape, other.location.order)
            && self.bytes == other.bytes
    }

    /// Returns the elements without copying, if they are aligned, row-major float32.
    pub fn as_float32(&self) -> Option<&'a [f32]> {
        let is_row_major_f32 = self.location.dtype == DType::F32 && self.location.order == ElementOrder::Rows;
        is_row_major_f32.then(|| bytemuck::try_cast_slice(self.bytes).ok()).flatten()
    }

    /// Copies the tensor into row-major order.
    ///
    /// # Errors
    /// If the element type or the layout is not supported.
    pub fn to_tensor(&self) -> candle_core::Result<Tensor> {
        let TensorLocation { dtype, shape, order, .. } = self.location;
        if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16 | DType::F64) {
            bail!(
                "unsupported element type {dtype:?}; expected F32, F16, BF16 or F64. Quantized weights are not supported: use \
                 the original model, with --dtype int8 for int8 inference"
            );
        }
        let tensor = |shape: &[usize]| Tensor::from_raw_buffer(self.bytes, *dtype, shape, &Device::Cpu);
        match order {
            ElementOrder::Rows => tensor(shape),
            ElementOrder::Columns => tensor(&shape.iter().rev().copied().collect::<Vec<_>>())?.t(),
            ElementOrder::Strided => bail!("the elements are not contiguous; save the weights as safetensors"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_major_tensors_are_transposed() {
        let floats: Vec<u8> = [1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let location = |order| TensorLocation { dtype: DType::F32, shape: vec![2, 3], bytes: 0..24, order };
        let tensor = |order| StoredTensor { location: &location(order), bytes: &floats }.to_tensor();
        let rows: Vec<Vec<f32>> = tensor(ElementOrder::Columns).unwrap().to_vec2().unwrap();
        assert_eq!(rows, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert!(tensor(ElementOrder::Strided).is_err());
    }
}
