//! A model's tensors, by name.

use std::path::{Path, PathBuf};

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};

use super::ModelError;

/// The tensors of a safetensors file, mapped into memory.
pub struct Weights {
    tensors: MmapedSafetensors,
    path: PathBuf,
}

impl Weights {
    /// Maps a file and reads its header.
    ///
    /// # Errors
    /// If it can't be read, or is cut short or damaged.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if let Err(error) = std::fs::File::open(path) {
            return Err(ModelError::file(path, format!("{error}; expected the model's weights")));
        }
        // SAFETY: the map is read while the model is loaded and dropped then. Whoever changes the file in that time
        // gets wrong numbers; the operator owns the folder, no client can reach it.
        #[allow(unsafe_code)]
        let tensors = unsafe { MmapedSafetensors::new(path) };
        let tensors = tensors.map_err(|error| ModelError::file(path, format!("no safetensors file: {error}")))?;
        Ok(Self { tensors, path: path.to_owned() })
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.get(name).is_ok()
    }

    /// The first of `names` that exists, as float32.
    ///
    /// # Errors
    /// If none exists, or the one that does has another shape.
    pub fn tensor(&self, names: &[String], shape: &[usize]) -> Result<Tensor, ModelError> {
        let Some(name) = names.iter().find(|name| self.has(name)) else {
            let names = names.join("` or `");
            return Err(ModelError::file(&self.path, format!("tensor `{names}` is missing; expected shape {shape:?}")));
        };
        let failed = |error: candle_core::Error| ModelError::file(&self.path, format!("tensor `{name}`: {error}"));
        let tensor = self.tensors.load(name, &Device::Cpu).map_err(failed)?;
        if tensor.dims() != shape {
            let problem = format!("tensor `{name}` has shape {:?}; expected {shape:?}", tensor.dims());
            return Err(ModelError::file(&self.path, problem));
        }
        tensor.to_dtype(DType::F32).map_err(failed)
    }

    /// Turns a failure to build a layer into an error that names the file.
    pub fn failed(&self, error: candle_core::Error) -> ModelError {
        ModelError::file(&self.path, error)
    }
}
