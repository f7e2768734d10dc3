//! Generated code of the gRPC API in `proto/`: `splade_sidecar.v1`, and in [`tei`] the API of text-embeddings-inference,
//! `tei.v1`.
//!
//! [`codec`] is the codec of all calls, and [`unknown_fields`] refuses requests with fields that this server doesn't know.

#![allow(clippy::all, clippy::pedantic, missing_docs)]

pub mod codec;
pub mod unknown_fields;

tonic::include_proto!("splade_sidecar.v1");

/// Generated code of `tei.v1`, the API of text-embeddings-inference.
pub mod tei {
    tonic::include_proto!("tei.v1");
}

/// Domain of [`ErrorReason`]s in `google.rpc.ErrorInfo`.
pub const ERROR_DOMAIN: &str = "splade-sidecar";

/// Encoded file descriptor set of the API, for reflection and the HTTP gateway.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/splade_descriptor.bin"));

/// Returns all methods of the API as `package.Service/Method`.
pub fn list_methods() -> Vec<String> {
    use prost::Message;
    // The set is a build output, so it is valid.
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(|service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| {
        service.method.iter().map(move |method| format!("{package}.{}/{}", service.name(), method.name()))
    });
    methods.collect()
}
