//! Compares vectors with the golden vectors of sentence-transformers that `scripts/golden` generated.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use splade_sidecar::model::{Backend, EncoderOutput, Model, NonFiniteOutput, RoleEncoder, TokenBatch, YieldPoint};
use splade_sidecar::types::{Role, SparseVector};

use crate::support::models::{
    change_embedding, create_modified_model, find_distinct_token, find_splade_tiny, load_random_model, model_dir,
};

/// Terms with higher weights must occur in both vectors; weights may differ by [`TOLERANCE`].
const SIGNIFICANT: f32 = 1e-3;
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    max_length: usize,
    vectors: Vec<GoldenVector>,
}

#[derive(Deserialize)]
struct GoldenVector {
    token_count: usize,
    indices: Vec<u32>,
    values: Vec<f32>,
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    serde_json::from_slice(&std::fs::read(golden_dir().join(file)).unwrap()).unwrap()
}

fn golden_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden")
}

fn encode(side: &RoleEncoder, texts: &[String]) -> Vec<SparseVector> {
    outputs(side, texts).into_iter().map(Result::unwrap).collect()
}

fn outputs(side: &RoleEncoder, texts: &[String]) -> Vec<EncoderOutput> {
    let ids: Vec<Vec<u32>> = texts.iter().map(|text| side.tokenizer.tokenize(text).unwrap().ids).collect();
    let batch: TokenBatch = ids.iter().map(Vec::as_slice).collect();
    side.encoder.encode(&batch, &mut YieldPoint::none()).unwrap()
}

/// Encodes all texts as packed batches and compares each with its golden vector.
fn check(name: &str, side: &RoleEncoder) {
    let golden: Golden = read(&format!("{name}.json"));
    let texts: Vec<String> = read("texts.json");
    assert_eq!(texts.len(), golden.vectors.len());
    assert!(texts.len() >= 50);
    for (texts, golden) in texts.chunks(9).zip(golden.vectors.chunks(9)) {
        for ((text, golden), vector) in texts.iter().zip(golden).zip(encode(side, texts)) {
            assert_eq!(side.tokenizer.tokenize(text).unwrap().ids.len(), golden.token_count, "{name}: {text}");
            let expected = SparseVector::new(golden.indices.clone(), golden.values.clone()).unwrap();
            compare(&vector, &expected).unwrap_or_else(|difference| panic!("{name}: {difference} in: {text}"));
        }
    }
}

/// Checks both roles of a model; queries without golden vectors of their own are encoded like documents.
fn check_model(name: &str, directory: &Path, backend: &Backend) {
    let model = Model::load(name, directory, backend).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(model.max_length(Role::Document), Some(read::<Golden>(&format!("{name}.json")).max_length), "{name}");
    check(name, &model.document);
    let queries = format!("{name}-queries");
    assert_eq!(model.query.is_some(), golden_dir().join(format!("{queries}.json")).exists(), "{name}");
    if let Some(query) = &model.query {
        check(&queries, query);
    }
}

fn random_models() -> Vec<String> {
    let models = std::fs::read_dir(model_dir("")).unwrap();
    let mut names: Vec<String> = models.map(|model| model.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() >= 18, "{names:?}");
    names
}

fn compare(vector: &SparseVector, expected: &SparseVector) -> Result<(), String> {
    for (a, b, who) in [(vector, expected, "ours"), (expected, vector, "theirs")] {
        for (index, weight) in a.iter() {
            let other = b.indices().binary_search(&index).map_or(0.0, |at| b.values()[at]);
            let missing = other == 0.0 && weight > SIGNIFICANT;
            if missing || (weight - other).abs() > TOLERANCE {
                return Err(format!("term {index} weighs {weight} in {who} and {other} in the other"));
            }
        }
    }
    Ok(())
}

#[test]
fn every_family_and_layout_of_files_gives_the_models_own_vectors() {
    for name in random_models() {
        check_model(&name, &model_dir(&name), &Backend::default());
    }
}

/// Runs the operations of other devices on the CPU.
#[test]
fn candle_operations_give_the_same_vectors() {
    let backend = Backend::Candle { device: Device::Cpu, dtype: DType::F32 };
    for name in random_models() {
        check_model(&name, &model_dir(&name), &backend);
    }
}

#[test]
fn splade_tiny_vectors_and_tokens() {
    let Some(directory) = find_splade_tiny() else { return };
    check_model("splade-tiny", &directory, &Backend::default());
    let model = Model::load("splade-tiny", &directory, &Backend::default()).unwrap();
    let tokens: Vec<Vec<u32>> = read("splade-tiny-tokens.json");
    let texts: Vec<String> = read("texts.json");
    for (text, tokens) in texts.iter().zip(tokens) {
        assert_eq!(model.document.tokenizer.tokenize(text).unwrap().ids, tokens, "{text}");
    }
}

/// int8 keeps the highest-weight terms of a text; the lost terms are a small share of the weight.
#[test]
fn int8_vectors_are_close() {
    let Some(directory) = find_splade_tiny() else { return };
    let load = |int8| Model::load("splade-tiny", &directory, &Backend::Kernels { int8 }).unwrap();
    let texts: Vec<String> = read("texts.json");
    let [exact, near] = [false, true].map(|int8| encode(&load(int8).document, &texts));
    for ((exact, near), text) in exact.iter().zip(&near).zip(&texts) {
        let weigh = |vector: &SparseVector| vector.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
        let product: f32 = exact.intersection(near).map(|(_, a, b)| a * b).sum();
        let cosine = product / (weigh(exact) * weigh(near));
        assert!(exact.is_empty() || cosine > 0.99, "{cosine} for: {text}");
    }
}

/// Invariant: the vector of a text is bit-identical in any batch, in float32 and int8.
#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    for name in random_models() {
        for int8 in [false, true] {
            let model = Model::load(&name, &model_dir(&name), &Backend::Kernels { int8 }).unwrap();
            let side = &model.document;
            let texts: Vec<String> = read("texts.json");
            let together = encode(side, &texts);
            for (at, text) in texts.iter().enumerate().step_by(5) {
                let alone = encode(side, std::slice::from_ref(text));
                let pair = encode(side, &[texts[(at + 1) % texts.len()].clone(), text.clone()]);
                assert_eq!(alone[0], together[at], "{name}: alone: {text}");
                assert_eq!(pair[1], together[at], "{name}: after another: {text}");
            }
        }
    }
}

/// Invariant: a text with a token whose embedding is not finite or overflows has no vector, in any family, dtype and
/// pooling; the vectors of the other texts in the batch are bit-identical to those without it.
#[test]
fn a_text_that_overflows_is_an_error_of_its_own() {
    const TEXTS: [&str; 4] = ["a wing in a slipstream", "heat", "the moon and the sea", "a wing"];
    let names = ["bert-random-untied", "bert-random-sum", "bert-random-log1p", "roberta-random-untied"];
    let candle = Backend::Candle { device: Device::Cpu, dtype: DType::F32 };
    for name in names.into_iter().chain(["distilbert-random-untied", "modernbert-random-untied"]) {
        let tokenizer = load_random_model(name).document.tokenizer;
        let bad = find_distinct_token(&tokenizer, TEXTS[2], &[TEXTS[0], TEXTS[1], TEXTS[3]]);
        let spoilers: [fn(&mut [f32]); 5] = [
            |row| row[3] = f32::NAN,
            |row| row[3] = f32::NEG_INFINITY,
            |row| row[3] = 1e38,
            |row| row[3] = 1e30,
            |row| row.fill(3e38),
        ];
        for (number, spoil) in spoilers.into_iter().enumerate() {
            let sound = create_modified_model(name, |tensors| change_embedding(tensors, bad, |_| {}));
            let spoilt = create_modified_model(name, |tensors| change_embedding(tensors, bad, spoil));
            for backend in [Backend::default(), Backend::Kernels { int8: true }, candle.clone()] {
                let load = |directory: &Path| Model::load(name, directory, &backend).unwrap().document;
                let (sound, spoilt) = (load(sound.path()), load(spoilt.path()));
                let texts = TEXTS.map(str::to_owned);
                let expected = encode(&sound, &texts);
                for (at, output) in outputs(&spoilt, &texts).into_iter().enumerate() {
                    let case = format!("{name} {backend:?}: {} with spoiler {number}", texts[at]);
                    if at == 2 {
                        assert_eq!(output, Err(NonFiniteOutput), "{case}");
                    } else {
                        assert!(!expected[at].is_empty(), "{case}");
                        assert_eq!(output.as_ref(), Ok(&expected[at]), "{case}");
                    }
                }
            }
        }
    }
}

/// A model without a finite vector for any text is not served.
#[test]
fn a_model_whose_output_is_never_finite_is_refused() {
    let spoilt = create_modified_model("bert-random-untied", |tensors| {
        let name = "bert.encoder.layer.0.output.dense.bias";
        let nan = (&tensors[name] * f64::NAN).unwrap();
        tensors.insert(name.to_owned(), nan);
    });
    let model = Model::load("spoilt", spoilt.path(), &Backend::default()).unwrap();
    let error = model.warm_up().unwrap_err().to_string();
    assert!(error.contains("not finite") && error.contains("download them again"), "{error}");
}
