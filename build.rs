//! Compiles the contract with protox, so that no protoc is needed, and finds out which source this is.

use std::path::{Path, PathBuf};
use std::process::Command;

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

const PROTOS: [&str; 4] = [
    "splade_sidecar/v1/encoder_service.proto",
    "splade_sidecar/v1/errors.proto",
    "splade_sidecar/v1/index_service.proto",
    "tei/v1/tei.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tell_revision();
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(PROTOS)?;
    let mut descriptors = compiler.file_descriptor_set();

    // Reflection shows the contract as it is written. Of the fields' options, only these bytes have the bounds.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("splade_descriptor.bin"), compiler.encode_file_descriptor_set())?;

    // The Rust code takes each operation, document and text of a stream as bytes, which is the same on the wire, and decodes
    // it by itself: one that can't be decoded (invalid UTF-8, a payload nested too deep) is then rejected alone and
    // doesn't end its stream.
    // See docs/adr/0014-decode-operations-one-by-one.md.
    for (message, field) in [
        ("IngestRequest", "operations"),
        ("Operation", "upsert"),
        ("UpsertRequest", "documents"),
        ("EncodeStreamRequest", "texts"),
    ] {
        take_as_bytes(&mut descriptors, message, field)?;
    }
    // Messages with their names, by which the codec tells requests from responses.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .bytes(".splade_sidecar.v1")
        .codec_path("crate::proto::codec::StrictCodec")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}

/// What `src/version.rs` reads: the revision, and the revision with its date. `SPLADE_REVISION` and `SPLADE_REVISION_DATE`
/// say them for images and source archives, else git does.
fn tell_revision() {
    println!("cargo:rerun-if-env-changed=SPLADE_REVISION");
    println!("cargo:rerun-if-env-changed=SPLADE_REVISION_DATE");
    let is_debug = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let (revision, date) = match given("SPLADE_REVISION") {
        Some(revision) => (Some(revision), given("SPLADE_REVISION_DATE")),
        // Where one develops, a commit must not compile everything again.
        None if is_debug => (Some("dev".to_owned()), None),
        None => (git(&["rev-parse", "--short=12", "HEAD"]), git(&["log", "-1", "--format=%cs"])),
    };
    let revision = revision.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=SPLADE_BUILD_REVISION={revision}");
    println!("cargo:rustc-env=SPLADE_BUILD={}", date.map_or(revision.clone(), |date| format!("{revision}, {date}")));
}

fn given(name: &str) -> Option<String> {
    one_line(&std::env::var(name).ok()?)
}

/// What git says of this source, and not of a repository that this source was unpacked in. A commit is then a reason to
/// build again.
fn git(arguments: &[&str]) -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let ask = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        one_line(&String::from_utf8_lossy(&output.stdout))
    };
    for file in ["HEAD", "logs/HEAD"] {
        // A file that is not there would be a reason every time.
        if let Some(path) = ask(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    ask(arguments)
}

fn one_line(text: &str) -> Option<String> {
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
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
