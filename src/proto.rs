//! The contract of `proto/`, as code: `splade_sidecar.v1`, and in [`tei`] what text-embeddings-inference calls `tei.v1`.

#![allow(clippy::all, clippy::pedantic, missing_docs)]

pub mod codec;
pub mod unknown_fields;

tonic::include_proto!("splade_sidecar.v1");

pub mod tei {
    tonic::include_proto!("tei.v1");
}

/// The domain of [`ErrorReason`]s in `google.rpc.ErrorInfo`.
pub const ERROR_DOMAIN: &str = "splade-sidecar";

/// The contract itself, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/splade_descriptor.bin"));

/// Every method of the contract, as `package.Service/Method`.
pub fn list_methods() -> Vec<String> {
    use prost::Message;
    // It was encoded by the build: it can be decoded.
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(|service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| {
        service.method.iter().map(move |method| format!("{package}.{}/{}", service.name(), method.name()))
    });
    methods.collect()
}
