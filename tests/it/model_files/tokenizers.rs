//! Tokenizers that contradict themselves or their model.

use serde_json::{Value, json};

use super::{copy_of, error_of, says};

/// Of a class that takes tokenizer.json as it is.
fn with(change: impl FnOnce(&mut Value)) -> String {
    let (_copy, folder) = copy_of("bert-random-tied");
    write(&folder, "tokenizer_config.json", &mut |config| config["tokenizer_class"] = json!("PreTrainedTokenizerFast"));
    let mut change = Some(change);
    write(&folder, "tokenizer.json", &mut |value| change.take().map_or((), |change| change(value)));
    error_of(&folder)
}

fn write(folder: &std::path::Path, file: &str, change: &mut dyn FnMut(&mut Value)) {
    let path = folder.join(file);
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
    says(&with(|file| file["post_processor"] = twice), &["tokenizer.json", "post_processor"]);
    let unknown = template(json!([special, text]), &[4_000_000_000]);
    says(&with(|file| file["post_processor"] = unknown), &["tokenizer.json", "token 4000000000", "no embedding"]);
    let crowd = template(json!([special, text]), &[2; 600]);
    says(&with(|file| file["post_processor"] = crowd), &["tokenizer.json", "must exceed the 600 special tokens"]);
}

/// The library panics on some of these.
#[test]
fn files_that_are_cut_short() {
    for model in ["bert-random-tied", "roberta-random-tied", "xlm-roberta-random-tied"] {
        let (_copy, folder) = copy_of(model);
        let path = folder.join("tokenizer.json");
        let bytes = std::fs::read(&path).unwrap();
        for length in (0..bytes.trim_ascii_end().len()).step_by(97) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            says(&error_of(&folder), &["tokenizer.json", " at line "]);
        }
    }
}

/// The library panics on these.
#[test]
fn parts_that_contradict_each_other() {
    let unlisted = json!([{ "SpecialToken": { "id": "[NONE]", "type_id": 0 } }]);
    let second_text = json!([{ "Sequence": { "id": "B", "type_id": 0 } }]);
    for single in [unlisted, second_text] {
        says(&with(|file| file["post_processor"] = template(single, &[2])), &["tokenizer.json"]);
    }
}

#[test]
fn vocabularies_that_are_none() {
    says(
        &with(|file| file["model"]["vocab"]["the"] = json!(u32::MAX)),
        &["tokenizer.json", "4294967295", "exceeds the"],
    );
    says(&with(|file| file["model"]["vocab"]["the"] = json!(-1)), &["tokenizer.json"]);
    says(&with(|file| file["model"]["vocab"] = json!([])), &["tokenizer.json"]);
    says(&with(|file| file["model"]["type"] = json!("Pickle")), &["tokenizer.json"]);
    says(&with(|file| file["model"] = Value::Null), &["tokenizer.json"]);
}

#[test]
fn patterns_that_are_none() {
    for pattern in ["(", "(a{1000}){1000}{1000}", &"(".repeat(100_000)] {
        let split =
            json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false });
        says(&with(|file| file["pre_tokenizer"] = split), &["tokenizer.json"]);
    }
}
