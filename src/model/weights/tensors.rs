//! A model's tensors, by name.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use candle_core::DType;

use super::super::{ModelError, files};
use super::mapped::{Mapped, Stored};
use super::table::Table;
use super::weight_files::WHOLE;

/// A larger table stays in its file.
const MAX_OWNED_BYTES: usize = 32 << 20;

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
        if stored.location.shape != shape {
            return Err(problem(format!(" has shape {:?}; expected {shape:?}", stored.location.shape)));
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
                Ok(Table::stored(file, stored.location.bytes.start as u64, rows, width))
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
