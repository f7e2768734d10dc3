//! Tokenizers that are inconsistent or do not match their model.

use serde_json::{Value, json};

use super::{assert_contains, copy_of, error_of};

/// Loads a changed tokenizer.json with a tokenizer class that uses the file unmodified.
fn with(change: impl FnOnce(&mut Value)) -> String {
    let (_copy, directory) = copy_of("bert-random-tied");
    write(&directory, "tokenizer_config.json", &mut |config| {
        config["tokenizer_class"] = json!("PreTrainedTokenizerFast")
    });
    let mut change = Some(change);
    write(&directory, "tokenizer.json", &mut |value| change.take().map_or((), |change| change(value)));
    error_of(&directory)
}

fn write(directory: &std::path::Path, file: &str, change: &mut dyn FnMut(&mut Value)) {
    let path = directory.join(file);
    let mut value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

fn template(single: Value, ids: &[u32]) -> Value {
    let special = json!({ "[CLS]": { "id": "[CLS]", "ids": ids, "tokens": vec!["[CLS]"; ids.len()] } });
    json!({ "type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": special })
}

#[test]
fn post_processors_that_make_more_than_a_text() {
    let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let special = json!({ "SpecialToken": { "id": "[CLS]", "type_id": 0 } });
    let twice = template(json!([special, text, text]), &[2]);
    assert_contains(&with(|file| file["post_processor"] = twice), &["tokenizer.json", "post_processor"]);
    let unknown = template(json!([special, text]), &[4_000_000_000]);
    assert_contains(
        &with(|file| file["post_processor"] = unknown),
        &["tokenizer.json", "token 4000000000", "no embedding"],
    );
    let crowd = template(json!([special, text]), &[2; 600]);
    assert_contains(
        &with(|file| file["post_processor"] = crowd),
        &["tokenizer.json", "must exceed the 600 special tokens"],
    );
}

/// The tokenizers library panics on some of these files.
#[test]
fn files_that_are_cut_short() {
    for model in ["bert-random-tied", "roberta-random-tied", "xlm-roberta-random-tied"] {
        let (_copy, directory) = copy_of(model);
        let path = directory.join("tokenizer.json");
        let bytes = std::fs::read(&path).unwrap();
        for length in (0..bytes.trim_ascii_end().len()).step_by(97) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert_contains(&error_of(&directory), &["tokenizer.json", " at line "]);
        }
    }
}

/// The tokenizers library panics on these files.
#[test]
fn parts_that_contradict_each_other() {
    let unlisted = json!([{ "SpecialToken": { "id": "[NONE]", "type_id": 0 } }]);
    let second_text = json!([{ "Sequence": { "id": "B", "type_id": 0 } }]);
    for single in [unlisted, second_text] {
        assert_contains(&with(|file| file["post_processor"] = template(single, &[2])), &["tokenizer.json"]);
    }
}

#[test]
fn invalid_vocabularies() {
    assert_contains(
        &with(|file| file["model"]["vocab"]["the"] = json!(u32::MAX)),
        &["tokenizer.json", "4294967295", "exceeds the"],
    );
    assert_contains(&with(|file| file["model"]["vocab"]["the"] = json!(-1)), &["tokenizer.json"]);
    assert_contains(&with(|file| file["model"]["vocab"] = json!([])), &["tokenizer.json"]);
    assert_contains(&with(|file| file["model"]["type"] = json!("Pickle")), &["tokenizer.json"]);
    assert_contains(&with(|file| file["model"] = Value::Null), &["tokenizer.json"]);
}

#[test]
fn invalid_patterns() {
    for pattern in ["(", "(a{1000}){1000}{1000}", &"(".repeat(100_000)] {
        let split =
            json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false });
        assert_contains(&with(|file| file["pre_tokenizer"] = split), &["tokenizer.json"]);
    }
}
