//! The contract: its descriptors, its comments, and the messages of `google.rpc` that describe errors.

use std::collections::HashMap;
use std::path::Path;

use prost_reflect::{DescriptorPool, FileDescriptor};
use protox::Compiler;

/// The package of the contract.
pub const PACKAGE: &str = "splade_sidecar.v1";
/// The message of errors.
pub const STATUS_MESSAGE: &str = "google.rpc.Status";

/// Files of the contract that HTTP has, from `proto/`. They import the others.
const SERVICE_FILES: [&str; 2] = ["splade_sidecar/v1/encoder_service.proto", "splade_sidecar/v1/index_service.proto"];
/// Folder of the messages of `google.rpc`.
const GOOGLE_PROTO_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");

/// Descriptors and comments.
pub struct Contract {
    pub pool: DescriptorPool,
    /// The comment before each element, by its file and its path in the file's descriptor.
    comments: HashMap<(String, Vec<i32>), String>,
}

impl Contract {
    /// Compiles the contract.
    ///
    /// # Errors
    /// If it can't be compiled.
    pub fn compile(proto: &Path) -> Result<Self, protox::Error> {
        let mut compiler = Compiler::new([proto, Path::new(GOOGLE_PROTO_DIR)])?;
        compiler.include_imports(true).include_source_info(true);
        compiler.open_files(SERVICE_FILES.into_iter().chain(["google/rpc/status.proto"]))?;
        let pool = compiler.descriptor_pool();
        Ok(Self { comments: read_comments(&pool), pool })
    }

    /// Returns the comment of what lies at a path of a file; empty if there is none.
    pub fn comment(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.comments.get(&(file.name().to_owned(), path.to_vec())).map_or("", String::as_str)
    }
}

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

    /// Returns the contract of this repository.
    pub fn contract() -> Contract {
        Contract::compile(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto"))).unwrap()
    }
}
