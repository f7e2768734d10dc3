//! Tree of the modules of the crate.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, thread};

use super::module::{Child, Module};
use super::parse::parse;

/// Root files of the library and of the binary.
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

pub struct CrateTree {
    /// Name of the library in paths of the binary.
    library: String,
    nodes: Vec<Node>,
    /// Nodes of [`ROOTS`].
    roots: Vec<usize>,
}

/// Module and its position in the tree.
pub struct Node {
    /// File of the module.
    pub path: String,
    pub module: Module,
    pub parent: Option<usize>,
    pub root: usize,
    pub children: HashMap<String, usize>,
    is_inline: bool,
}

impl CrateTree {
    /// Reads the files under a source directory that are compiled without `cfg(test)`.
    pub fn read(source: &Path, library: &str) -> Self {
        let paths = rust_files(source, "");
        let parse_chunk = |paths: &[String]| -> Vec<(String, Module)> {
            let parse_file = |path: &String| {
                let text = fs::read_to_string(source.join(path)).unwrap();
                (path.clone(), parse(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
            };
            paths.iter().map(parse_file).collect()
        };
        let chunk = paths.len().div_ceil(thread::available_parallelism().map_or(1, usize::from));
        let modules = thread::scope(|scope| {
            let threads: Vec<_> = paths.chunks(chunk).map(|paths| scope.spawn(move || parse_chunk(paths))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        Self::new(modules, library)
    }

    /// Links modules to a tree, by the paths of their files below the source directory.
    pub fn new(mut modules: HashMap<String, Module>, library: &str) -> Self {
        let mut tree = Self { library: library.to_owned(), nodes: Vec::new(), roots: Vec::new() };
        for path in ROOTS {
            if let Some(module) = modules.remove(path) {
                let root = tree.add(
                    ModuleLocation { path, directory: "", parent: None, is_inline: false },
                    module,
                    &mut modules,
                );
                tree.roots.push(root);
            }
        }
        tree
    }

    fn add(
        &mut self,
        location: ModuleLocation<'_>,
        mut module: Module,
        modules: &mut HashMap<String, Module>,
    ) -> usize {
        let index = self.nodes.len();
        let root = location.parent.map_or(index, |parent| self.nodes[parent].root);
        let children = std::mem::take(&mut module.children);
        let (path, parent, is_inline) = (location.path.to_owned(), location.parent, location.is_inline);
        self.nodes.push(Node { path, module, parent, root, children: HashMap::new(), is_inline });
        for (name, child) in children {
            let directory = format!("{}{name}/", location.directory);
            let (path, module, is_inline) = match child {
                Child::Inline(module) => (location.path.to_owned(), module, true),
                Child::File => {
                    let path = format!("{}{name}.rs", location.directory);
                    let module = modules.remove(&path).unwrap_or_else(|| panic!("{path} is missing"));
                    (path, module, false)
                }
            };
            let location = ModuleLocation { path: &path, directory: &directory, parent: Some(index), is_inline };
            let child = self.add(location, module, modules);
            self.nodes[index].children.insert(name, child);
        }
        index
    }

    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    pub fn indices(&self) -> std::ops::Range<usize> {
        0..self.nodes.len()
    }

    /// Returns the modules that have their own file.
    pub fn files(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.is_inline)
    }

    /// Returns the library's root node if `name` is the library's name.
    pub fn library(&self, name: &str) -> Option<usize> {
        self.roots.first().copied().filter(|_| name == self.library)
    }
}

/// Location of a module in the tree.
struct ModuleLocation<'a> {
    path: &'a str,
    /// Directory of the module's children.
    directory: &'a str,
    parent: Option<usize>,
    is_inline: bool,
}

/// Returns the paths of all Rust files in a directory below the source directory.
fn rust_files(source: &Path, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(source.join(directory)).unwrap().map(|entry| entry.unwrap());
    let files = entries.flat_map(|entry| {
        let path = format!("{directory}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => rust_files(source, &format!("{path}/")),
            false => vec![path],
        }
    });
    files.filter(|path| path.ends_with(".rs")).collect()
}
