//! Tests of the resolver on small sources.

use std::collections::BTreeSet;

use super::crate_tree::CrateTree;
use super::cycles;
use super::imports::{ImportsBetweenFiles, between_files};
use super::parse::parse;

fn imports(sources: &[(&str, &str)]) -> ImportsBetweenFiles {
    let modules = sources.iter().map(|(path, text)| ((*path).to_owned(), parse(text).unwrap()));
    between_files(&CrateTree::new(modules.collect(), "library"))
}

/// Formats the imports as lines `from -> to: names`.
fn names(sources: &[(&str, &str)]) -> Vec<String> {
    let imports = imports(sources);
    assert_eq!(imports.unresolved, [""; 0]);
    let line = |((from, to), names): (&(String, String), &BTreeSet<String>)| {
        format!("{from} -> {to}: {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    imports.names.iter().map(line).collect()
}

#[test]
fn names_belong_to_the_file_that_defines_them() {
    let found = names(&[
        ("main.rs", "use library::facade::A; fn main() { A; library::user::run() }"),
        ("lib.rs", "pub mod facade; pub mod user;"),
        ("facade.rs", "mod a; mod b; pub use a::*; pub use self::b::{B as Renamed, f};"),
        ("facade/a.rs", "pub struct A; pub enum E { V }"),
        ("facade/b.rs", "pub struct B; pub fn f() {}"),
        ("user.rs", "use crate::facade::{self, Renamed}; pub fn run() { facade::f(); Renamed; facade::E::V; }"),
    ]);
    let expected = [
        "main.rs -> facade/a.rs: A",
        "main.rs -> user.rs: run",
        "user.rs -> facade/a.rs: E",
        "user.rs -> facade/b.rs: B, f",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_name_that_is_only_passed_on_is_no_import() {
    let found = names(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::{F, Trait, g}; pub use crate::b::H; fn own(_: F) {}"),
        ("b.rs", "pub struct F; pub struct H; pub trait Trait {} pub fn g() {}"),
    ]);
    assert_eq!(found, ["a.rs -> b.rs: F, Trait"]);
}

#[test]
fn names_are_found_wherever_code_has_them() {
    let user = "
        mod inner { pub fn f(_: super::super::all::A) {} }
        #[derive(Debug)] struct S { #[serde(with = \"crate::all::with\")] b: Vec<Option<crate::all::B>> }
        fn run(x: &dyn crate::all::C) { format!(\"{}\", crate::all::D); use crate::all::E as Alias; Alias.f(); }
        fn blocks() { use crate::all::Many::*; let x = One; match x { super::all::PATTERN => {}, _ => {} } mac!(); }
        #[cfg(test)] fn test() { crate::all::T }
        #[cfg(test)] mod tests { use crate::all::T; }
        impl S { #[cfg(test)] fn test() { crate::all::T } }
    ";
    let found = names(&[
        ("lib.rs", "#[macro_use] mod macros; mod all; mod user; #[cfg(test)] mod only_for_tests;"),
        ("macros.rs", "macro_rules! mac { () => {} } pub(crate) use mac;"),
        (
            "all.rs",
            "pub struct A; pub struct B; pub trait C {} pub const D: u8 = 0; pub struct E; pub mod with {}
            pub enum Many { One } pub const PATTERN: u8 = 1; pub struct T;",
        ),
        ("user.rs", user),
    ]);
    assert_eq!(found, ["user.rs -> all.rs: A, B, C, D, E, Many, PATTERN"]);
}

#[test]
fn cycles_are_found_through_facades_and_parents() {
    let imports = imports(&[
        ("lib.rs", "mod parent; mod x; mod y; mod z;"),
        ("parent.rs", "mod child; pub struct P; fn f() { child::g() }"),
        ("parent/child.rs", "use super::P; pub fn g(_: P) {}"),
        ("x.rs", "pub struct X(crate::y::Y);"),
        ("y.rs", "pub struct Y(crate::z::Z);"),
        ("z.rs", "pub struct Z(Option<Box<crate::x::X>>, crate::parent::P);"),
    ]);
    let expected = [
        "cycle of 2 files:\n  parent.rs -> parent/child.rs: g\n  parent/child.rs -> parent.rs: P\n",
        "cycle of 3 files:\n  x.rs -> y.rs: Y\n  y.rs -> z.rs: Z\n  z.rs -> x.rs: X\n",
    ];
    assert_eq!(cycles::find(&imports.names), expected);
}

#[test]
fn a_name_that_a_module_does_not_have_is_reported() {
    let imports = imports(&[
        ("lib.rs", "mod a; mod generated;"),
        ("a.rs", "fn f() { crate::a::nothing(); crate::generated::Message; std::mem::drop(()); }"),
        ("generated.rs", "include!(\"generated\");"),
    ]);
    assert_eq!(imports.unresolved, ["a.rs: crate::a::nothing"]);
}
