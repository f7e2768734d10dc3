//! Structure of the source tree: there are no import cycles between files, and the file of a module with many children
//! only lists them.

mod attributes;
mod code_paths;
mod crate_tree;
mod cycles;
mod imports;
mod module;
mod parse;
mod resolver;
mod tests;
mod token_paths;
mod use_declarations;

use std::path::Path;
use std::sync::LazyLock;

use crate_tree::CrateTree;

/// Number of children from which on the file of a module may only list them.
const MIN_CHILDREN_OF_A_FACADE: usize = 5;

static TREE: LazyLock<CrateTree> =
    LazyLock::new(|| CrateTree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "splade_sidecar"));

#[test]
fn files_have_no_import_cycles() {
    let cycles = cycles::find(&imports::between_files(&TREE).names);
    assert!(
        cycles.is_empty(),
        "{} import cycles between files:
{}",
        cycles.len(),
        cycles.join("\n")
    );
}

#[test]
fn module_files_with_many_children_only_list_them() {
    let facades = TREE.files().filter(|file| file.children.len() >= MIN_CHILDREN_OF_A_FACADE);
    let described = facades.filter(|file| !file.module.definitions.is_empty()).map(|file| {
        format!("{} ({} children): {}", file.path, file.children.len(), file.module.definitions.join(", "))
    });
    let described: Vec<_> = described.collect();
    assert!(described.is_empty(), "definitions that need files of their own:\n{}", described.join("\n"));
}

#[test]
fn imports_are_found_and_resolved() {
    let imports = imports::between_files(&TREE);
    let count: usize = imports.names.values().map(|names| names.len()).sum();
    assert!(count > 1_000, "only {count} imported names were found");
    assert!(
        imports.unresolved.is_empty(),
        "unresolved paths:
{}",
        imports.unresolved.join("\n")
    );
}
