//! Texts without content, tested on every model of `tests/data/models`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::layout::{Layout, TokenizerSettings};
use super::super::{Backend, Model, TokenBatch, Tokenizer, YieldPoint};
use crate::types::{Role, SparseVector, is_blank};

/// Texts whose characters are not blank but which BERT's normalizer removes entirely.
const REMOVED_BY_BERT: [&str; 10] = [
    "\u{fffd}",
    "\u{fffd}\u{fffd} \u{fffd}",
    "\u{e000}\u{f8ff}",
    "\u{f0000}",
    "\u{301}",
    " \u{300}\u{20d0} ",
    "\u{600}\u{6dd}",
    "\u{110bd}",
    "\u{200b}\u{fffd}\0",
    "[CLS] [SEP]\u{fffd}[MASK]",
];

/// Texts that BERT keeps as unknown tokens.
const UNKNOWN: [&str; 4] = ["🦀", "\u{378}", "नमस्ते दुनिया", "\u{fdd0}"];

fn directories() -> Vec<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    std::fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path()).collect()
}

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let load = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Model::load(&name, &path, &Backend::default()).unwrap()
    };
    directories().into_iter().map(load).collect()
});

/// Returns the label, whether the tokenizer is BERT's, the model and the role, for each role of each model.
fn sides() -> impl Iterator<Item = (String, bool, &'static Model, Role)> {
    let sides = MODELS.iter().flat_map(|model| [Role::Document, Role::Query].map(|role| (model, role)));
    sides.map(|(model, role)| {
        let Model { name, .. } = model;
        let is_bert = ["bert-", "distilbert-", "router-"].iter().any(|family| name.starts_with(family));
        (format!("{name} {role:?}"), is_bert, model, role)
    })
}

fn vector(model: &Model, role: Role, ids: &[u32]) -> SparseVector {
    model
        .role_encoder(role)
        .encoder
        .encode(&TokenBatch::from_iter([ids]), &mut YieldPoint::none())
        .unwrap()
        .remove(0)
        .unwrap()
}

fn has_content(tokenizer: &Tokenizer, text: &str) -> bool {
    let has_content = tokenizer.has_content(&tokenizer.tokenize(text).unwrap().ids);
    // With and without special tokens, from either end.
    assert_eq!(has_content, tokenizer.has_content(&tokenizer.tokenize_all(text).unwrap()), "{text:?}");
    assert_eq!(has_content, tokenizer.has_content(&tokenizer.tokenize_tail(text).unwrap().ids), "{text:?}");
    has_content
}

#[test]
fn characters_removed_by_berts_normalizer_are_not_content() {
    assert!(REMOVED_BY_BERT.into_iter().chain(UNKNOWN).all(|text| !is_blank(text)));
    for (side, is_bert, model, role) in sides() {
        let tokenizer = &model.role_encoder(role).tokenizer;
        for text in REMOVED_BY_BERT {
            assert!(!(is_bert && has_content(tokenizer, text)), "{side}: {text:?}");
        }
        for text in UNKNOWN.into_iter().chain(["a", ".", "7", "[UNK] moon", "e\u{301}", "\u{fffd}moon"]) {
            assert!(has_content(tokenizer, text), "{side}: {text:?}");
        }
    }
}

/// Property: a text without content has the vector of white space.
#[test]
fn a_text_without_content_has_the_vector_of_white_space() {
    for (side, _, model, role) in sides() {
        let tokenizer = &model.role_encoder(role).tokenizer;
        let of_space = vector(model, role, &tokenizer.tokenize(" ").unwrap().ids);
        for text in REMOVED_BY_BERT.into_iter().filter(|text| !text.contains('[')) {
            let ids = tokenizer.tokenize(text).unwrap().ids;
            assert!(tokenizer.has_content(&ids) || vector(model, role, &ids) == of_space, "{side}: {text:?}");
        }
    }
}

/// Loads a BERT tokenizer with a prompt and a maximum of `max_tokens` tokens for prompt and text.
fn prompted(prompt: &str, max_tokens: usize) -> Tokenizer {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/bert-random-tied");
    let settings = Layout::read(&directory).unwrap().document.tokenizer;
    let settings = TokenizerSettings { prompt: prompt.to_owned(), max_length: Some(max_tokens + 2), ..settings };
    Tokenizer::load(&settings).unwrap()
}

#[test]
fn a_prompt_is_not_content() {
    for prompt in ["moon: ", "moon", "[CLS] moon "] {
        let tokenizer = prompted(prompt, 20);
        for text in ["\u{fffd}", "\u{301}", "[SEP]", "\u{e000} [SEP] \u{600}"] {
            assert!(!has_content(&tokenizer, text), "{prompt:?} {text:?}");
        }
        for text in ["water", "moon", "moon:", ":", "🦀", "s", "\u{fffd}moon"] {
            assert!(has_content(&tokenizer, text), "{prompt:?} {text:?}");
        }
    }
    // The prompt fills the maximum length, so the text's content is unknown and assumed.
    assert!(has_content(&prompted("moon and ice ", 2), "water"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Property: a text with a word has content, for any surrounding characters and any prompt.
    #[test]
    fn a_word_is_content(
        before in "[\u{fffd}\u{e000}\u{301}\u{600} \\x00-\\x7f]{0,16}",
        word in "moon|water|7|é|月|🦀",
        after in "(\\PC| |\u{fffd}|\\[SEP\\]){0,8}",
        prompt in "|moon: |query:|[a-z]{0,3} ?",
    ) {
        let text = format!("{before} {word} {after}");
        for (side, _, model, role) in sides() {
            prop_assert!(has_content(&model.role_encoder(role).tokenizer, &text), "{}: {:?}", side, text);
        }
        prop_assert!(has_content(&prompted(&prompt, 256), &text), "{:?} {:?}", prompt, text);
    }
}
