//! Resolves paths to the file that defines a name.

use std::collections::HashSet;

use super::crate_tree::{CrateTree, Node};
use super::module::{Import, Imported};

/// Target of a name. A name may have several targets, such as a type and a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Module(usize),
    Definition(Definition),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Module that defines the item.
    pub module: usize,
    pub name: String,
    pub is_trait: bool,
}

/// Error for a name that is not in a module of the crate.
#[derive(Debug, PartialEq)]
pub struct Missing;

pub struct Resolver<'a> {
    tree: &'a CrateTree,
    /// Names whose lookup is in progress, to terminate on cyclic imports.
    pending: HashSet<(usize, String)>,
}

impl<'a> Resolver<'a> {
    pub fn new(tree: &'a CrateTree) -> Self {
        Self { tree, pending: HashSet::new() }
    }

    /// Returns the targets of a path in a module; none if it leads out of the crate.
    ///
    /// # Errors
    ///
    /// [`Missing`] if a module of the crate on the path does not have the next name.
    pub fn resolve(&mut self, module: usize, path: &[String]) -> Result<Vec<Target>, Missing> {
        let Some((head, mut rest)) = path.split_first() else { return Ok(Vec::new()) };
        let mut targets = self.head(module, head);
        while let Some((name, after)) = rest.split_first() {
            // Segments after a definition are its members: variants or associated functions.
            let modules = targets.iter().filter_map(|target| match target {
                Target::Module(module) => Some(*module),
                Target::Definition(_) => None,
            });
            let Some(module) = modules.reduce(|first, _| first) else { break };
            targets = if name == "super" { self.head(module, name) } else { self.lookup(module, name) };
            if targets.is_empty() {
                return Err(Missing);
            }
            rest = after;
        }
        Ok(targets)
    }

    fn head(&mut self, module: usize, name: &str) -> Vec<Target> {
        let node = self.tree.node(module);
        match name {
            "crate" => vec![Target::Module(node.root)],
            "self" => vec![Target::Module(module)],
            "super" => node.parent.map(Target::Module).into_iter().collect(),
            _ => match self.lookup(module, name) {
                targets if targets.is_empty() => self.outside_of_modules(module, name),
                targets => targets,
            },
        }
    }

    /// Finds the library by its name, or a macro of an enclosing module, which is visible in its descendants.
    fn outside_of_modules(&self, module: usize, name: &str) -> Vec<Target> {
        if let Some(library) = self.tree.library(name) {
            return vec![Target::Module(library)];
        }
        let mut around = std::iter::successors(Some(module), |&module| self.tree.node(module).parent);
        let defining = around.find(|&module| {
            let definitions = &self.tree.node(module).module.definitions;
            definitions.iter().any(|definition| definition.strip_prefix("macro ") == Some(name))
        });
        let target = |module| Target::Definition(Definition { module, name: name.to_owned(), is_trait: false });
        defining.map(target).into_iter().collect()
    }

    /// Finds a name in a module, defined or imported.
    fn lookup(&mut self, module: usize, name: &str) -> Vec<Target> {
        if !self.pending.insert((module, name.to_owned())) {
            return Vec::new();
        }
        let node = self.tree.node(module);
        let mut targets: Vec<_> = node.children.get(name).copied().map(Target::Module).into_iter().collect();
        targets.extend(self.definition(module, name));
        targets.extend(self.imported(module, node, name));
        if targets.is_empty() {
            targets = self.imported_by_globs(module, node, name);
        }
        self.pending.remove(&(module, name.to_owned()));
        targets
    }

    fn definition(&self, module: usize, name: &str) -> Option<Target> {
        let node = self.tree.node(module);
        let is_trait = *node.module.items.get(name)?;
        Some(Target::Definition(Definition { module, name: name.to_owned(), is_trait }))
    }

    fn imported(&mut self, module: usize, node: &Node, name: &str) -> Vec<Target> {
        let is_named = |import: &&Import| matches!(&import.imported, Imported::As(alias) if alias == name);
        let imports = node.module.imports.iter().filter(is_named);
        imports.flat_map(|import| self.resolve(module, &import.path).unwrap_or_default()).collect()
    }

    fn imported_by_globs(&mut self, module: usize, node: &Node, name: &str) -> Vec<Target> {
        let globs = node.module.imports.iter().filter(|import| import.imported == Imported::All);
        let mut found = Vec::new();
        for glob in globs {
            for target in self.resolve(module, &glob.path).unwrap_or_default() {
                if let Target::Module(module) = target {
                    found.extend(self.lookup(module, name));
                }
            }
        }
        found
    }
}
