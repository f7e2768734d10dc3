//! `role` of a text: document or query.

use super::enumeration::parse_enum;
use crate::proto;
use crate::types::{ApiError, Role};

impl From<proto::Role> for Role {
    fn from(role: proto::Role) -> Self {
        match role {
            proto::Role::Unspecified | proto::Role::Document => Self::Document,
            proto::Role::Query => Self::Query,
        }
    }
}

/// Parses `role`.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is not a value of the enum.
pub fn parse_role(number: i32) -> Result<Role, ApiError> {
    parse_enum::<proto::Role>("role", "Role", number).map(Role::from)
}
