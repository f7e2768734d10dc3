//! Checks of tokenizers and model directories.

use std::collections::BTreeSet;
use std::path::Path;

use crate::model::{Backend, Model, TokenBatch, YieldPoint};
use crate::types::{Role, SparseVector};

/// Tokenizes a text with both role encoders of a model. Checks that all ids are within the vocabulary, that sequences fit the
/// encoder, and that truncated texts and windows consist of the tokens of the whole text.
pub fn check_text(model: &Model, text: &str) {
    for tokenizer in [Role::Document, Role::Query].map(|role| &model.role_encoder(role).tokenizer) {
        let (Ok(all), Ok(cut)) = (tokenizer.tokenize_all(text), tokenizer.tokenize(text)) else { continue };
        let known = model.settings.vocabulary_size as u32;
        assert!(cut.ids.iter().all(|&id| id < known), "ids within the vocabulary");
        let Some(max_content_tokens) = tokenizer.max_content_tokens() else { continue };
        assert_eq!(cut.is_truncated, all.len() > max_content_tokens);
        assert_eq!(
            cut.ids,
            tokenizer.build_sequence(&all[..all.len().min(max_content_tokens)]).unwrap(),
            "a truncated text is a prefix"
        );
        let special: BTreeSet<u32> = tokenizer.build_sequence(&[]).unwrap().into_iter().collect();
        for window in all.chunks(max_content_tokens) {
            let sequence = tokenizer.build_sequence(window).unwrap();
            assert!(sequence.len() <= model.max_length(Role::Document).unwrap_or(usize::MAX), "a window fits");
            let without_special =
                |ids: &[u32]| ids.iter().copied().filter(|id| !special.contains(id)).collect::<Vec<_>>();
            assert_eq!(
                without_special(&sequence),
                without_special(window),
                "a window contains its tokens and special tokens"
            );
        }
    }
}

/// Loads a model from an arbitrary directory. Checks that it is rejected with an error message, or that it encodes
/// finite vectors.
pub fn check_model(dir: &Path) {
    match Model::load("fuzzed", dir, &Backend::default()).and_then(|model| model.warm_up().map(|()| model)) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(model) => {
            for role in [Role::Document, Role::Query] {
                let role_encoder = model.role_encoder(role);
                let Ok(tokens) = role_encoder.tokenizer.tokenize("The quick brown fox [MASK] déjà vu 42.") else {
                    continue;
                };
                let batch = TokenBatch::from_iter([&tokens.ids[..], tokens.ids.get(..1).unwrap_or_default()]);
                if let Ok(outputs) = role_encoder.encoder.encode(&batch, &mut YieldPoint::none()) {
                    assert_eq!(outputs.len(), 2);
                    let vectors = outputs.iter().flatten();
                    assert!(vectors.flat_map(SparseVector::values).all(|value| value.is_finite()));
                }
            }
        }
    }
}
