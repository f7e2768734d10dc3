//! Result of comparing one role of a model.

use super::super::InferenceDType;
use super::compare::{Differences, VerifyVerdict};
use crate::types::Role;

/// Result of comparing one role of a model in one dtype.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub role: Role,
    pub dtype: InferenceDType,
    pub verdict: VerifyVerdict,
    /// Reason why nothing was compared, or the weight that is not usable in the dtype.
    pub reason: Option<String>,
    /// Measured differences; `None` if nothing was compared.
    pub differences: Option<Differences>,
}
