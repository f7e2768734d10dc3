//! A model's tensors, by name.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use candle_core::DType;

use super::super::{ModelError, files};
use super::mapped_file::{MappedFile, StoredTensor};
use super::table::EmbeddingTable;
use super::weight_files::SINGLE_FILE;

/// A larger table stays in its file.
const MAX_IN_MEMORY_TABLE_BYTES: usize = 32 << 20;

/// The tensors of a model, mapped into memory: what is read of them is given back when this is dropped.
pub struct Weights {
    files: Vec<(PathBuf, MappedFile)>,
}

impl Weights {
    /// Maps files and reads where their tensors are.
    ///
    /// # Errors
    /// If one can't be read, or is cut short or damaged.
    pub fn open(files: &[PathBuf]) -> Result<Self, ModelError> {
        let files = files.iter().map(|path| Ok((path.clone(), MappedFile::open(path)?)));
        let files: Vec<(PathBuf, MappedFile)> = files.collect::<Result<_, ModelError>>()?;
        for (index, (path, file)) in files.iter().enumerate() {
            let earlier_files = files.get(..index).unwrap_or_default();
            for name in file.names() {
                let duplicate = earlier_files.iter().find_map(|(_, other)| other.get(name)).zip(file.get(name));
                if duplicate.is_some_and(|(other, own)| !own.is_same(&other)) {
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
    pub fn reopen(&self) -> Result<Self, ModelError> {
        let files = self.files.iter().map(|(path, file)| Ok((path.clone(), file.reopen(path)?)));
        Ok(Self { files: files.collect::<Result<_, _>>()? })
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.find_tensor(name).is_some()
    }

    /// The elements of the first of `names` that exists, as float32, row by row. They are those of the file itself where
    /// it has float32.
    ///
    /// # Errors
    /// If none exists, or the one that does has another shape.
    pub fn tensor(&self, names: &[String], shape: &[usize]) -> Result<Cow<'_, [f32]>, ModelError> {
        let found = names.iter().find_map(|name| Some((name, self.find_tensor(name)?)));
        let Some((name, (path, stored))) = found else {
            if let Some((path, dtype)) = self.find_unsupported(names) {
                let problem = format!(
                    "tensor `{}` has elements of type {dtype}, which are quantized weights; use the model that they were made \
                     from, and --dtype int8 to compute in 8 bits",
                    names.first().map_or("", String::as_str)
                );
                return Err(ModelError::file(path, problem));
            }
            let names = names.join("` or `");
            return Err(self.file_error(format!("tensor `{names}` is missing; expected shape {shape:?}")));
        };
        let tensor_error = |problem: String| ModelError::file(path, format!("tensor `{name}`{problem}"));
        if stored.location.shape != shape {
            return Err(tensor_error(format!(" has shape {:?}; expected {shape:?}", stored.location.shape)));
        }
        if let Some(elements) = stored.as_float32() {
            return Ok(Cow::Borrowed(elements));
        }
        let elements = stored.to_tensor().and_then(|tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1());
        elements.map(Cow::Owned).map_err(|error| tensor_error(format!(": {error}")))
    }

    /// A tensor of which rows are looked up, `[rows, width]`.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<EmbeddingTable, ModelError> {
        let elements = self.tensor(&[name.to_owned()], &[rows, width])?;
        match (self.find_tensor(name), elements) {
            (Some((path, stored)), Cow::Borrowed(elements)) if size_of_val(elements) > MAX_IN_MEMORY_TABLE_BYTES => {
                let file = files::open_regular_file(path).map_err(|error| ModelError::file(path, error))?;
                Ok(EmbeddingTable::in_file(file, stored.location.bytes.start as u64, rows, width))
            }
            (_, elements) => Ok(EmbeddingTable::in_memory(elements.into_owned(), width)),
        }
    }

    /// A tensor and its file.
    fn find_tensor(&self, name: &str) -> Option<(&Path, StoredTensor<'_>)> {
        self.files.iter().find_map(|(path, file)| Some((path.as_path(), file.get(name)?)))
    }

    /// The type of the elements of the first of `names` that is in a file and can't be read.
    fn find_unsupported(&self, names: &[String]) -> Option<(&Path, &str)> {
        let mut found = names.iter().flat_map(|name| {
            self.files.iter().filter_map(move |(path, file)| Some((path.as_path(), file.unsupported_dtype(name)?)))
        });
        found.next()
    }

    /// An error that names the file.
    pub fn file_error(&self, problem: impl ToString) -> ModelError {
        ModelError::file(self.files.first().map_or(Path::new(SINGLE_FILE), |(path, _)| path), problem)
    }
}
