//! Compiles the contract with protox, so that no protoc is needed.

use std::path::PathBuf;

use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

const PROTOS: [&str; 2] = ["splade/v1/encoder_service.proto", "splade/v1/index_service.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut descriptors = protox::compile(PROTOS, ["proto"])?;

    // Reflection shows the contract as it is written.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("splade_descriptor.bin"), descriptors.encode_to_vec())?;

    // The Rust code takes each document, and each text of a stream, as bytes, which is the same on the wire, and decodes
    // it by itself: one that can't be decoded (invalid UTF-8, a payload nested too deep) is then refused alone and
    // doesn't end its stream.
    for (message, field) in
        [("IngestRequest", "documents"), ("UpsertRequest", "documents"), ("EncodeStreamRequest", "texts")]
    {
        take_as_bytes(&mut descriptors, message, field)?;
    }
    tonic_prost_build::configure().bytes(".splade.v1").compile_fds(descriptors)?;
    Ok(())
}

fn take_as_bytes(set: &mut FileDescriptorSet, message: &str, field: &str) -> Result<(), String> {
    let field = set
        .file
        .iter_mut()
        .flat_map(|file| &mut file.message_type)
        .filter(|descriptor: &&mut DescriptorProto| descriptor.name() == message)
        .flat_map(|descriptor| &mut descriptor.field)
        .find(|descriptor| descriptor.name() == field)
        .ok_or_else(|| format!("the contract has no field {message}.{field}"))?;
    field.set_type(Type::Bytes);
    field.type_name = None;
    Ok(())
}
