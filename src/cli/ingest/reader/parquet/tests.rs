use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::grpc::payload::{PayloadLimits, parse_payload};
use crate::proto::Document;
use crate::proto::document_id::Kind;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet").join(name)
}

fn mapping() -> Mapping {
    Mapping { id_field: "id".to_owned(), text_fields: vec!["text".to_owned()], payload_fields: None }
}

/// All rows, as JSON.
fn rows(path: &Path, mapping: Mapping) -> anyhow::Result<Vec<Value>> {
    let mut reader = ParquetRows::open(path, mapping, 0)?;
    let mut rows = Vec::new();
    while let Next::Record(record) = reader.next()? {
        assert_eq!(record.number, rows.len() as u64 + 1);
        rows.push(serde_json::from_slice(&record.content)?);
    }
    Ok(rows)
}

#[test]
fn each_type_is_what_it_is_in_json() {
    let expected: Vec<Value> = serde_json::from_slice(&std::fs::read(fixture("types.json")).unwrap()).unwrap();
    let found = rows(&fixture("types.parquet"), mapping()).unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&found[name], value, "{name}");
        }
        assert_eq!(found.as_object().unwrap().len(), expected.as_object().unwrap().len());
    }
}

/// What each row of a column becomes, if it is the only one beside the text; `None` for one that is no document.
fn documents(file: &str, mapping: &Mapping) -> Vec<Result<Document, ItemError>> {
    let mut reader = ParquetRows::open(&fixture(file), mapping.clone(), 0).unwrap();
    std::iter::from_fn(|| match reader.next().unwrap() {
        Next::Record(record) => Some(record.document),
        Next::Blank | Next::UnendedBlank | Next::End => None,
    })
    .collect()
}

fn golden(name: &str) -> Map<String, Value> {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

#[test]
fn an_id_is_the_same_whatever_its_type() {
    for (column, expected) in golden("ids.json") {
        let mapping = Mapping { id_field: column.clone(), payload_fields: Some(Vec::new()), ..mapping() };
        for (row, (document, expected)) in
            documents("ids.parquet", &mapping).into_iter().zip(expected.as_array().unwrap()).enumerate()
        {
            let found = match document {
                Err(rejection) => {
                    assert_eq!(rejection.field, column, "{}", rejection.message);
                    json!("refused")
                }
                Ok(document) => match document.id.and_then(|id| id.kind) {
                    None => json!("made"),
                    Some(Kind::Num(num)) => json!({ "num": num.to_string() }),
                    Some(Kind::Uuid(uuid)) => json!({ "uuid": uuid }),
                    Some(Kind::Key(key)) => json!({ "key": key }),
                },
            };
            assert_eq!(found, *expected, "{column}, row {row}");
        }
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    for (column, expected) in golden("numbers.json") {
        let mapping = Mapping { payload_fields: Some(vec![column.clone()]), ..mapping() };
        for (row, (document, expected)) in
            documents("numbers.parquet", &mapping).into_iter().zip(expected.as_array().unwrap()).enumerate()
        {
            // What is whole is an integer, as the server has it.
            let limits = PayloadLimits { bytes: 1 << 20, depth: 32 };
            let found = document.map_err(|rejection| rejection.field).and_then(|document| {
                parse_payload(None, &document.payload_json, limits).map_err(|fault| fault.field.replace("payload.", ""))
            });
            match found {
                Ok(payload) => assert_eq!(payload[&column], *expected, "{column}, row {row}"),
                Err(field) => {
                    assert_eq!(*expected, json!("refused"), "{column}, row {row}");
                    assert!(field.starts_with(&column), "{field}");
                }
            }
        }
    }
}

#[test]
fn every_codec_is_read() {
    let expected = [("a fox", json!("x")), ("a wing", json!("x"))];
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"] {
        for version in [1, 2] {
            let found = rows(&fixture(&format!("codec-{codec}-{version}.parquet")), mapping()).unwrap();
            for (row, (text, tag)) in found.iter().zip(&expected) {
                assert_eq!((&row["text"], &row["tag"]), (&json!(text), tag), "{codec}");
            }
            assert_eq!(found[2], json!({"id": 3, "text": null, "tag": null}));
        }
    }
}

#[test]
fn every_writer_is_read() {
    let expected = |tags: [Value; 2], at: &str| {
        let [first, second] = tags;
        [
            json!({"id": 1, "text": "a fox", "tags": first, "at": at, "price": 19.9}),
            json!({"id": 2, "text": "a wing", "tags": second, "at": null, "price": null}),
        ]
    };
    let lists = [json!(["x", "y"]), json!([])];
    let local = "2024-02-29T12:30:00";
    for (writer, expected) in [
        ("duckdb", expected(lists.clone(), local)),
        ("polars", expected(lists.clone(), local)),
        // Of the old timestamps nobody knows the time zone; the crate takes UTC.
        ("int96", expected(lists, "2024-02-29T12:30:00Z")),
        // It writes JSON into one string.
        ("fastparquet", expected([json!(r#"["x","y"]"#), json!("[]")], local)),
    ] {
        assert_eq!(rows(&fixture(&format!("{writer}.parquet")), mapping()).unwrap(), expected, "{writer}");
    }
}

#[test]
fn reading_begins_at_the_row_group_and_only_what_is_wanted_is_read() {
    let groups = fixture("groups.parquet");
    for (done, begins) in [(0, 0), (29, 0), (30, 30), (59, 30), (95, 90), (100, 90), (1000, 90)] {
        assert_eq!(ParquetRows::open(&groups, mapping(), done).unwrap().at().rows, begins, "{done}");
    }
    let found = rows(&groups, Mapping { payload_fields: Some(Vec::new()), ..mapping() }).unwrap();
    assert_eq!((found.len(), &found[99]), (100, &json!({"id": 100, "text": "document 100"})));
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let problem = |mapping| format!("{:#}", rows(&fixture("interval.parquet"), mapping).unwrap_err());
    let interval = problem(mapping());
    assert!(interval.contains("column span is an INTERVAL") && interval.contains("--payload-fields"), "{interval}");
    let none = Mapping { payload_fields: Some(Vec::new()), ..mapping() };
    assert_eq!(rows(&fixture("interval.parquet"), none).unwrap(), [json!({"id": 1, "text": "a fox"})]);
    let body = Mapping { text_fields: vec!["body".to_owned()], ..mapping() };
    assert!(problem(body).contains("no column `body`, but id, text, span"));
}

fn damaged(content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    std::fs::write(&path, content).unwrap();
    if let Err(error) = rows(&path, mapping()) {
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Law: a damaged file is an error or other rows, and never a panic.
    #[test]
    fn damage_is_survived(
        name in prop::sample::select(vec!["types", "groups", "codec-zstd-2", "codec-gzip-1", "codec-snappy-1", "duckdb", "polars"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut content = std::fs::read(fixture(&format!("{name}.parquet"))).unwrap();
        for (at, byte) in edits {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if let Some(cut) = cut {
            content.truncate(cut.index(content.len()));
        }
        damaged(&content);
    }
}
