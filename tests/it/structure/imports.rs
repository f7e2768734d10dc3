//! Names that files import from one another.

use std::collections::{BTreeMap, BTreeSet};

use super::crate_tree::{CrateTree, Node};
use super::module::{Import, Imported};
use super::resolver::{Definition, Resolver, Target};

/// Names that one file imports from another, by (importing file, defining file).
pub type Names = BTreeMap<(String, String), BTreeSet<String>>;

#[derive(Default)]
pub struct ImportsBetweenFiles {
    pub names: Names,
    /// Paths without a definition, with their files.
    pub unresolved: Vec<String>,
}

/// Finds the names of other files that each file's own code uses. A re-exported name counts as used by the files
/// that import it, and belongs to the file that defines it.
pub fn between_files(tree: &CrateTree) -> ImportsBetweenFiles {
    let mut imports = ImportsBetweenFiles::default();
    for module in tree.indices() {
        let node = tree.node(module);
        for path in &node.module.used {
            match Resolver::new(tree).resolve(module, path) {
                Ok(targets) => targets.into_iter().for_each(|target| imports.add(tree, node, target)),
                Err(_) if may_be_made_by_a_macro(tree, module, path) => {}
                Err(_) => imports.unresolved.push(format!("{}: {}", node.path, path.join("::"))),
            }
        }
        for target in targets_used_without_their_name(tree, module) {
            imports.add(tree, node, target);
        }
    }
    imports
}

impl ImportsBetweenFiles {
    fn add(&mut self, tree: &CrateTree, node: &Node, target: Target) {
        let Target::Definition(Definition { module, name, .. }) = target else { return };
        let to = &tree.node(module).path;
        if *to != node.path {
            self.names.entry((node.path.clone(), to.clone())).or_default().insert(name);
        }
    }
}

/// Returns imported traits, of which code may use only methods, and enums whose variants are imported.
fn targets_used_without_their_name(tree: &CrateTree, module: usize) -> Vec<Target> {
    let node = tree.node(module);
    let has_code = !node.module.items.is_empty();
    let private = node.module.imports.iter().filter(|import| has_code && import.is_private);
    let targets = private.flat_map(|import| {
        let targets = Resolver::new(tree).resolve(module, &import.path).unwrap_or_default();
        targets.into_iter().filter(|target| is_used_without_its_name(import, target))
    });
    targets.collect()
}

fn is_used_without_its_name(import: &Import, target: &Target) -> bool {
    match target {
        Target::Definition(definition) => definition.is_trait || import.imported == Imported::All,
        Target::Module(_) => false,
    }
}

/// Returns whether a path leads to a module in which a macro may define names.
fn may_be_made_by_a_macro(tree: &CrateTree, module: usize, path: &[String]) -> bool {
    (1..path.len()).any(|length| {
        let targets = Resolver::new(tree).resolve(module, &path[..length]).unwrap_or_default();
        targets.iter().any(|target| matches!(target, Target::Module(at) if tree.node(*at).module.has_macro_items))
    })
}
