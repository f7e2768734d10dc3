//! A model's tensors, by name: safetensors (whole or in shards), or a PyTorch pickle.

mod mapped;
mod pickled;
mod table;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use candle_core::DType;
use serde_json::Value;

use super::settings::read_json;
use super::{ModelError, files};
use mapped::{Mapped, Stored};
pub use table::Table;

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLE: &str = "pytorch_model.bin";
const PICKLE_INDEX: &str = "pytorch_model.bin.index.json";

/// A larger table stays in its file.
const MAX_OWNED_BYTES: usize = 32 << 20;

/// The files that hold a directory's tensors: one file or the shards of an index, safetensors before pickles, as
/// transformers prefers them.
///
/// # Errors
/// If an index names no files. A directory without any of them gives the first, whose absence is reported when it is opened.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let path = |name: &str| directory.join(name);
    for (whole, index) in [(WHOLE, INDEX), (PICKLE, PICKLE_INDEX)] {
        if path(whole).exists() {
            return Ok(vec![path(whole)]);
        }
        if path(index).exists() {
            return shards(directory, &path(index));
        }
    }
    Ok(vec![path(WHOLE)])
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let value: Value = read_json(index)?;
    let map = value.get("weight_map").and_then(Value::as_object).into_iter().flatten();
    let mut names: Vec<&str> = map.filter_map(|(_, file)| file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // A name is a file beside the index, and no way out of the folder.
    let paths = names.iter().map(|name| files::inside(folder, name).filter(|_| !name.contains(['/', '\\'])));
    match paths.collect::<Option<Vec<_>>>() {
        Some(paths) if !paths.is_empty() => Ok(paths),
        _ => Err(ModelError::file(index, "`weight_map` does not map tensors to files of this folder")),
    }
}

/// The tensors of a model, mapped into memory: what is read of them is given back when this is dropped.
pub struct Weights {
    files: Vec<(PathBuf, Mapped)>,
}

impl Weights {
    /// Maps files and reads where their tensors are.
    ///
    /// # Errors
    /// If one can't be read, or is cut short or damaged.
    pub fn open(files: &[PathBuf]) -> Result<Self, ModelError> {
        let files = files.iter().map(|path| Ok((path.clone(), Mapped::open(path)?)));
        let files: Vec<(PathBuf, Mapped)> = files.collect::<Result<_, ModelError>>()?;
        for (number, (path, file)) in files.iter().enumerate() {
            let before = files.get(..number).unwrap_or_default();
            for name in file.names() {
                let twice = before.iter().find_map(|(_, other)| other.get(name)).zip(file.get(name));
                if twice.is_some_and(|(other, own)| !own.is_same(&other)) {
                    let problem =
                        format!("tensor `{name}` is in another shard with other values; save the model again");
                    return Err(ModelError::file(path, problem));
                }
            }
        }
        Ok(Self { files })
    }

    /// The names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(|(_, file)| file.names())
    }

    /// The same files, mapped anew.
    ///
    /// # Errors
    /// If one can't be read any more.
    pub fn reopened(&self) -> Result<Self, ModelError> {
        let files = self.files.iter().map(|(path, file)| Ok((path.clone(), file.reopened(path)?)));
        Ok(Self { files: files.collect::<Result<_, _>>()? })
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.stored(name).is_some()
    }

    /// The elements of the first of `names` that exists, as float32, row by row. They are those of the file itself where
    /// it has float32.
    ///
    /// # Errors
    /// If none exists, or the one that does has another shape.
    pub fn tensor(&self, names: &[String], shape: &[usize]) -> Result<Cow<'_, [f32]>, ModelError> {
        let found = names.iter().find_map(|name| Some((name, self.stored(name)?)));
        let Some((name, (path, stored))) = found else {
            if let Some((path, dtype)) = self.unsupported(names) {
                let problem = format!(
                    "tensor `{}` has elements of type {dtype}, which are quantized weights; use the model that they were made \
                     from, and --dtype int8 to compute in 8 bits",
                    names.first().map_or("", String::as_str)
                );
                return Err(ModelError::file(path, problem));
            }
            let names = names.join("` or `");
            return Err(self.problem(format!("tensor `{names}` is missing; expected shape {shape:?}")));
        };
        let problem = |problem: String| ModelError::file(path, format!("tensor `{name}`{problem}"));
        if stored.place.shape != shape {
            return Err(problem(format!(" has shape {:?}; expected {shape:?}", stored.place.shape)));
        }
        if let Some(elements) = stored.float32() {
            return Ok(Cow::Borrowed(elements));
        }
        let elements = stored.tensor().and_then(|tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1());
        elements.map(Cow::Owned).map_err(|error| problem(format!(": {error}")))
    }

    /// A tensor of which rows are looked up, `[rows, width]`.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<Table, ModelError> {
        let elements = self.tensor(&[name.to_owned()], &[rows, width])?;
        match (self.stored(name), elements) {
            (Some((path, stored)), Cow::Borrowed(elements)) if size_of_val(elements) > MAX_OWNED_BYTES => {
                let file = files::open(path).map_err(|error| ModelError::file(path, error))?;
                Ok(Table::stored(file, stored.place.bytes.start as u64, rows, width))
            }
            (_, elements) => Ok(Table::owned(elements.into_owned(), width)),
        }
    }

    /// A tensor and its file.
    fn stored(&self, name: &str) -> Option<(&Path, Stored<'_>)> {
        self.files.iter().find_map(|(path, file)| Some((path.as_path(), file.get(name)?)))
    }

    /// The type of the elements of the first of `names` that is in a file and can't be read.
    fn unsupported(&self, names: &[String]) -> Option<(&Path, &str)> {
        let mut found = names.iter().flat_map(|name| {
            self.files.iter().filter_map(move |(path, file)| Some((path.as_path(), file.unsupported(name)?)))
        });
        found.next()
    }

    /// An error that names the file.
    pub fn problem(&self, problem: impl ToString) -> ModelError {
        ModelError::file(self.files.first().map_or(Path::new(WHOLE), |(path, _)| path), problem)
    }
}
