//! A model's tensors, by name: safetensors (whole or in shards), or a PyTorch pickle.

mod mapped;
mod table;

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::pickle::PthTensors;
use candle_core::{DType, Tensor};
use serde_json::Value;

use super::ModelError;
use mapped::{Mapped, Stored};
pub use table::Table;

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLE: &str = "pytorch_model.bin";

/// A larger table stays in its file.
const MAX_OWNED_BYTES: usize = 32 << 20;

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
    /// One a file.
    Mapped(Vec<Mapped>),
    Pickled(Arc<PthTensors>),
}

impl Weights {
    /// Maps files and reads their headers.
    ///
    /// # Errors
    /// If one can't be read, or is cut short or damaged.
    pub fn open(files: &[PathBuf]) -> Result<Self, ModelError> {
        let first = files.first().map(PathBuf::as_path).unwrap_or(Path::new(WHOLE));
        let source = match first.extension().is_some_and(|extension| extension == "bin") {
            true => {
                let tensors = PthTensors::new(first, None);
                Source::Pickled(Arc::new(
                    tensors.map_err(|error| ModelError::file(first, format!("no PyTorch file of tensors: {error}")))?,
                ))
            }
            false => Source::Mapped(files.iter().map(|path| Mapped::open(path)).collect::<Result<_, _>>()?),
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
            Source::Mapped(files) => files.iter().any(|file| file.get(name).is_some()),
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
        if let Some((_, stored)) = self.stored(name)
            && stored.shape == shape
            && let Some(elements) = stored.float32()
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
        match (self.stored(name), elements) {
            (Some((path, stored)), Cow::Borrowed(elements)) if size_of_val(elements) > MAX_OWNED_BYTES => {
                let file = File::open(path).map_err(|error| ModelError::file(path, error))?;
                Ok(Table::stored(file, stored.offset as u64, rows, width))
            }
            (_, elements) => Ok(Table::owned(elements.into_owned(), width)),
        }
    }

    /// A mapped tensor and its file.
    fn stored(&self, name: &str) -> Option<(&Path, Stored<'_>)> {
        let Source::Mapped(files) = &self.source else { return None };
        let mut stored = self.files.iter().zip(files).map(|(path, file)| (path.as_path(), file.get(name)));
        stored.find_map(|(path, stored)| Some((path, stored?)))
    }

    fn name_of<'a>(&self, names: &'a [String], shape: &[usize]) -> Result<&'a String, ModelError> {
        names.iter().find(|name| self.has(name)).ok_or_else(|| {
            self.problem(format!("tensor `{}` is missing; expected shape {shape:?}", names.join("` or `")))
        })
    }

    fn load(&self, name: &str) -> candle_core::Result<Tensor> {
        let tensor = match (&self.source, self.stored(name)) {
            (Source::Pickled(tensors), _) => tensors.get(name)?,
            (Source::Mapped(_), stored) => stored.map(|(_, stored)| stored.tensor()).transpose()?,
        };
        match tensor {
            Some(tensor) => Ok(tensor),
            None => candle_core::bail!("it is missing"),
        }
    }

    /// An error that names the file.
    pub fn problem(&self, problem: impl ToString) -> ModelError {
        ModelError::file(self.files.first().map(PathBuf::as_path).unwrap_or(Path::new(WHOLE)), problem)
    }
}
