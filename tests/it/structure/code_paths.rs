//! Paths used by code outside of tests.

use std::collections::BTreeSet;

use syn::buffer::TokenBuffer;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItem, Item, ItemUse, Macro, Pat, Stmt, TraitItem, Visibility};

use super::attributes::{attributes_of_impl_item, attributes_of_statement, is_test};
use super::module::{Import, Imported, Path};
use super::token_paths::paths_of_tokens;
use super::use_declarations::imports;

/// Paths used by the code of an item.
#[derive(Default)]
pub struct CodePaths {
    pub used: BTreeSet<Path>,
    /// `use` declarations of the enclosing blocks.
    imported_in_blocks: Vec<Vec<Import>>,
    /// Globs imported in blocks, treated as imports of the whole module.
    pub globs: Vec<Import>,
}

impl CodePaths {
    pub fn of(item: &Item) -> Self {
        let mut paths = Self::default();
        paths.visit_item(item);
        paths
    }

    /// Records a path as seen from the module, with imports of the enclosing blocks resolved.
    fn add(&mut self, path: Path) {
        let Some(head) = path.first() else { return };
        let imports = self.imported_in_blocks.iter().rev().flatten();
        let mut imported = imports.filter(|import| matches!(&import.imported, Imported::As(name) if name == head));
        let path = match imported.next() {
            Some(import) => [&import.path[..], &path[1..]].concat(),
            None => path,
        };
        self.used.insert(path);
    }

    fn add_paths_of(&mut self, tokens: &TokenBuffer) {
        paths_of_tokens(tokens).into_iter().for_each(|path| self.add(path));
    }

    fn add_imports_of(&mut self, block: &Block) {
        let uses = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(Item::Use(item)) if !is_test(&item.attrs) => Some(item),
            _ => None,
        });
        let (globs, named) = uses.flat_map(imports).partition(|import| import.imported == Imported::All);
        self.globs.extend::<Vec<_>>(globs);
        self.imported_in_blocks.push(named);
    }
}

impl<'ast> Visit<'ast> for CodePaths {
    fn visit_block(&mut self, block: &'ast Block) {
        self.add_imports_of(block);
        visit::visit_block(self, block);
        self.imported_in_blocks.pop();
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if !is_test(attributes_of_statement(statement)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !is_test(attributes_of_impl_item(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !matches!(item, TraitItem::Fn(item) if is_test(&item.attrs)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !is_test(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !is_test(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !is_test(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    /// Records identifier patterns, which may be constants or new variables.
    fn visit_pat(&mut self, pattern: &'ast Pat) {
        if let Pat::Ident(pattern) = pattern {
            let name = pattern.ident.to_string();
            if name.starts_with(char::is_uppercase) {
                self.add(vec![name]);
            }
        }
        visit::visit_pat(self, pattern);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        self.add_paths_of(&TokenBuffer::new2(call.tokens.clone()));
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_paths_of(&TokenBuffer::new2(list.tokens.clone()));
        }
    }

    /// Skips the path of `pub(in path)`, which is no use.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    /// Skips `use` items, which [`Self::add_imports_of`] has read.
    fn visit_item_use(&mut self, _: &'ast ItemUse) {}
}
