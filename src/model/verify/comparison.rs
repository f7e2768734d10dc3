//! What a comparison found.

use super::super::InferenceDType;
use super::compare::{Differences, VerifyVerdict};
use crate::types::Role;

/// What was found for one role of a model in one dtype.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub role: Role,
    pub dtype: InferenceDType,
    pub verdict: VerifyVerdict,
    /// Why nothing was compared, or which weight is not usable in the dtype.
    pub reason: Option<String>,
    /// `None` if nothing was compared.
    pub differences: Option<Differences>,
}
