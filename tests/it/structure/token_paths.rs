//! Paths in tokens that syn does not parse: arguments of macros and attributes.

use syn::buffer::{Cursor, TokenBuffer};

use super::module::Path;

/// Returns every path in a token stream. Names after a dot are methods or fields. A string with `::` is a path, as in serde
/// attributes.
pub fn paths_of_tokens(tokens: &TokenBuffer) -> Vec<Path> {
    let mut paths = Vec::new();
    add_paths(tokens.begin(), &mut paths);
    paths
}

fn add_paths(mut cursor: Cursor<'_>, paths: &mut Vec<Path>) {
    // Two dots are a range, not a member access.
    let mut dots = 0;
    while !cursor.eof() {
        let dots_before = std::mem::take(&mut dots);
        cursor = if let Some((path, after)) = path(cursor) {
            paths.extend((dots_before != 1).then_some(path));
            after
        } else if let Some((inside, _, _, after)) = cursor.any_group() {
            add_paths(inside, paths);
            after
        } else if let Some((literal, after)) = cursor.literal() {
            paths.extend(path_in_string(&literal.to_string()));
            after
        } else if let Some((_, after)) = cursor.lifetime() {
            after
        } else if let Some((punct, after)) = cursor.punct() {
            dots = if punct.as_char() == '.' { dots_before + 1 } else { 0 };
            after
        } else {
            cursor.token_tree().map_or(Cursor::empty(), |(_, after)| after)
        };
    }
}

/// Reads the path at a cursor; returns it with the cursor after it.
fn path(cursor: Cursor<'_>) -> Option<(Path, Cursor<'_>)> {
    let (head, mut after) = cursor.ident()?;
    let mut path = vec![head.to_string()];
    while let Some((name, next)) = separator(after).and_then(Cursor::ident) {
        path.push(name.to_string());
        after = next;
    }
    Some((path, after))
}

/// Returns the cursor after a `::`.
fn separator(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    colon(cursor).and_then(colon)
}

fn colon(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    cursor.punct().filter(|(punct, _)| punct.as_char() == ':').map(|(_, after)| after)
}

fn path_in_string(literal: &str) -> Option<Path> {
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    let path: Path = text.split("::").map(str::to_owned).collect();
    let is_name = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (path.len() > 1 && path.iter().all(is_name)).then_some(path)
}

#[test]
fn paths_are_found_in_tokens() {
    let text =
        r##"x = %crate::a::B::new(y.z.await, ..w), 'c', "a::b", r#" no::path "#, &'l str, Vec::<T>, $crate::m!()"##;
    let tokens = TokenBuffer::new2(text.parse().unwrap());
    let paths: Vec<_> = paths_of_tokens(&tokens).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["x", "crate::a::B::new", "y", "w", "a::b", "str", "Vec", "T", "crate::m"]);
}
