//! `use` declarations.

use syn::{ItemUse, UseTree, Visibility};

use super::module::{Import, Imported, Path};

/// Returns the names that a declaration imports.
pub fn imports(item: &ItemUse) -> Vec<Import> {
    let mut imports = Vec::new();
    // `use ::name` is a path in another crate.
    if item.leading_colon.is_none() {
        let is_private = matches!(item.vis, Visibility::Inherited);
        add_imports(&item.tree, Vec::new(), is_private, &mut imports);
    }
    imports
}

fn add_imports(tree: &UseTree, mut path: Path, is_private: bool, imports: &mut Vec<Import>) {
    let imported = match tree {
        UseTree::Path(tree) => {
            path.push(tree.ident.to_string());
            return add_imports(&tree.tree, path, is_private, imports);
        }
        UseTree::Group(group) => {
            return group.items.iter().for_each(|tree| add_imports(tree, path.clone(), is_private, imports));
        }
        UseTree::Name(name) if name.ident == "self" => Imported::As(path.last().cloned().unwrap_or_default()),
        UseTree::Name(name) => {
            path.push(name.ident.to_string());
            Imported::As(name.ident.to_string())
        }
        UseTree::Rename(name) => {
            if name.ident != "self" {
                path.push(name.ident.to_string());
            }
            Imported::As(name.rename.to_string())
        }
        UseTree::Glob(_) => Imported::All,
    };
    imports.push(Import { path, imported, is_private });
}
