//! A file of tensors, mapped into memory.

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

/// A file of tensors. What is read of it gets into memory, and is given back when this is dropped.
pub struct MappedFile {
    mmap: Mmap,
    locations: Arc<TensorLocations>,
    /// The types of elements that no weights are, by tensor.
    unsupported_dtypes: Arc<HashMap<String, String>>,
}

/// A tensor as it lies in its file.
pub struct StoredTensor<'a> {
    pub location: &'a TensorLocation,
    bytes: &'a [u8],
}

impl MappedFile {
    /// Maps a file and reads where its tensors are. A name that ends with `.bin` is a PyTorch file, another safetensors.
    ///
    /// # Errors
    /// If it can't be read, or is cut short or damaged.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let mmap = map_file(path)?;
        let parsed = match path.extension().is_some_and(|extension| extension == "bin") {
            true => pickled::read_locations(&mmap)
                .map(|locations| (locations, HashMap::new()))
                .map_err(|problem| format!("no PyTorch file of tensors: {problem}")),
            false => safetensors::read_locations(&mmap).map_err(|error| format!("no safetensors file: {error}")),
        };
        let (locations, unsupported) = parsed.map_err(|problem| ModelError::file(path, problem))?;
        Ok(Self { mmap, locations: Arc::new(locations), unsupported_dtypes: Arc::new(unsupported) })
    }

    /// The same file, mapped anew.
    ///
    /// # Errors
    /// If it can't be read any more.
    pub fn reopen(&self, path: &Path) -> Result<Self, ModelError> {
        let (locations, unsupported) = (Arc::clone(&self.locations), Arc::clone(&self.unsupported_dtypes));
        Ok(Self { mmap: map_file(path)?, locations, unsupported_dtypes: unsupported })
    }

    /// The names of its tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.locations.keys().map(String::as_str)
    }

    /// The type of a tensor's elements, if it is there and they can't be read.
    pub fn unsupported_dtype(&self, name: &str) -> Option<&str> {
        self.unsupported_dtypes.get(name).map(String::as_str)
    }

    /// A tensor by its name; `None` if it is not there.
    pub fn get(&self, name: &str) -> Option<StoredTensor<'_>> {
        let location = self.locations.get(name)?;
        Some(StoredTensor { location, bytes: self.mmap.get(location.bytes.clone())? })
    }
}

fn map_file(path: &Path) -> Result<Mmap, ModelError> {
    let file = files::open_regular_file(path).map_err(|error| {
        // Weights in another format are better known by what they are.
        let explanation =
            path.parent().filter(|_| error.kind() == ErrorKind::NotFound).and_then(explain_unsupported_format);
        let problem = explanation
            .map_or_else(|| error.to_string(), |foreign| format!("the file is missing; the directory holds {foreign}"));
        ModelError::file(path, format!("{problem}; expected the model's weights"))
    })?;
    // SAFETY: the map is only read. Whoever changes the file while a model uses it gets wrong numbers or, if the file gets
    // shorter, ends the process; the operator owns the folder, no client can reach it.
    #[allow(unsafe_code)]
    let mmap = unsafe { Mmap::map(&file) };
    mmap.map_err(|error| ModelError::file(path, format!("it can't be mapped: {error}")))
}

impl<'a> StoredTensor<'a> {
    /// Whether another tensor has the same elements in the same order.
    pub fn is_same(&self, other: &Self) -> bool {
        let TensorLocation { dtype, shape, order, bytes: _ } = self.location;
        (*dtype, shape, *order) == (other.location.dtype, &other.location.shape, other.location.order)
            && self.bytes == other.bytes
    }

    /// Its elements, if they are float32 and lie as the processor reads them, row by row.
    pub fn as_float32(&self) -> Option<&'a [f32]> {
        let is_row_major_f32 = self.location.dtype == DType::F32 && self.location.order == ElementOrder::Rows;
        is_row_major_f32.then(|| bytemuck::try_cast_slice(self.bytes).ok()).flatten()
    }

    /// A copy.
    ///
    /// # Errors
    /// If it is of a type that no weights are, or its elements lie in an odd order.
    pub fn to_tensor(&self) -> candle_core::Result<Tensor> {
        let TensorLocation { dtype, shape, order, .. } = self.location;
        if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16 | DType::F64) {
            bail!(
                "it has elements of type {dtype:?}; expected F32, F16, BF16 or F64. Quantized weights are not read: use the \
                 model that they were made from, and --dtype int8 to compute in 8 bits"
            );
        }
        let tensor = |shape: &[usize]| Tensor::from_raw_buffer(self.bytes, *dtype, shape, &Device::Cpu);
        match order {
            ElementOrder::Rows => tensor(shape),
            ElementOrder::Columns => tensor(&shape.iter().rev().copied().collect::<Vec<_>>())?.t(),
            ElementOrder::Strided => bail!("its elements do not lie one after another; save it as safetensors"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows() {
        let floats: Vec<u8> = [1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let location = |order| TensorLocation { dtype: DType::F32, shape: vec![2, 3], bytes: 0..24, order };
        let tensor = |order| StoredTensor { location: &location(order), bytes: &floats }.to_tensor();
        let rows: Vec<Vec<f32>> = tensor(ElementOrder::Columns).unwrap().to_vec2().unwrap();
        assert_eq!(rows, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert!(tensor(ElementOrder::Strided).is_err());
    }
}
