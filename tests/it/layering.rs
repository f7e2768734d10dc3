//! Modules use only modules of lower layers.

use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules from the lowest layer up. A module uses only modules of lower layers.
const LAYERS: &[&[&str]] = &[
    &["types", "durable", "env_var", "features", "json", "metrics", "panics", "trace", "version"],
    &["proto"],
    &["model", "store"],
    &["catalog", "pipeline"],
    &["grpc"],
    &["http"],
    &["config"],
    &["server", "admin"],
    &["app"],
    &["cli"],
    // Entry points of the fuzz targets.
    &["fuzzing"],
    &["main"],
];

/// Modules that may use the protobuf messages: the protocol implementations, and `app`, which wires the services.
const PROTO_USERS: &[&str] = &["grpc", "http", "app", "cli", "fuzzing"];

fn row(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// Returns every `.rs` file under a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the module path of a file below the crate root: `src/grpc/mod.rs` and `src/grpc.rs` are `[grpc]`.
fn module_path(file: &Path) -> Vec<String> {
    let parts = file.with_extension("");
    let parts = parts.iter().map(|part| part.to_str().unwrap().to_owned());
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

/// Returns the top-level modules that a line of code in a module `depth` levels below the root names through `crate`, the crate's
/// own name, or `depth` times `super`.
fn roots(line: &str, depth: usize) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    let climb = "super::".repeat(depth);
    let ways = ["crate::", "splade_sidecar::", &climb];
    let named = ways.into_iter().flat_map(|way| code.match_indices(way).map(|(at, way)| &code[at + way.len()..]));
    named.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()).collect()
}

/// Returns every use of a top-level module in a file, by line number. Inline modules are tracked by rustfmt's
/// indentation.
fn uses(text: &str, depth: usize) -> Vec<(usize, &str)> {
    let mut inner: Vec<String> = Vec::new();
    let mut uses = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim_start().trim_start_matches("pub ").starts_with("mod ") && line.ends_with('{') {
            inner.push(format!("{indent}}}"));
        } else if inner.last().is_some_and(|end| end == line) {
            inner.pop();
        }
        uses.extend(roots(line, depth + inner.len()).into_iter().map(|module| (number, module)));
    }
    uses
}

#[test]
fn layers_see_only_those_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for file in files(&source) {
        let path = module_path(file.strip_prefix(&source).unwrap());
        // The root itself only lists the modules.
        let Some(module) = path.first() else { continue };
        let text = fs::read_to_string(&file).unwrap();
        for (line, used) in uses(&text, path.len()) {
            let at = format!("{}:{line}: {module} uses {used:?}", file.display());
            let below = row(used).unwrap_or_else(|| panic!("{at}, which is in no layer; add it to LAYERS"));
            let above = row(module).unwrap_or_else(|| panic!("{at}, but is in no layer; add it to LAYERS"));
            assert!(used == module || below < above, "{at}, which is not in a lower layer");
            assert!(used != "proto" || used == module || PROTO_USERS.contains(&module.as_str()), "{at}");
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} uses were found");
}

/// Modules that client commands may not use, because they use a server only through its gRPC API.
const ENGINE: &[&str] = &["config", "model", "store", "pipeline", "catalog", "grpc", "http", "server", "admin", "app"];

#[test]
fn only_engine_commands_use_the_modules_of_the_server() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for file in files(&source.join("cli")) {
        let path = module_path(file.strip_prefix(&source).unwrap());
        let is_engine = path.get(1).is_some_and(|module| module == "engine");
        let is_test = path.iter().any(|module| module == "tests");
        if is_engine || is_test {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (line, used) in uses(&text, path.len()) {
            let at = format!("{}:{line}", file.display());
            assert!(
                !ENGINE.contains(&used),
                "{at}: a client command uses {used:?}; commands that need it go to cli/engine"
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} uses were found");
}

#[test]
fn uses_are_found_however_they_are_written() {
    let text = "\
use super::grpc::Gate;
use serde::Serialize;
fn f(x: crate::types::Fault) {} // crate::comment
mod tests {
    use super::super::app;
    use super::sibling;
    use crate::{a, b};
}
use splade_sidecar::cli::Cli;";
    let found = [(1, "grpc"), (3, "types"), (5, "app"), (7, ""), (9, "cli")];
    assert_eq!(uses(text, 1), found);
}
