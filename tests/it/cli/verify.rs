//! `model verify` and `check --verify` with the real binary.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::Tensor;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::{Run, run};
use crate::support::models::{copy_dir, create_modified_model, model_dir};
use crate::support::sidecar::MODEL;

const UNREACHABLE: &str = "http://127.0.0.1:1";

async fn verify(model: &Path, flags: &[&str]) -> Run {
    let directory = tempdir().unwrap();
    let model = model.to_str().unwrap();
    run(directory.path(), UNREACHABLE, &[&["model", "verify", "--model", model], flags].concat()).await
}

/// Returns the comparison of a role and dtype in a report.
fn comparison<'a>(report: &'a Value, role: &str, dtype: &str) -> &'a Value {
    let comparisons = report["comparisons"].as_array().unwrap();
    comparisons.iter().find(|it| it["role"] == role && it["dtype"] == dtype).unwrap()
}

fn random_models() -> Vec<String> {
    let models = fs::read_dir(model_dir("")).unwrap();
    models.map(|model| model.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn every_model_that_candle_transformers_can_express_is_equal() {
    let mut without_reference = Vec::new();
    for name in random_models() {
        let run = verify(&model_dir(&name), &["--output", "json"]).await;
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {}", run.stdout);
        let report = run.json();
        let (exact, near) = (comparison(&report, "document", "float32"), comparison(&report, "document", "int8"));
        if exact["verdict"] == "not_compared" {
            assert_eq!((&near["verdict"], &report["compared"]), (&json!("not_compared"), &json!(false)), "{name}");
            without_reference.push(name);
            continue;
        }
        assert_eq!((&exact["verdict"], &exact["texts"]), (&json!("equal"), &json!(29)), "{name}: {exact}");
        assert_eq!((&report["passed"], &report["compared"]), (&json!(true), &json!(true)), "{name}");
        assert!(exact["largest_relative_difference"].as_f64().unwrap() < 2e-5, "{name}: {exact}");
        assert_eq!(near["verdict"], "close", "{name}: {near}");
        if name.starts_with("router") {
            let query = comparison(&report, "query", "float32");
            assert_eq!(query["verdict"], "not_compared", "{name}: {query}");
            assert!(query["reason"].as_str().unwrap().contains("table of token weights"), "{name}: {query}");
        }
    }
    assert_eq!(without_reference, ["modernbert-random-untied"]);
}

#[tokio::test]
async fn the_output_says_that_nothing_was_compared_and_why() {
    let run = verify(&model_dir("modernbert-random-untied"), &["--dtype", "float32"]).await;
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("not compared: config.json: candle-transformers implements"), "{}", run.stdout);
    assert!(run.stdout.ends_with("warning: nothing was compared\n"), "{}", run.stdout);
}

#[tokio::test]
async fn configurations_without_a_class_are_not_compared() {
    let name = "modernbert-random-tied";
    for (changes, reason) in [
        (vec![("layer_types", layer_types("fsff"))], "layer_types"),
        (vec![("layer_types", layer_types("fssf"))], ""),
        (vec![("layer_types", layer_types("fsfs")), ("norm_eps", json!(1e-3))], ""),
    ] {
        let copy = tempdir().unwrap();
        copy_dir(&model_dir(name), copy.path());
        let path = copy.path().join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        changes.iter().for_each(|(key, value)| config[*key] = value.clone());
        fs::write(&path, config.to_string()).unwrap();
        let run = verify(copy.path(), &["--output", "json", "--dtype", "float32"]).await;
        let report = run.json();
        let exact = comparison(&report, "document", "float32");
        let verdict = if reason.is_empty() { "equal" } else { "not_compared" };
        assert_eq!((run.code, &exact["verdict"]), (0, &json!(verdict)), "{changes:?}: {exact}");
        assert!(exact["reason"].as_str().unwrap_or_default().contains(reason), "{changes:?}: {exact}");
    }
}

fn layer_types(pattern: &str) -> Value {
    let kind = |letter| if letter == 'f' { "full_attention" } else { "sliding_attention" };
    pattern.chars().map(kind).collect()
}

/// Sets one weight of a tensor.
fn set_weight(tensors: &mut HashMap<String, Tensor>, name: &str, at: usize, weight: f32) {
    let tensor = tensors[name].clone();
    let mut weights: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    weights[at] = weight;
    tensors.insert(name.to_owned(), Tensor::from_vec(weights, tensor.shape(), tensor.device()).unwrap());
}

#[tokio::test]
async fn a_broken_weight_is_never_equal_or_close() {
    const LAYER: &str = "bert.encoder.layer.0.attention.self.query.weight";
    let verdicts = |weight: f32| async move {
        let model = create_modified_model("bert-random-untied", |tensors| set_weight(tensors, LAYER, 70, weight));
        let run = verify(model.path(), &["--output", "json"]).await;
        let report = run.json();
        let of = |dtype| comparison(&report, "document", dtype).clone();
        (run.code, of("float32"), of("int8"))
    };
    for weight in [f32::NAN, f32::INFINITY, 1e38] {
        let (code, exact, near) = verdicts(weight).await;
        assert_eq!(code, 1, "{weight}");
        for comparison in [exact, near] {
            assert_eq!(comparison["verdict"], "not_finite", "{weight}: {comparison}");
            assert!(comparison["reason"].as_str().unwrap().contains(LAYER), "{weight}: {comparison}");
        }
    }
    // float32 represents these weights; in int8 they quantize the rest of their row to zero.
    for weight in [1e3, 1e17] {
        let (code, exact, near) = verdicts(weight).await;
        assert_eq!((code, &exact["verdict"], &near["verdict"]), (1, &json!("equal"), &json!("different")), "{near}");
        assert!(near["reason"].as_str().unwrap().contains("int8 rounds"), "{near}");
    }
}

/// Uses weights that are finite individually and overflow when combined.
#[tokio::test]
async fn texts_that_overflow_are_reported() {
    let model = create_modified_model("bert-random-untied", |tensors| {
        let layer = |part: &str| format!("bert.encoder.layer.1.{part}.weight");
        set_weight(tensors, &layer("attention.output.LayerNorm"), 3, 9e17);
        // Outputs 0 and 1 cover both signs of input 3.
        set_weight(tensors, &layer("intermediate.dense"), 3, 9e17);
        set_weight(tensors, &layer("intermediate.dense"), 32 + 3, -9e17);
        set_weight(tensors, &layer("output.dense"), 0, 9e17);
        set_weight(tensors, &layer("output.dense"), 1, 9e17);
    });
    let run = verify(model.path(), &["--dtype", "float32"]).await;
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stdout.contains("float32  not finite: 29 texts, 29 without a finite vector, text 1"), "{}", run.stdout);
}

#[tokio::test]
async fn texts_come_from_a_file() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("texts");
    let texts = file.to_str().unwrap();
    let model = model_dir(MODEL);
    let flags = ["--texts", texts, "--output", "json", "--dtype", "int8,float32,int8"];
    fs::write(&file, "a wing in a slipstream\n\nthe moon\r\n").unwrap();
    let run = verify(&model, &flags).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report = run.json();
    let dtypes: Vec<&Value> =
        report["comparisons"].as_array().unwrap().iter().map(|comparison| &comparison["dtype"]).collect();
    assert_eq!(dtypes, ["int8", "float32"]);
    let near = comparison(&report, "document", "int8");
    assert_eq!(near["texts"], 3);
    let worst = &near["worst_text"];
    let expected = ["a wing in a slipstream", "", "the moon"][worst["number"].as_u64().unwrap() as usize - 1];
    assert_eq!(worst["text"], expected);
    for (content, problem) in [
        (Vec::new(), "the file is empty; write one text per line"),
        (b"a\n\xff\n".to_vec(), "line 2 is not UTF-8"),
        (vec![b'\n'; 1_001], "more than 1000 lines"),
        (vec![b'x'; (1 << 20) + 1], "line 1 has more than 1048576 bytes"),
    ] {
        fs::write(&file, content).unwrap();
        let run = verify(&model, &flags).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{problem}");
        assert!(run.stderr.contains(problem) && run.stderr.contains("--texts"), "{problem}: {}", run.stderr);
    }
    for missing in ["no such file", directory.path().to_str().unwrap()] {
        let run = verify(&model, &["--texts", missing]).await;
        assert!(run.code == 2 && run.stderr.contains("--texts"), "{missing}: {}", run.stderr);
    }
}

#[tokio::test]
async fn a_dtype_that_the_device_does_not_have_is_refused() {
    let run = verify(&model_dir(MODEL), &["--dtype", "float16"]).await;
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--dtype") && run.stderr.contains("use float32 or int8"), "{}", run.stderr);
}

#[tokio::test]
async fn check_verifies_the_models_of_a_server() {
    let directory = tempdir().unwrap();
    let check = |model: &Path, flags: &'static [&'static str]| {
        let (model, directory) = (model.to_str().unwrap().to_owned(), directory.path().to_owned());
        async move { run(&directory, UNREACHABLE, &[&["check", "--verify", "--model", &model], flags].concat()).await }
    };
    let fine = check(&model_dir(MODEL), &[]).await;
    assert_eq!(fine.code, 0, "{}", fine.stdout);
    assert!(fine.stdout.contains(&format!("verify   {MODEL}: document  float32  equal: 29 texts")), "{}", fine.stdout);
    let fine = check(&model_dir(MODEL), &["--dtype", "int8", "--output", "json"]).await;
    assert_eq!(fine.json()["verified"][0]["comparisons"][0]["verdict"], "close", "{}", fine.stdout);

    let unknown = check(&model_dir("modernbert-random-untied"), &[]).await;
    assert_eq!(unknown.code, 0, "{}", unknown.stdout);
    assert!(unknown.stdout.contains("warning  modernbert-random-untied: nothing was compared"), "{}", unknown.stdout);

    let broken = create_modified_model("bert-random-untied", |tensors| {
        set_weight(tensors, "bert.encoder.layer.1.intermediate.dense.weight", 70, 1e6);
    });
    let broken = check(broken.path(), &["--dtype", "int8"]).await;
    assert_eq!(broken.code, 2, "{}", broken.stdout);
    assert!(broken.stdout.contains("document vectors in int8 are different"), "{}", broken.stdout);
    assert!(broken.stdout.contains("use --dtype float32"), "{}", broken.stdout);
}
