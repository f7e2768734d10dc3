//! Access to a model's tensors by name.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use candle_core::DType;

use super::super::{ModelError, files};
use super::mapped_file::{MappedFile, StoredTensor};
use super::table::EmbeddingTable;
use super::weight_files::SINGLE_FILE;

/// Maximum size of a table that is loaded into memory; larger ones stay in their file.
const MAX_IN_MEMORY_TABLE_BYTES: usize = 32 << 20;

/// Tensors of a model, memory-mapped. Pages that were read stay in memory until this is dropped.
pub struct Weights {
    files: Vec<(PathBuf, MappedFile)>,
}

impl Weights {
    /// Maps files and reads the locations of their tensors.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file cannot be read, is truncated or damaged, or shards have different values for one
    /// tensor.
    pub fn open(files: &[PathBuf]) -> Result<Self, ModelError> {
        let files = files.iter().map(|path| Ok((path.clone(), MappedFile::open(path)?)));
        let files: Vec<(PathBuf, MappedFile)> = files.collect::<Result<_, ModelError>>()?;
        for (index, (path, file)) in files.iter().enumerate() {
            let earlier_files = files.get(..index).unwrap_or_default();
            for name in file.names() {
                // Identical duplicates are accepted; different values indicate a damaged or mixed checkpoint.
                let duplicate = earlier_files.iter().find_map(|(_, other)| other.get(name)).zip(file.get(name));
                if duplicate.is_some_and(|(other, own)| !own.is_same(&other)) {
                    let problem = format!("tensor `{name}` has other values in another shard; save the model again");
                    return Err(ModelError::file(path, problem));
                }
            }
        }
        Ok(Self { files })
    }

    /// Iterates over the names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(|(_, file)| file.names())
    }

    /// Maps the files again; the locations are shared.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file can no longer be read.
    pub fn reopen(&self) -> Result<Self, ModelError> {
        let files = self.files.iter().map(|(path, file)| Ok((path.clone(), file.reopen(path)?)));
        Ok(Self { files: files.collect::<Result<_, _>>()? })
    }

    /// Returns true if there is a tensor with that name.
    pub fn has(&self, name: &str) -> bool {
        self.find_tensor(name).is_some()
    }

    /// Returns the elements of the first existing tensor of `names`, as row-major float32; borrowed from the file if
    /// stored that way.
    ///
    /// # Errors
    /// [`ModelError::File`] if none exists, or the tensor has another shape or an unsupported type.
    pub fn tensor(&self, names: &[String], shape: &[usize]) -> Result<Cow<'_, [f32]>, ModelError> {
        let found = names.iter().find_map(|name| Some((name, self.find_tensor(name)?)));
        let Some((name, (path, stored))) = found else {
            if let Some((path, dtype)) = self.find_unsupported(names) {
                let problem = format!(
                    "tensor `{}` has the element type {dtype} of quantized weights, which are not supported; use the \
                     original model, with --dtype int8 for int8 inference",
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

    /// Returns a tensor `[rows, width]` for row lookups.
    ///
    /// # Errors
    /// Errors of [`Self::tensor`].
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

    /// Finds a tensor and its file.
    fn find_tensor(&self, name: &str) -> Option<(&Path, StoredTensor<'_>)> {
        self.files.iter().find_map(|(path, file)| Some((path.as_path(), file.get(name)?)))
    }

    /// Finds the first of `names` that exists with an unsupported element type.
    fn find_unsupported(&self, names: &[String]) -> Option<(&Path, &str)> {
        let mut found = names.iter().flat_map(|name| {
            self.files.iter().filter_map(move |(path, file)| Some((path.as_path(), file.unsupported_dtype(name)?)))
        });
        found.next()
    }

    /// Creates an error that names the first weight file.
    pub fn file_error(&self, problem: impl ToString) -> ModelError {
        ModelError::file(self.files.first().map_or(Path::new(SINGLE_FILE), |(path, _)| path), problem)
    }
}
