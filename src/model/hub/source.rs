//! Model references of users: directories and Hub ids.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Location of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// Directory on this machine.
    Directory(PathBuf),
    /// Hub repository `org/name` at a branch, tag or commit (default: `main`).
    Hub { repo: String, revision: Option<String> },
}

/// Error of parsing a [`ModelSource`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModelSource {
    #[error("`{0}` is a file; expected the directory with the model's files")]
    IsFile(String),
    #[error("directory `{0}` does not exist; check the path, or pass a Hub id such as org/name or org/name@revision")]
    NoDirectory(String),
    #[error(
        "`{0}` is neither an existing directory nor a Hub id; expected org/name or org/name@revision, with only \
         letters, digits, `-`, `_` and `.` in each part"
    )]
    InvalidHubId(String),
}

impl FromStr for ModelSource {
    type Err = InvalidModelSource;

    /// Parses the path of an existing directory, which takes precedence, or a Hub id `org/name` or `org/name@revision`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        if path.exists() {
            return Err(InvalidModelSource::IsFile(text.to_owned()));
        }
        // A path with a typo should be reported as a missing directory, not as an invalid Hub id.
        if looks_like_path(text) {
            return Err(InvalidModelSource::NoDirectory(text.to_owned()));
        }
        parse_hub_id(text).ok_or_else(|| InvalidModelSource::InvalidHubId(text.to_owned()))
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(f, "{}", directory.display()),
            Self::Hub { repo, revision: None } => f.write_str(repo),
            Self::Hub { repo, revision: Some(revision) } => write!(f, "{repo}@{revision}"),
        }
    }
}

fn looks_like_path(text: &str) -> bool {
    let before_revision = text.split('@').next().unwrap_or(text);
    text.starts_with(['/', '.', '~']) || text.contains('\\') || before_revision.matches('/').count() > 1
}

fn parse_hub_id(text: &str) -> Option<ModelSource> {
    let (repo, revision) = match text.split_once('@') {
        Some((repo, revision)) => (repo, Some(revision)),
        None => (text, None),
    };
    let is_valid = is_repo_id(repo) && revision.is_none_or(|revision| revision.split('/').all(is_valid_name));
    is_valid.then(|| ModelSource::Hub { repo: repo.to_owned(), revision: revision.map(str::to_owned) })
}

/// Returns true if the text is a Hub id without a revision, `org/name`.
pub fn is_repo_id(text: &str) -> bool {
    text.split_once('/').is_some_and(|(org, name)| is_valid_name(org) && is_valid_name(name))
}

/// Checks one part of an id or a revision. Strict, because the parts become path and URL segments.
fn is_valid_name(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(repo: &str, revision: Option<&str>) -> ModelSource {
        ModelSource::Hub { repo: repo.to_owned(), revision: revision.map(str::to_owned) }
    }

    #[test]
    fn hub_ids_with_and_without_a_revision() {
        assert_eq!("naver/splade-v3".parse(), Ok(hub("naver/splade-v3", None)));
        assert_eq!("org/name@v1.0".parse(), Ok(hub("org/name", Some("v1.0"))));
        assert_eq!("org/name@refs/pr/7".parse(), Ok(hub("org/name", Some("refs/pr/7"))));
        assert_eq!(hub("org/name", Some("v1")).to_string(), "org/name@v1");
    }

    #[test]
    fn an_existing_directory_is_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let text = directory.path().to_str().unwrap();
        assert_eq!(text.parse(), Ok(ModelSource::Directory(directory.path().to_owned())));
        let file = directory.path().join("model.safetensors");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(file.to_str().unwrap().parse::<ModelSource>(), Err(InvalidModelSource::IsFile(_))));
    }

    #[test]
    fn a_missing_path_is_reported_as_such() {
        for text in ["/no/such/directory", "./model", "../model", "~/model", "a/b/c", "a\\b"] {
            let error = text.parse::<ModelSource>().unwrap_err();
            assert_eq!(error, InvalidModelSource::NoDirectory(text.to_owned()));
            assert!(error.to_string().contains(text));
        }
    }

    #[test]
    fn invalid_references_are_refused() {
        for text in ["", "splade", "org/", "org/na me", "org/name@", "org/name@../../x", "org/name@a//b", "org/.."] {
            assert!(text.parse::<ModelSource>().is_err(), "{text:?}");
        }
    }
}
