//! Compiles the contract and the error messages of `google.rpc` to descriptors, with their comments.

use std::collections::HashMap;
use std::path::Path;

use prost_reflect::{DescriptorPool, FileDescriptor};
use protox::Compiler;

/// Protobuf package of the contract.
pub const PACKAGE: &str = "splade_sidecar.v1";
/// Full name of the message that describes errors.
pub const STATUS_MESSAGE: &str = "google.rpc.Status";

/// Files of the contract with services that the HTTP gateway exposes, relative to `proto/`. They import the other files.
const SERVICE_FILES: [&str; 2] = ["splade_sidecar/v1/encoder_service.proto", "splade_sidecar/v1/index_service.proto"];
/// Include directory of the messages of `google.rpc`.
const GOOGLE_PROTO_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");

/// Descriptors of the contract, and the comments of its elements.
pub struct Contract {
    pub pool: DescriptorPool,
    /// Leading comments by file name and by path in the file's descriptor, as in `SourceCodeInfo.Location`.
    comments: HashMap<(String, Vec<i32>), String>,
}

impl Contract {
    /// Compiles the contract in the directory `proto`.
    ///
    /// # Errors
    /// Returns the compiler's error if a file is missing or invalid.
    pub fn compile(proto: &Path) -> Result<Self, protox::Error> {
        let mut compiler = Compiler::new([proto, Path::new(GOOGLE_PROTO_DIR)])?;
        compiler.include_imports(true).include_source_info(true);
        compiler.open_files(SERVICE_FILES.into_iter().chain(["google/rpc/status.proto"]))?;
        let pool = compiler.descriptor_pool();
        Ok(Self { comments: read_comments(&pool), pool })
    }

    /// Returns the comment of the element at a descriptor path of a file; empty if it has none.
    pub fn comment(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.comments.get(&(file.name().to_owned(), path.to_vec())).map_or("", String::as_str)
    }
}

/// Returns the leading comments of all elements, each joined to one line.
fn read_comments(pool: &DescriptorPool) -> HashMap<(String, Vec<i32>), String> {
    let locations = pool.files().flat_map(|file| {
        let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
        info.location.into_iter().map(move |location| (file.name().to_owned(), location))
    });
    let comments = locations.filter_map(|(file, location)| {
        let lines = location.leading_comments.as_deref()?.lines().map(str::trim);
        Some(((file, location.path), lines.collect::<Vec<_>>().join(" ").trim().to_owned()))
    });
    comments.collect()
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// Compiles the contract of this repository.
    pub fn contract() -> Contract {
        Contract::compile(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto"))).unwrap()
    }
}
