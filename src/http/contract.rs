//! Protobuf descriptors of the API, and of the messages of `google.rpc` that describe errors.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

use crate::proto::FILE_DESCRIPTOR_SET;

/// Protobuf package of the API.
pub const PACKAGE: &str = "splade_sidecar.v1";

/// Returns the pool of all descriptors.
pub fn descriptor_pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        // Both sets are build outputs, so they are valid; a test checks it.
        let mut pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
        let errors = pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
        debug_assert!(errors.is_ok(), "{errors:?}");
        pool
    });
    &POOL
}

/// Returns a message of the API by its name in the package.
#[cfg(test)]
pub fn message(name: &str) -> prost_reflect::MessageDescriptor {
    descriptor_pool().get_message_by_name(&format!("{PACKAGE}.{name}")).unwrap()
}

/// Returns the comment of a field as one line.
#[cfg(test)]
pub fn comment(field: &prost_reflect::FieldDescriptor) -> String {
    let file = field.parent_message().parent_file();
    let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
    let location = info.location.into_iter().find(|location| location.path == field.path());
    let comment = location.and_then(|location| location.leading_comments).unwrap_or_default();
    comment.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_comments_are_available() {
        for name in ["google.rpc.Status", "google.rpc.RetryInfo", "google.protobuf.Struct"] {
            assert!(descriptor_pool().get_message_by_name(name).is_some(), "{name}");
        }
        let message = message("SearchRequest");
        let limit = message.get_field_by_name("limit").unwrap();
        assert_eq!(comment(&limit), "Maximum number of documents to return: 1 to 1,000. Default: 10.");
    }
}
