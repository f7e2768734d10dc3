//! What a module defines, imports and uses, outside of tests.

use std::collections::{BTreeSet, HashMap};

/// The segments of a path, such as `crate::store::VectorStore`.
pub type Path = Vec<String>;

/// A module as it is written: that of a file, or an inline one.
#[derive(Default)]
pub struct Module {
    /// Names of the items, and whether each is a trait.
    pub items: HashMap<String, bool>,
    /// What the module holds besides `mod x;`, `use` and documentation, as kind and name.
    pub definitions: Vec<String>,
    pub imports: Vec<Import>,
    /// Paths in the module's own code, all of them relative to the module.
    pub used: BTreeSet<Path>,
    pub children: Vec<(String, Child)>,
    /// Whether a macro may define names here.
    pub has_macro_items: bool,
}

/// A child module.
pub enum Child {
    File,
    Inline(Module),
}

/// One name, or all (`*`), of a `use` declaration.
pub struct Import {
    pub path: Path,
    pub imported: Imported,
    pub is_private: bool,
}

#[derive(PartialEq)]
pub enum Imported {
    As(String),
    All,
}
