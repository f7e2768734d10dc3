//! Compiles the contract with protox, which needs no protoc, and records the revision of the build.

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
    emit_revision();
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(PROTOS)?;
    let mut descriptors = compiler.file_descriptor_set();

    // Reflection serves the unmodified contract. Extension options such as the bounds survive only in protox's own encoding.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("splade_descriptor.bin"), compiler.encode_file_descriptor_set())?;

    // Operations, documents and texts are declared as bytes, which have the same wire format, and decoded one by one: an item
    // that can't be decoded (invalid UTF-8, a payload nested too deeply) is then rejected alone instead of ending its stream.
    // See docs/adr/0014-decode-operations-one-by-one.md.
    for (message, field) in [
        ("IngestRequest", "operations"),
        ("Operation", "upsert"),
        ("UpsertRequest", "documents"),
        ("EncodeStreamRequest", "texts"),
    ] {
        change_type_to_bytes(&mut descriptors, message, field)?;
    }
    // The codec distinguishes requests and responses by their type names.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .bytes(".splade_sidecar.v1")
        .codec_path("crate::proto::codec::StrictCodec")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}

/// Sets the variables that `src/version.rs` reads: the revision, and the revision with its date. They come from
/// `SPLADE_REVISION` and `SPLADE_REVISION_DATE` (container images, source archives), otherwise from git.
fn emit_revision() {
    println!("cargo:rerun-if-env-changed=SPLADE_REVISION");
    println!("cargo:rerun-if-env-changed=SPLADE_REVISION_DATE");
    let is_debug = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let (revision, date) = match read_variable("SPLADE_REVISION") {
        Some(revision) => (Some(revision), read_variable("SPLADE_REVISION_DATE")),
        // A commit must not trigger a rebuild during development.
        None if is_debug => (Some("dev".to_owned()), None),
        None => (run_git(&["rev-parse", "--short=12", "HEAD"]), run_git(&["log", "-1", "--format=%cs"])),
    };
    let revision = revision.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=SPLADE_BUILD_REVISION={revision}");
    println!("cargo:rustc-env=SPLADE_BUILD={}", date.map_or(revision.clone(), |date| format!("{revision}, {date}")));
}

/// Returns the first line of an environment variable.
fn read_variable(name: &str) -> Option<String> {
    first_line(&std::env::var(name).ok()?)
}

/// Runs git and returns the first line of its output. Returns `None` if this directory is not the root of a repository, so that
/// the revision of an enclosing repository is never used. Makes cargo rebuild after a commit.
fn run_git(arguments: &[&str]) -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let run = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        first_line(&String::from_utf8_lossy(&output.stdout))
    };
    for file in ["HEAD", "logs/HEAD"] {
        // Cargo would rebuild every time if the file didn't exist.
        if let Some(path) = run(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    run(arguments)
}

/// Returns the first line without surrounding whitespace; `None` if it is empty.
fn first_line(text: &str) -> Option<String> {
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Declares a field of a message as bytes.
fn change_type_to_bytes(set: &mut FileDescriptorSet, message: &str, field: &str) -> Result<(), String> {
    let field = set
        .file
        .iter_mut()
        .flat_map(|file| &mut file.message_type)
        .filter(|descriptor: &&mut DescriptorProto| descriptor.name() == message)
        .flat_map(|descriptor| &mut descriptor.field)
        .find(|descriptor| descriptor.name() == field)
        .ok_or_else(|| format!("field {message}.{field} is not in the contract; update the list in build.rs"))?;
    field.set_type(Type::Bytes);
    field.type_name = None;
    Ok(())
}
