//! Expands glob patterns such as `data/**/part-*.jsonl` that no shell has expanded.

use std::fs::canonicalize;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use glob::{MatchOptions, Pattern};
use walkdir::WalkDir;

use super::links;
use super::path_display::display_path;
use super::source::is_stdin;

/// Matching as in a shell: `*` does not match `/` or a leading dot.
const MATCH_OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

const ANY_DIRECTORIES: &str = "**";

/// Returns whether a path contains wildcards. Callers first check that it does not exist literally.
pub fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// Returns the pattern with an absolute base, independent of the current directory; `None` if the base does not exist.
pub fn to_absolute_pattern(path: &Path) -> Option<PathBuf> {
    let (base, relative_pattern) = split_base(path);
    Some(canonicalize(default_to_current_dir(&base)).ok()?.join(relative_pattern))
}

/// Returns the matching paths, sorted. Blocks.
///
/// # Errors
/// If nothing matches, the pattern is invalid, or a directory that may contain matches can't be read.
pub fn expand_pattern(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (base, relative_pattern) = split_base(path);
    let mut matches = if relative_pattern.as_os_str().is_empty() {
        vec![default_to_current_dir(&base).to_owned()]
    } else {
        find_matches(path, &base, &relative_pattern)?
    };
    ensure!(
        !matches.is_empty(),
        "no file matches {}; check the pattern: the wildcards are * ? [ ] and **, and {{a,b}} is not supported",
        display_path(path)
    );
    matches.sort();
    Ok(matches)
}

/// Splits a pattern into the directories before the first wildcard and the rest. A trailing `**` is removed, because
/// directories are read recursively anyway.
fn split_base(path: &Path) -> (PathBuf, PathBuf) {
    let mut components: Vec<_> = path.components().collect();
    while components.last().is_some_and(|last| last.as_os_str() == ANY_DIRECTORIES) {
        components.pop();
    }
    let first = components.iter().position(|component| is_pattern(component.as_ref())).unwrap_or(components.len());
    let relative_pattern = components.split_off(first);
    (components.iter().collect(), relative_pattern.iter().collect())
}

fn default_to_current_dir(base: &Path) -> &Path {
    if base.as_os_str().is_empty() { Path::new(".") } else { base }
}

fn find_matches(path: &Path, base: &Path, relative_pattern: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let matcher =
        GlobMatcher::new(relative_pattern).with_context(|| format!("{} is not a valid pattern", display_path(path)))?;
    let root = default_to_current_dir(base);
    let only_directories = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let mut matches = Vec::new();
    // As in a shell, a missing directory has no matches.
    if !root.is_dir() {
        return Ok(matches);
    }
    let mut walk = WalkDir::new(root).follow_links(true).min_depth(1).max_depth(matcher.max_depth()).into_iter();
    while let Some(entry) = walk.next() {
        let found = entry.as_ref().map_or_else(|error| error.path().unwrap_or(root), |entry| entry.path()).to_owned();
        let Ok(relative) = found.strip_prefix(root) else { continue };
        match entry {
            Ok(entry) if entry.file_type().is_dir() && !matcher.may_contain_match(relative) => walk.skip_current_dir(),
            Err(error) if matcher.hides_matches(relative, &found, &error) => {
                return Err(links::explain_walk_error(root, error));
            }
            _ => {}
        }
        if matcher.matches(relative) && (!only_directories || found.is_dir()) {
            matches.push(base.join(relative));
        }
    }
    // `./-` instead of `-`: a file with this name is not standard input.
    Ok(matches.into_iter().map(|found| if is_stdin(&found) { Path::new(".").join(found) } else { found }).collect())
}

/// Compiled pattern, as a whole and per path component; the components prune directories without matches.
struct GlobMatcher {
    full_pattern: Pattern,
    component_patterns: Vec<Pattern>,
    is_recursive: bool,
}

impl GlobMatcher {
    fn new(relative_pattern: &Path) -> anyhow::Result<Self> {
        let text = relative_pattern.to_str().context("the pattern is not UTF-8; pass the file names instead")?;
        let full_pattern = Pattern::new(text)?;
        let component_patterns = relative_pattern.components().take_while(|name| name.as_os_str() != ANY_DIRECTORIES);
        let component_patterns = component_patterns
            .map(|name| Pattern::new(&name.as_os_str().to_string_lossy()))
            .collect::<Result<Vec<_>, _>>()?;
        let is_recursive = component_patterns.len() < relative_pattern.components().count();
        Ok(Self { full_pattern, component_patterns, is_recursive })
    }

    fn max_depth(&self) -> usize {
        if self.is_recursive { usize::MAX } else { self.component_patterns.len() }
    }

    fn matches(&self, relative: &Path) -> bool {
        self.full_pattern.matches_with(&relative.to_string_lossy(), MATCH_OPTIONS)
    }

    /// Returns whether an entry below a directory may match.
    fn may_contain_match(&self, dir: &Path) -> bool {
        let mut depth = 0;
        let has_matching_prefix = dir.components().zip(&self.component_patterns).all(|(component, name)| {
            depth += 1;
            name.matches_with(&component.as_os_str().to_string_lossy(), MATCH_OPTIONS)
        });
        let is_hidden = |component: std::path::Component| component.as_os_str().as_encoded_bytes().starts_with(b".");
        let count = dir.components().count();
        has_matching_prefix && count < self.max_depth() && !dir.components().skip(depth).any(is_hidden)
    }
    /// Returns whether matches may be missing because of a walk error. A dangling link hides nothing: if it matches, it is
    /// returned as a match and fails when it is opened.
    fn hides_matches(&self, relative: &Path, found: &Path, error: &walkdir::Error) -> bool {
        if error.loop_ancestor().is_some() { self.may_contain_match(relative) } else { found.is_dir() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn create_test_dir() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in
            ["b/part-2.jsonl", "b/part-1.jsonl", "a/c/x.jsonl", "a/x.csv", ".h/x.jsonl", "a/.x.jsonl", "x[1].csv", "-"]
        {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn patterns_are_expanded_as_in_a_shell() {
        let dir = create_test_dir();
        symlink("nowhere", dir.path().join("a/z.jsonl")).unwrap();
        let expand = |pattern: &str| {
            let found = expand_pattern(&dir.path().join(pattern)).map_err(|error| error.to_string())?;
            let names = found.iter().map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string());
            Ok::<_, String>(names.collect::<Vec<_>>())
        };
        for (pattern, expected) in [
            ("b/part-?.jsonl", &["b/part-1.jsonl", "b/part-2.jsonl"][..]),
            ("**/*.jsonl", &["a/c/x.jsonl", "a/z.jsonl", "b/part-1.jsonl", "b/part-2.jsonl"]),
            ("*/x.*", &["a/x.csv"]),
            ("a/**/x.[jc]s*", &["a/c/x.jsonl", "a/x.csv"]),
            ("[ab]", &["a", "b"]),
            ("*/", &["a", "b"]),
            ("[ab]/**", &["a", "b"]),
            ("b/**", &["b"]),
            ("*[[]1].csv", &["x[1].csv"]),
            (".h/*", &[".h/x.jsonl"]),
            ("./b/*1*", &["b/part-1.jsonl"]),
        ] {
            assert_eq!(expand(pattern).unwrap(), expected, "{pattern}");
        }
        for pattern in ["*.tsv", "absent/*", "**/absent", "*/*/*/*"] {
            assert!(expand(pattern).unwrap_err().contains("no file matches"), "{pattern}");
        }
        assert!(expand("a**b").unwrap_err().contains("is not a valid pattern"));
    }

    #[test]
    fn errors_that_hide_matches_are_reported() {
        let dir = create_test_dir();
        symlink("..", dir.path().join("a/up")).unwrap();
        let error = expand_pattern(&dir.path().join("**/x.csv")).unwrap_err().to_string();
        assert!(error.contains("a/up points to"), "{error}");
        assert_eq!(expand_pattern(&dir.path().join("*/x.csv")).unwrap().len(), 1);
    }

    #[test]
    fn absolute_patterns_do_not_depend_on_the_current_directory() {
        let dir = create_test_dir();
        let here = dir.path().canonicalize().unwrap();
        for (pattern, expected) in [("a/../b/*.jsonl", "b/*.jsonl"), ("**/x", "**/x"), ("a/**", "a")] {
            assert_eq!(to_absolute_pattern(&dir.path().join(pattern)).unwrap(), here.join(expected));
        }
        assert!(is_pattern(Path::new("a/b?")) && !is_pattern(Path::new("a/b{c,d}")));
    }
}
