//! Tables of the keys in a model's configuration files, and the check of a file against its table.
//!
//! Every key that transformers 5.23 or sentence-transformers 6.2 reads has an entry, so no key is ignored silently. A
//! key is applied, restricted to values without effect, or known to be irrelevant. `docs/model-files.md` is generated
//! from these tables, and `tests/it/model_settings.rs` compares them with sentence-transformers.
//!
//! See docs/adr/0019-configuration-key-table.md.

mod config;
mod sentence_transformers;
mod table;
mod tokenizer;

pub use config::{BERT, DISTILBERT, MODERNBERT, ROBERTA};
pub use sentence_transformers::{
    CONFIG_SENTENCE_TRANSFORMERS, MODULE, PROCESSOR_CONFIG, ROUTER, SPARSE_STATIC_EMBEDDING, SPLADE_POOLING,
    TRANSFORMER,
};
pub use table::{KeyRule, KeySpec, KeyTable};
pub use tokenizer::{SPECIAL_TOKENS_MAP, TOKENIZER, TOKENIZER_CONFIG};

/// All tables, in the order of the documentation.
pub const TABLES: [&KeyTable; 13] = [
    &BERT,
    &ROBERTA,
    &DISTILBERT,
    &MODERNBERT,
    &TOKENIZER_CONFIG,
    &SPECIAL_TOKENS_MAP,
    &TOKENIZER,
    &MODULE,
    &ROUTER,
    &CONFIG_SENTENCE_TRANSFORMERS,
    &TRANSFORMER,
    &SPLADE_POOLING,
    &SPARSE_STATIC_EMBEDDING,
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Property: paths are unique within a table, and allowed values are valid JSON.
    #[test]
    fn tables_are_well_formed() {
        for table in TABLES {
            let mut paths: Vec<_> = table.iter().map(|key| key.path).collect();
            paths.sort_unstable();
            let count = paths.len();
            paths.dedup();
            assert_eq!(paths.len(), count, "{}, {}", table.file, table.scope);
            for key in table.iter() {
                if let KeyRule::Restricted(values) = key.rule {
                    assert!(values.iter().all(|value| serde_json::from_str::<Value>(value).is_ok()), "{}", key.path);
                }
                assert!(!key.note.is_empty(), "{}", key.path);
            }
        }
    }
}
