//! Families of models.

use super::super::keys::{self, KeyTable};

/// A family of models that share their tensors' names and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Bert,
    DistilBert,
    /// RoBERTa, XLM-R and CamemBERT.
    Roberta,
    ModernBert,
}

impl Family {
    /// The keys of its `config.json`.
    pub fn keys(self) -> &'static KeyTable {
        match self {
            Self::Bert => &keys::BERT,
            Self::Roberta => &keys::ROBERTA,
            Self::DistilBert => &keys::DISTILBERT,
            Self::ModernBert => &keys::MODERNBERT,
        }
    }
}
