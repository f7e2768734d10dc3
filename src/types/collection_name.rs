//! Validation of collection names.

use super::{ApiError, ErrorReason};

/// Maximum length of a collection name, in characters.
pub const MAX_COLLECTION_NAME_LENGTH: usize = 128;

/// Checks a collection name: 1 to 128 characters of A–Z a–z 0–9 _ - and ., not beginning with a dot.
///
/// A valid name is safe as a directory name: it can't refer to anything outside of its parent.
///
/// # Errors
/// `InvalidArgument` in the field `collection`.
pub fn check_collection_name(name: &str) -> Result<(), ApiError> {
    let problem = if name.is_empty() {
        "the collection name is empty".to_owned()
    } else if name.starts_with('.') {
        format!("the collection name `{name}` begins with a dot")
    } else if let Some(invalid_char) = name.chars().find(|&c| !(c.is_ascii_alphanumeric() || "_-.".contains(c))) {
        format!("the collection name contains {invalid_char:?}")
    } else if name.len() > MAX_COLLECTION_NAME_LENGTH {
        format!("the collection name has {} characters", name.len())
    } else {
        return Ok(());
    };
    let message = format!(
        "{problem}; use 1 to {MAX_COLLECTION_NAME_LENGTH} characters of A–Z a–z 0–9 _ - and ., not beginning with a dot"
    );
    Err(ApiError::new(ErrorReason::InvalidArgument, "collection", message))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_valid_names() {
        for name in ["a", "9", "_", "-", "docs.v2", "A-Z_a-z.0-9", &"n".repeat(128)] {
            assert_eq!(check_collection_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn describes_invalid_names() {
        let long = "n".repeat(129);
        for (name, problem) in [
            ("", "name is empty"),
            (".", "begins with a dot"),
            ("..", "begins with a dot"),
            (".hidden", "begins with a dot"),
            ("a/b", "contains '/'"),
            ("a\\b", "contains '\\\\'"),
            ("a b", "contains ' '"),
            ("a\0b", "contains '\\0'"),
            ("naïve", "contains 'ï'"),
            (&long, "has 129 characters"),
        ] {
            let error = check_collection_name(name).expect_err(name);
            assert!(error.message.contains(problem), "{name}: {error}");
            assert!(error.message.contains("1 to 128 characters"), "{error}");
            assert_eq!((error.reason, error.field.as_str()), (ErrorReason::InvalidArgument, "collection"));
        }
    }

    proptest! {
        /// Invariant: a valid name is a single normal path component.
        #[test]
        fn valid_names_stay_in_their_directory(name in "[A-Za-z0-9_./\\\\ -]{0,12}") {
            if check_collection_name(&name).is_ok() {
                let components: Vec<_> = Path::new(&name).components().collect();
                prop_assert_eq!(components, [Component::Normal(name.as_ref())]);
            }
        }
    }
}
