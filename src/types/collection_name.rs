//! What a collection may be called.

use super::{ApiError, ErrorReason};

/// The longest name, in characters.
pub const MAX_COLLECTION_NAME_LENGTH: usize = 128;

/// Checks that a name is one for a collection: 1 to 128 characters of A–Z a–z 0–9 _ - and ., not beginning with a dot.
///
/// Such a name is also the name of a folder that can't be anywhere but in its parent.
///
/// # Errors
/// A fault in the field `collection`.
pub fn check_collection_name(name: &str) -> Result<(), ApiError> {
    let problem = if name.is_empty() {
        "the collection has no name".to_owned()
    } else if name.starts_with('.') {
        format!("the collection's name `{name}` begins with a dot")
    } else if let Some(invalid_char) = name.chars().find(|&c| !(c.is_ascii_alphanumeric() || "_-.".contains(c))) {
        format!("the collection's name holds {invalid_char:?}")
    } else if name.len() > MAX_COLLECTION_NAME_LENGTH {
        format!("the collection's name has {} characters", name.len())
    } else {
        return Ok(());
    };
    let message = format!(
        "{problem}; give 1 to {MAX_COLLECTION_NAME_LENGTH} characters of A–Z a–z 0–9 _ - and ., not beginning with a dot"
    );
    Err(ApiError::new(ErrorReason::InvalidArgument, "collection", message))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_names_at_their_bounds() {
        for name in ["a", "9", "_", "-", "docs.v2", "A-Z_a-z.0-9", &"n".repeat(128)] {
            assert_eq!(check_collection_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let long = "n".repeat(129);
        for (name, problem) in [
            ("", "has no name"),
            (".", "begins with a dot"),
            ("..", "begins with a dot"),
            (".hidden", "begins with a dot"),
            ("a/b", "holds '/'"),
            ("a\\b", "holds '\\\\'"),
            ("a b", "holds ' '"),
            ("a\0b", "holds '\\0'"),
            ("naïve", "holds 'ï'"),
            (&long, "has 129 characters"),
        ] {
            let fault = check_collection_name(name).expect_err(name);
            assert!(fault.message.contains(problem), "{name}: {fault}");
            assert!(fault.message.contains("1 to 128 characters"), "{fault}");
            assert_eq!((fault.reason, fault.field.as_str()), (ErrorReason::InvalidArgument, "collection"));
        }
    }

    proptest! {
        /// Law: a name that is taken is one plain component of a path.
        #[test]
        fn taken_names_stay_in_their_folder(name in "[A-Za-z0-9_./\\\\ -]{0,12}") {
            if check_collection_name(&name).is_ok() {
                let components: Vec<_> = Path::new(&name).components().collect();
                prop_assert_eq!(components, [Component::Normal(name.as_ref())]);
            }
        }
    }
}
