//! Texts and directories of models.

use std::collections::BTreeSet;
use std::path::Path;

use crate::model::{Backend, Model, TokenBatch, YieldPoint};
use crate::types::{Role, SparseVector};

/// Takes a text through both sides of a model: its tokens have embeddings, fit into the encoder, and cut or in windows they are
/// the tokens of the whole.
pub fn text(model: &Model, text: &str) {
    for tokenizer in [Role::Document, Role::Query].map(|role| &model.side(role).tokenizer) {
        let (Ok(all), Ok(cut)) = (tokenizer.tokens(text), tokenizer.tokenize(text)) else { continue };
        let known = model.settings.vocabulary_size as u32;
        assert!(cut.ids.iter().all(|&id| id < known), "ids within the vocabulary");
        let Some(room) = tokenizer.room() else { continue };
        assert_eq!(cut.truncated, all.len() > room);
        assert_eq!(cut.ids, tokenizer.sequence(&all[..all.len().min(room)]).unwrap(), "a cut text is a beginning");
        let special: BTreeSet<u32> = tokenizer.sequence(&[]).unwrap().into_iter().collect();
        for window in all.chunks(room) {
            let sequence = tokenizer.sequence(window).unwrap();
            assert!(sequence.len() <= model.max_length(Role::Document).unwrap_or(usize::MAX), "a window fits");
            let rest = |ids: &[u32]| ids.iter().copied().filter(|id| !special.contains(id)).collect::<Vec<_>>();
            assert_eq!(rest(&sequence), rest(window), "a window is the tokens and special ones");
        }
    }
}

/// Loads a model from any directory: it is refused with a reason, or it encodes.
pub fn model(folder: &Path) {
    match Model::load("fuzzed", folder, &Backend::default()).and_then(|model| model.warm_up().map(|()| model)) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(model) => {
            for role in [Role::Document, Role::Query] {
                let side = model.side(role);
                let Ok(tokens) = side.tokenizer.tokenize("The quick brown fox [MASK] déjà vu 42.") else { continue };
                let batch = TokenBatch::from_iter([&tokens.ids[..], tokens.ids.get(..1).unwrap_or_default()]);
                if let Ok(outputs) = side.encoder.encode(&batch, &mut YieldPoint::none()) {
                    assert_eq!(outputs.len(), 2);
                    let vectors = outputs.iter().flatten();
                    assert!(vectors.flat_map(SparseVector::values).all(|value| value.is_finite()));
                }
            }
        }
    }
}
