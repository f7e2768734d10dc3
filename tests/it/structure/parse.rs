//! Parser of a source file, without code that is compiled for tests only.

use syn::{Item, ItemMod};

use super::attributes::{attributes, is_test};
use super::code_paths::CodePaths;
use super::module::{Child, Module};
use super::use_declarations::imports;

pub fn parse(text: &str) -> syn::Result<Module> {
    Ok(module(&syn::parse_file(text)?.items))
}

fn module(items: &[Item]) -> Module {
    let mut module = Module::default();
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        match item {
            Item::Mod(item) => add_child(&mut module, item),
            Item::Use(item) => module.imports.extend(imports(item)),
            _ => add_definition(&mut module, item),
        }
    }
    module
}

fn add_child(parent: &mut Module, item: &ItemMod) {
    let child = match &item.content {
        Some((_, items)) => {
            parent.definitions.push(format!("mod {}", item.ident));
            Child::Inline(module(items))
        }
        None => Child::File,
    };
    parent.children.push((item.ident.to_string(), child));
}

fn add_definition(module: &mut Module, item: &Item) {
    let (kind, name) = kind_and_name(item);
    module.definitions.push(format!("{kind} {name}").trim_end().to_owned());
    module.has_macro_items |= kind == "macro call";
    module.items.insert(name, kind == "trait");
    let paths = CodePaths::of(item);
    module.used.extend(paths.used);
    module.imports.extend(paths.globs);
}

fn kind_and_name(item: &Item) -> (&'static str, String) {
    match item {
        Item::Const(item) => ("const", item.ident.to_string()),
        Item::Enum(item) => ("enum", item.ident.to_string()),
        Item::Fn(item) => ("fn", item.sig.ident.to_string()),
        Item::Static(item) => ("static", item.ident.to_string()),
        Item::Struct(item) => ("struct", item.ident.to_string()),
        Item::Trait(item) => ("trait", item.ident.to_string()),
        Item::Type(item) => ("type", item.ident.to_string()),
        Item::Union(item) => ("union", item.ident.to_string()),
        Item::Macro(item) => match &item.ident {
            Some(name) => ("macro", name.to_string()),
            None => ("macro call", String::new()),
        },
        Item::Impl(_) => ("impl", String::new()),
        _ => ("item", String::new()),
    }
}
