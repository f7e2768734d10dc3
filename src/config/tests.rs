//! Configurations parsed from command lines.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;

use super::*;
use crate::grpc::{PruningDefaults, RequestLimits, RolePruningDefaults};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ServeArgs,
}

/// Returns the configuration of a command line. A build without the embedded store gets a Qdrant server.
fn config(flags: &[&str]) -> Result<Config, InvalidConfig> {
    let has_store = cfg!(feature = "embedded") || flags.contains(&"--qdrant-url");
    let store: &[&str] = if has_store { &[] } else { &["--qdrant-url", "http://127.0.0.1:6334"] };
    Config::try_from(Line::try_parse_from([&["serve"], store, flags].concat()).unwrap().args)
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = config(&["--model", "naver/splade-v3@main"]).unwrap();
    assert_eq!(config.models[0].name, "splade-v3");
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 50_051)));
    #[cfg(feature = "embedded")]
    assert!(matches!(config.store, StoreConfig::Embedded(dir) if dir.as_os_str() == "splade-store"));
    assert_eq!(config.pipeline.writer.max_batch_bytes, 4 << 20);
    assert_eq!(config.server.max_message_bytes, 32 << 20);
    assert_eq!(config.pruning, PruningDefaults::default());
    let RequestLimits {
        max_payload_bytes: payload_bytes,
        max_payload_depth: payload_depth,
        max_dense_dimensions: dense_dimensions,
        max_id_bytes: id_bytes,
        max_streams: streams,
        stream_idle_timeout: stream_idle,
        ..
    } = config.request_limits;
    assert_eq!((payload_bytes, payload_depth, dense_dimensions, id_bytes), (1 << 20, 32, 65_536, 512));
    assert_eq!((streams, stream_idle), (4_096, Duration::from_secs(600)));
    let SecurityConfig { tls, auth_tokens_file: auth_tokens, unix_socket_mode, max_connections, .. } = config.security;
    assert_eq!((tls, auth_tokens), (None, None));
    assert_eq!((unix_socket_mode, max_connections), (0o600, 1_024));
}

/// Property: the defaults of the flags equal `RequestLimits::default()`.
#[test]
fn flags_default_to_the_default_limits() {
    assert_eq!(with(&[]).unwrap().request_limits, RequestLimits::default());
}

/// Returns the configuration of these flags and a model.
fn with(flags: &[&str]) -> Result<Config, InvalidConfig> {
    config(&[&["--model", "naver/splade-v3"], flags].concat())
}

#[test]
fn certificate_and_key_require_each_other() {
    let tls = with(&["--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a"]).unwrap().security.tls.unwrap();
    assert_eq!(tls, TlsFiles { certificate: "c".into(), key: "k".into(), client_ca: Some("a".into()) });
    for (flags, problem) in [
        (&["--tls-cert", "c"] as &[&str], "--tls-key is missing"),
        (&["--tls-key", "k", "--tls-client-ca", "a"], "--tls-cert is missing"),
        (&["--tls-client-ca", "a"], "--tls-client-ca requires --tls-cert and --tls-key"),
    ] {
        let error = with(flags).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[cfg(feature = "http")]
#[test]
fn http_gateway_and_grpc_web_are_off_by_default() {
    let web = |flags: &[&str]| with(flags).map(|config| config.web);
    assert_eq!(web(&[]), Ok(WebConfig { http_listen: None, grpc_web: None }));
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 8_080)));
    assert_eq!(web(&["--http-listen", "127.0.0.1:8080"]), Ok(WebConfig { http_listen: listen, grpc_web: None }));
    let origins = |flags: &[&str]| web(&[&["--grpc-web"], flags].concat()).map(|web| web.grpc_web.unwrap());
    assert_eq!(origins(&[]), Ok(AllowedOrigins::Listed(Vec::new())));
    assert_eq!(origins(&["--grpc-web-origins", "*"]), Ok(AllowedOrigins::All));
    let origin_list = ["https://app.example", "http://localhost:5173"];
    let expected = origin_list.map(|origin| origin.parse().unwrap()).to_vec();
    assert_eq!(origins(&["--grpc-web-origins", &origin_list.join(",")]), Ok(AllowedOrigins::Listed(expected)));
    for wrong in ["app.example", "https://app.example/", "https://me@app.example", "https://a,*", "file:///x", ""] {
        let error = origins(&[&format!("--grpc-web-origins={wrong}")]).unwrap_err().to_string();
        assert!(error.contains("an origin such as https://app.example:8443"), "{wrong}: {error}");
    }
    let error = web(&["--grpc-web-origins", "*"]).unwrap_err().to_string();
    assert!(error.contains("--grpc-web-origins requires --grpc-web"), "{error}");
}

#[test]
fn the_socket_mode_is_octal() {
    for (text, mode) in [("0660", 0o660), ("600", 0o600), ("0o666", 0o666)] {
        assert_eq!(with(&["--unix-socket-mode", text]).unwrap().security.unix_socket_mode, mode);
    }
    for text in ["0", "1777", "rw", "0680", "-1", ""] {
        let error = with(&[&format!("--unix-socket-mode={text}")]).unwrap_err().to_string();
        assert!(error.contains("an octal mode such as 0660"), "{text}: {error}");
    }
}

#[test]
fn the_api_key_is_set_by_a_flag_or_a_file_but_not_both() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).display().to_string()
    };
    let key = |flags: &[&str]| {
        let config = with(&[&["--qdrant-url", "http://localhost"], flags].concat())?;
        let StoreConfig::Qdrant(store) = config.store else { panic!("expected a Qdrant store") };
        Ok::<_, InvalidConfig>(store.api_key)
    };
    let expected = Some("s3cret-key".parse().unwrap());
    assert_eq!(key(&["--qdrant-api-key", "s3cret-key"]), Ok(expected.clone()));
    assert_eq!(key(&["--qdrant-api-key-file", &file("key", " s3cret-key\n\n")]), Ok(expected));
    assert_eq!(key(&[]), Ok(None));
    let (key_file, blank, two) = (file("key", "s3cret-key"), file("blank", "\n"), file("two", "s3cret\nkey"));
    let absent = dir.path().join("absent").display().to_string();
    for (flags, problem) in [
        (vec!["--qdrant-api-key-file", &absent], "absent can't be read"),
        (vec!["--qdrant-api-key-file", &blank], "--qdrant-api-key-file: the API key is empty"),
        (vec!["--qdrant-api-key-file", &two], "a character that is not printable ASCII"),
        (vec!["--qdrant-api-key", "s3cret-key", "--qdrant-api-key-file", &key_file], "set only one of them"),
    ] {
        let error = key(&flags).unwrap_err().to_string();
        assert!(error.contains(problem) && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn documents_and_queries_have_separate_pruning_defaults() {
    let flags = ["--document-max-terms", "256", "--document-weight-share", "0.5", "--query-min-weight", "0.25"];
    let pruning = config(&[&["--model", "naver/splade-v3"], &flags[..]].concat()).unwrap().pruning;
    let document = RolePruningDefaults { max_terms: Some(256), min_weight: 0.0, weight_share: Some(0.5) };
    assert_eq!(pruning.document, document);
    // `None`: the model's `max_active_dims` applies.
    assert_eq!(pruning.query, RolePruningDefaults { max_terms: None, min_weight: 0.25, weight_share: None });
}

#[test]
fn all_errors_are_reported_at_once() {
    let flags = "--listen here --threads 0 --max-in-flight-bytes lots --max-upsert-delay soon --qdrant-url ftp://x \
                 --qdrant-api-key s\u{e9}cret --log-format xml --model /no/such/dir --query-max-terms few \
                 --document-min-weight nan --document-weight-share 1.5 --device tpu --dtype float8 \
                 --max-connections 0 --max-payload-depth 33 --max-id-bytes 4097 --stream-idle-timeout never \
                 --tls-cert cert.pem --http-listen 8080 --grpc-web-origins app.example";
    let error = config(&flags.split_whitespace().collect::<Vec<_>>()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.0.len(), 21, "{text}");
    let flags = flags.split_whitespace().filter(|word| word.starts_with("--"));
    for flag in flags {
        assert!(text.contains(flag), "{flag} is not in: {text}");
    }
    assert!(!text.contains("s\u{e9}cret"), "the API key is in: {text}");
}

#[test]
fn a_model_is_required_and_model_names_are_unique() {
    assert!(config(&[]).unwrap_err().to_string().contains("--model is missing"));
    let names = |flags: &[&str]| {
        config(flags).map(|config| config.models.into_iter().map(|model| model.name).collect::<Vec<_>>())
    };
    assert_eq!(names(&["--model", "b=org/x,org/a", "--model", "org/x"]).unwrap(), ["b", "a", "x"]);
    let error = names(&["--model", "org/x@v1", "--model", "other/x"]).unwrap_err().to_string();
    assert!(error.contains("two models are named `x`") && error.contains("NAME=other/x"), "{error}");
}
