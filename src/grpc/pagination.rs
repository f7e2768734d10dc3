//! Pagination of list calls, and their page tokens.
//!
//! A token is a `PageToken` in base64url: its version, the list that it continues, and the key of the last returned item or of
//! the next one. It is opaque to clients. `ListDocuments` also accepts the tokens of version 0.1.0 (the name of the collection,
//! a slash and an id), because checkpoints of `reindex` contain them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;

use super::convert::parse_page_size;
use super::errors::invalid_argument;
use crate::types::ApiError;

const TOKEN_VERSION: u32 = 1;
const REMEDY: &str =
    "send the next_page_token of the previous response unchanged, or omit it to restart from the first page";

/// Pagination of one list, identified by its method and scope.
#[derive(Debug, Clone, Copy)]
pub struct Paginator<'a> {
    /// Name of the method, such as `ListAliases`.
    pub method: &'static str,
    /// Container of the items, such as a collection; empty if the method lists all items.
    pub scope: &'a str,
}

#[derive(Clone, PartialEq, Message)]
struct PageToken {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    method: String,
    #[prost(string, tag = "3")]
    scope: String,
    #[prost(string, tag = "4")]
    key: String,
}

impl Paginator<'_> {
    /// Returns the page token that continues the list at a key.
    pub fn encode_token(&self, key: &str) -> String {
        let Self { method, scope } = *self;
        let token = PageToken {
            version: TOKEN_VERSION,
            method: method.to_owned(),
            scope: scope.to_owned(),
            key: key.to_owned(),
        };
        URL_SAFE_NO_PAD.encode(token.encode_to_vec())
    }

    /// Returns the key at which a token continues the list; `None` for the first page.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the token is invalid or belongs to another list.
    pub fn parse_token(&self, token: &str) -> Result<Option<String>, ApiError> {
        if token.is_empty() {
            return Ok(None);
        }
        let token = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| PageToken::decode(&*bytes).ok());
        match token {
            Some(PageToken { version: TOKEN_VERSION, method, scope, key }) if method == self.method => {
                if scope == self.scope {
                    return Ok(Some(key));
                }
                let message = format!(
                    "the token belongs to another collection, or the alias was moved or the collection recreated; {REMEDY}"
                );
                Err(invalid_argument("page_token", message))
            }
            _ => Err(self.unknown_token_error()),
        }
    }

    /// Returns the error for a token that this list didn't issue.
    pub fn unknown_token_error(&self) -> ApiError {
        invalid_argument("page_token", format!("not a page token of {}; {REMEDY}", self.method))
    }

    /// Returns a page of `items`, which are ordered by name, and the token of the next page; empty after the last page.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the page size is out of range, or the token is invalid or belongs to another list.
    pub fn paginate<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        name_of: impl Fn(&T) -> &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<(Vec<T>, String), ApiError> {
        let page_size = parse_page_size(page_size)?;
        let after_key = self.parse_token(page_token)?;
        let mut items =
            items.into_iter().filter(|item| after_key.as_ref().is_none_or(|after| name_of(item) > &**after));
        let page: Vec<T> = items.by_ref().take(page_size).collect();
        // A further item is read to know whether there is a next page.
        let token = match (items.next(), page.last()) {
            (Some(_), Some(last)) => self.encode_token(name_of(last)),
            _ => String::new(),
        };
        Ok((page, token))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALIASES: Paginator<'_> = Paginator { method: "ListAliases", scope: "" };

    proptest! {
        /// Law: the concatenated pages of a list are the list.
        #[test]
        fn concatenated_pages_are_the_list(names in prop::collection::btree_set("[a-z]{1,3}", 0..40), page_size in 1u32..10) {
            let mut all = Vec::new();
            let mut token = String::new();
            loop {
                let (page, next) = ALIASES.paginate(names.iter(), |name| name.as_str(), page_size, &token).unwrap();
                prop_assert!(page.len() <= page_size as usize);
                all.extend(page);
                if next.is_empty() {
                    break;
                }
                prop_assert!(!all.is_empty());
                token = next;
            }
            prop_assert_eq!(all, names.iter().collect::<Vec<_>>());
        }
    }

    /// Checkpoints of `reindex` contain tokens, which must stay valid across an upgrade.
    #[test]
    fn token_encoding_is_stable() {
        let list = Paginator { method: "ListDocuments", scope: "docs" };
        assert_eq!(list.encode_token("7"), "CAESDUxpc3REb2N1bWVudHMaBGRvY3MiATc");
        assert_eq!(list.parse_token("CAESDUxpc3REb2N1bWVudHMaBGRvY3MiATc"), Ok(Some("7".to_owned())));
    }

    #[test]
    fn tokens_of_other_lists_are_refused() {
        let docs = Paginator { method: "ListDocuments", scope: "docs" };
        let other = Paginator { scope: "other", ..docs };
        for (token, part) in [
            (other.encode_token("7"), "another collection"),
            (ALIASES.encode_token("7"), "not a page token of ListDocuments"),
            ("x".to_owned(), "not a page token of ListDocuments"),
            ("docs".to_owned(), "not a page token of ListDocuments"),
            (URL_SAFE_NO_PAD.encode([8, 2]), "not a page token of ListDocuments"),
        ] {
            let error = docs.parse_token(&token).unwrap_err();
            assert_eq!(error.field, "page_token");
            assert!(error.message.contains(part) && error.message.contains("restart"), "{token}: {error}");
        }
    }
}
