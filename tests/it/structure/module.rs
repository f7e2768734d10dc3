//! Definitions, imports and used paths of a module, outside of tests.

use std::collections::{BTreeSet, HashMap};

/// Segments of a path such as `crate::store::VectorStore`.
pub type Path = Vec<String>;

/// Parsed module: a file or an inline module.
#[derive(Default)]
pub struct Module {
    /// Item names, each with `true` for a trait.
    pub items: HashMap<String, bool>,
    /// Kind and name of each item except `mod x;`, `use` and documentation.
    pub definitions: Vec<String>,
    pub imports: Vec<Import>,
    /// Paths in the module's own code, relative to the module.
    pub used: BTreeSet<Path>,
    pub children: Vec<(String, Child)>,
    /// If set, a macro may define names in the module.
    pub has_macro_items: bool,
}

/// Child module.
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
