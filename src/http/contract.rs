//! Descriptors of the contract and of the messages of `google.rpc` that describe errors.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, FileDescriptor};

use crate::proto::FILE_DESCRIPTOR_SET;

/// The package of the contract.
pub const PACKAGE: &str = "splade_sidecar.v1";

/// All descriptors.
pub fn pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        // Both sets were encoded by builds: they can be decoded, which a test holds.
        let mut pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
        let errors = pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
        debug_assert!(errors.is_ok(), "{errors:?}");
        pool
    });
    &POOL
}

/// The comments of the contract, each before what it is about.
#[derive(Debug)]
pub struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    pub fn read() -> Self {
        let locations = pool().files().flat_map(|file| {
            let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
            info.location.into_iter().map(move |location| (file.name().to_owned(), location))
        });
        let comments = locations.filter_map(|(file, location)| {
            let lines = location.leading_comments.as_deref()?.lines().map(str::trim);
            Some(((file, location.path), lines.collect::<Vec<_>>().join(" ").trim().to_owned()))
        });
        Self(comments.collect())
    }

    /// The comment of what lies at a path of a file; empty if there is none.
    pub fn of(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.0.get(&(file.name().to_owned(), path.to_vec())).map_or("", String::as_str)
    }
}

/// Returns a message of the contract by its name inside the package.
#[cfg(test)]
pub fn message(name: &str) -> prost_reflect::MessageDescriptor {
    pool().get_message_by_name(&format!("{PACKAGE}.{name}")).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_comments_are_there() {
        for name in ["google.rpc.Status", "google.rpc.RetryInfo", "google.protobuf.Struct"] {
            assert!(pool().get_message_by_name(name).is_some(), "{name}");
        }
        let message = message("SearchRequest");
        let limit = message.get_field_by_name("limit").unwrap();
        let comment = Comments::read().of(&message.parent_file(), limit.path()).to_owned();
        assert_eq!(comment, "Maximum number of documents: 1 to 1,000. Default: 10.");
    }
}
