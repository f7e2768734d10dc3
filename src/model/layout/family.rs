//! Model families.

use super::super::keys::{self, KeyTable};

/// Models with common tensor names and configuration keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Bert,
    DistilBert,
    /// RoBERTa, XLM-R and CamemBERT.
    Roberta,
    ModernBert,
}

impl Family {
    /// Returns the key table of the family's `config.json`.
    pub fn keys(self) -> &'static KeyTable {
        match self {
            Self::Bert => &keys::BERT,
            Self::Roberta => &keys::ROBERTA,
            Self::DistilBert => &keys::DISTILBERT,
            Self::ModernBert => &keys::MODERNBERT,
        }
    }
}
