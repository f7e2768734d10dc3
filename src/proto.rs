//! The contract of `proto/splade/v1`, as code.

#![allow(clippy::all, clippy::pedantic, missing_docs)]

tonic::include_proto!("splade.v1");

/// The contract itself, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/splade_descriptor.bin"));
