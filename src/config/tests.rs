//! Flags as one types them, and what they mean.

use clap::Parser;

use super::*;
use crate::types::Pruning;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ServeArgs,
}

fn config(flags: &[&str]) -> Result<Config, InvalidConfig> {
    Config::try_from(Line::try_parse_from([&["serve"], flags].concat()).unwrap().args)
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = config(&["--model", "naver/splade-v3@main"]).unwrap();
    assert_eq!(config.models[0].name, "splade-v3");
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 50_051)));
    assert!(matches!(config.store, StoreConfig::Embedded(folder) if folder.as_os_str() == "splade-store"));
    assert_eq!(config.pipeline.writer.batch_bytes, 4 << 20);
    assert_eq!(config.server.max_message_bytes, 32 << 20);
    assert_eq!(config.pruning, PruningDefaults::default());
}

#[test]
fn documents_and_queries_are_pruned_apart() {
    let flags = ["--document-max-terms", "256", "--document-weight-share", "0.5", "--query-min-weight", "0.25"];
    let pruning = config(&[&["--model", "naver/splade-v3"], &flags[..]].concat()).unwrap().pruning;
    let document = Pruning { max_terms: Some(256), min_weight: 0.0, weight_share: Some(0.5) };
    assert_eq!(pruning.document, document);
    assert_eq!(pruning.query, Pruning { min_weight: 0.25, ..Pruning::default() });
}

#[test]
fn all_mistakes_are_told_together() {
    let flags = "--listen here --threads 0 --max-bytes lots --upsert-age soon --qdrant-url ftp://x \
                 --qdrant-api-key s\u{e9}cret --log-format xml --model /no/such/folder --query-max-terms few \
                 --document-min-weight nan --document-weight-share 1.5 --device tpu --dtype float8";
    let error = config(&flags.split_whitespace().collect::<Vec<_>>()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.0.len(), 13, "{text}");
    let flags = flags.split_whitespace().filter(|word| word.starts_with("--"));
    for flag in flags {
        assert!(text.contains(flag), "{flag} is not in: {text}");
    }
    assert!(!text.contains("s\u{e9}cret"), "the API key is in: {text}");
}

#[test]
fn a_model_is_required_and_no_two_have_the_same_name() {
    assert!(config(&[]).unwrap_err().to_string().contains("--model is missing"));
    let names = |flags: &[&str]| {
        config(flags).map(|config| config.models.into_iter().map(|model| model.name).collect::<Vec<_>>())
    };
    assert_eq!(names(&["--model", "b=org/x,org/a", "--model", "org/x"]).unwrap(), ["b", "a", "x"]);
    let error = names(&["--model", "org/x@v1", "--model", "other/x"]).unwrap_err().to_string();
    assert!(error.contains("two models are named `x`") && error.contains("NAME=other/x"), "{error}");
}
