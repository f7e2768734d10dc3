//! Generates files from the contract.
//!
//! - `cargo xtask openapi` writes `docs/openapi.json`, which is also compiled into the server.
//! - `cargo xtask openapi --check` fails if the file is out of date.

mod contract;
mod openapi;

use std::env::args;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use contract::Contract;

/// Root directory of the repository.
const REPO_ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Path of the OpenAPI document, relative to the root directory.
const OPENAPI_FILE: &str = "docs/openapi.json";
const USAGE: &str = "usage: cargo xtask openapi [--check]";

fn main() -> ExitCode {
    let arguments: Vec<_> = args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["openapi"] => write_openapi(),
        ["openapi", "--check"] => check_openapi(),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Generates the OpenAPI document, as pretty-printed JSON.
fn generate_openapi() -> Result<String, Box<dyn Error>> {
    let root = Path::new(REPO_ROOT);
    let contract = Contract::compile(&root.join("proto"))?;
    let version = parse_package_version(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    Ok(format!("{:#}\n", openapi::build_document(&contract, &version)?))
}

fn write_openapi() -> Result<(), Box<dyn Error>> {
    Ok(fs::write(Path::new(REPO_ROOT).join(OPENAPI_FILE), generate_openapi()?)?)
}

fn check_openapi() -> Result<(), Box<dyn Error>> {
    let is_current = fs::read_to_string(Path::new(REPO_ROOT).join(OPENAPI_FILE))? == generate_openapi()?;
    if is_current { Ok(()) } else { Err(format!("{OPENAPI_FILE} is out of date; run `cargo xtask openapi`").into()) }
}

/// Returns the package version in the text of a `Cargo.toml`.
fn parse_package_version(manifest: &str) -> Result<String, &'static str> {
    let value = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    value.map(str::to_owned).ok_or("Cargo.toml has no line `version = \"…\"`; set the version of the package")
}
