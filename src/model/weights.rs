//! A model's tensors, by name: safetensors (whole or in shards), or a PyTorch pickle.

mod table;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::pickle::PthTensors;
use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};
use serde_json::Value;

use super::ModelError;
pub use table::Table;

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLE: &str = "pytorch_model.bin";

/// The files that hold a folder's tensors: one file, the shards of an index, or a pickle.
///
/// # Errors
/// If an index names no files. A folder without any of them gives the first, whose absence is then told by name.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let [whole, index, pickle] = [WHOLE, INDEX, PICKLE].map(|name| folder.join(name));
    if !whole.exists() && index.exists() {
        return shards(folder, &index);
    }
    Ok(vec![if !whole.exists() && pickle.exists() { pickle } else { whole }])
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let text = std::fs::read(index).map_err(|error| ModelError::file(index, error))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| ModelError::file(index, error))?;
    let map = value.get("weight_map").and_then(Value::as_object).into_iter().flatten();
    let mut names: Vec<&str> = map.filter_map(|(_, file)| file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // A name is a file beside the index, and no way out of the folder.
    if names.is_empty() || names.iter().any(|name| name.contains(['/', '\\'])) {
        return Err(ModelError::file(index, "`weight_map` does not map tensors to files of this folder"));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The tensors of a model. Safetensors are mapped into memory: what is read of them is given back when this is dropped.
pub struct Weights {
    source: Source,
    files: Vec<PathBuf>,
}

enum Source {
    Mapped(Arc<MmapedSafetensors>),
    Pickled(Arc<PthTensors>),
}

impl Weights {
    /// Maps files and reads their headers.
    ///
    /// # Errors
    /// If one can't be read, or is cut short or damaged.
    pub fn open(files: &[PathBuf]) -> Result<Self, ModelError> {
        for path in files {
            if let Err(error) = std::fs::File::open(path) {
                return Err(ModelError::file(path, format!("{error}; expected the model's weights")));
            }
        }
        let first = files.first().map(PathBuf::as_path).unwrap_or(Path::new(WHOLE));
        let source = match first.extension().is_some_and(|extension| extension == "bin") {
            true => {
                let tensors = PthTensors::new(first, None);
                Source::Pickled(Arc::new(
                    tensors.map_err(|error| ModelError::file(first, format!("no PyTorch file of tensors: {error}")))?,
                ))
            }
            false => Source::Mapped(Arc::new(map(files, first)?)),
        };
        Ok(Self { source, files: files.to_owned() })
    }

    /// The same files, mapped anew.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reopened(&self) -> Result<Self, ModelError> {
        match &self.source {
            Source::Mapped(_) => Self::open(&self.files),
            Source::Pickled(tensors) => {
                Ok(Self { source: Source::Pickled(Arc::clone(tensors)), files: self.files.clone() })
            }
        }
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        match &self.source {
            Source::Mapped(tensors) => tensors.get(name).is_ok(),
            Source::Pickled(tensors) => tensors.tensor_infos().contains_key(name),
        }
    }

    /// The elements of the first of `names` that exists, as float32, row by row. They are those of the file itself where
    /// it has float32.
    ///
    /// # Errors
    /// If none exists, or the one that does has another shape.
    pub fn tensor(&self, names: &[String], shape: &[usize]) -> Result<Cow<'_, [f32]>, ModelError> {
        let name = self.name_of(names, shape)?;
        if let Source::Mapped(tensors) = &self.source
            && let Ok(view) = tensors.get(name)
            && view.shape() == shape
            && DType::try_from(view.dtype()).is_ok_and(|dtype| dtype == DType::F32)
            && let Ok(elements) = bytemuck::try_cast_slice(view.data())
        {
            return Ok(Cow::Borrowed(elements));
        }
        let failed = |error: candle_core::Error| self.problem(format!("tensor `{name}`: {error}"));
        let tensor = self.load(name).map_err(failed)?;
        if tensor.dims() != shape {
            return Err(self.problem(format!("tensor `{name}` has shape {:?}; expected {shape:?}", tensor.dims())));
        }
        let elements = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.flatten_all()?.to_vec1());
        elements.map(Cow::Owned).map_err(failed)
    }

    /// A tensor of which rows are looked up, `[rows, width]`.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<Table, ModelError> {
        let elements = self.tensor(&[name.to_owned()], &[rows, width])?;
        Ok(match (&self.source, elements) {
            (Source::Mapped(tensors), Cow::Borrowed(_)) => Table::mapped(Arc::clone(tensors), name.to_owned(), width),
            (_, elements) => Table::owned(elements.into_owned(), width),
        })
    }

    fn name_of<'a>(&self, names: &'a [String], shape: &[usize]) -> Result<&'a String, ModelError> {
        names.iter().find(|name| self.has(name)).ok_or_else(|| {
            self.problem(format!("tensor `{}` is missing; expected shape {shape:?}", names.join("` or `")))
        })
    }

    fn load(&self, name: &str) -> candle_core::Result<Tensor> {
        match &self.source {
            Source::Mapped(tensors) => tensors.load(name, &Device::Cpu),
            Source::Pickled(tensors) => match tensors.get(name)? {
                Some(tensor) => Ok(tensor),
                None => candle_core::bail!("it is missing"),
            },
        }
    }

    /// An error that names the file.
    pub fn problem(&self, problem: impl ToString) -> ModelError {
        ModelError::file(self.files.first().map(PathBuf::as_path).unwrap_or(Path::new(WHOLE)), problem)
    }
}

fn map(files: &[PathBuf], first: &Path) -> Result<MmapedSafetensors, ModelError> {
    // SAFETY: the maps are only read. Whoever changes a file while a model uses it gets wrong numbers or, if the file gets
    // shorter, ends the process; the operator owns the folder, no client can reach it.
    #[allow(unsafe_code)]
    let tensors = unsafe { MmapedSafetensors::multi(files) };
    tensors.map_err(|error| ModelError::file(first, format!("no safetensors file: {error}")))
}
