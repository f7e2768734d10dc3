use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::cli::ingest::mapping::FieldMapping;
use crate::cli::ingest::reader::{NextRecord, RecordReader};
use crate::grpc::convert::payload::{PayloadLimits, parse_payload};
use crate::proto::document_id::Kind;
use crate::proto::{Document, ItemError};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet").join(name)
}

fn mapping() -> FieldMapping {
    FieldMapping::default()
}

/// Returns all rows as JSON.
fn rows(path: &Path, mapping: FieldMapping) -> anyhow::Result<Vec<Value>> {
    let mut reader = ParquetRows::open(path, mapping, 0)?;
    let mut rows = Vec::new();
    while let NextRecord::Record(record) = reader.next_record()? {
        assert_eq!(record.number, rows.len() as u64 + 1);
        rows.push(serde_json::from_slice(&record.content)?);
    }
    Ok(rows)
}

#[test]
fn each_type_is_converted_to_json() {
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

/// Returns the document or rejection of each row.
fn documents(file: &str, mapping: &FieldMapping) -> Vec<Result<Document, ItemError>> {
    let mut reader = ParquetRows::open(&fixture(file), mapping.clone(), 0).unwrap();
    std::iter::from_fn(|| match reader.next_record().unwrap() {
        NextRecord::Record(record) => Some(record.document),
        NextRecord::Blank | NextRecord::UnterminatedBlank | NextRecord::End => None,
    })
    .collect()
}

fn golden(name: &str) -> Map<String, Value> {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

#[test]
fn ids_do_not_depend_on_the_column_type() {
    for (column, expected) in golden("ids.json") {
        let mapping = FieldMapping { id_field: column.clone(), payload_fields: Some(Vec::new()), ..mapping() };
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

/// Compares the payload of each column and row with `NAME.json`.
fn check_columns_of(name: &str) {
    for (column, expected) in golden(&format!("{name}.json")) {
        let mapping = FieldMapping { payload_fields: Some(vec![column.clone()]), ..mapping() };
        for (row, (document, expected)) in
            documents(&format!("{name}.parquet"), &mapping).into_iter().zip(expected.as_array().unwrap()).enumerate()
        {
            // Numbers without a fraction are integers, as on the server.
            let limits = PayloadLimits { max_bytes: 1 << 20, max_depth: 32 };
            let found = document.map_err(|rejection| rejection.field).and_then(|document| {
                parse_payload(None, &document.payload_json, limits).map_err(|fault| fault.field.replace("payload.", ""))
            });
            match found {
                Ok(payload) => assert_eq!(payload[&column], *expected, "{column}, row {row}"),
                Err(field) => {
                    assert_eq!(*expected, json!("refused"), "{column}, row {row}: {field}");
                    assert!(field.starts_with(&column), "{field}");
                }
            }
        }
    }
}

#[test]
fn numbers_are_exact_or_rejected() {
    check_columns_of("numbers");
}

#[test]
fn warehouse_types_are_exact_or_rejected() {
    check_columns_of("warehouse");
}

#[test]
fn binary_values_are_rejected_with_remedies_and_kept() {
    let mapping = FieldMapping { payload_fields: Some(vec!["bytes".to_owned()]), ..mapping() };
    let mut reader = ParquetRows::open(&fixture("warehouse.parquet"), mapping, 0).unwrap();
    let NextRecord::Record(record) = reader.next_record().unwrap() else { panic!("it has rows") };
    let message = record.document.unwrap_err().message;
    assert!(
        ["--payload-fields", "--encoding", "string column"].iter().all(|remedy| message.contains(remedy)),
        "{message}"
    );
    let row: Value = serde_json::from_slice(&record.content).unwrap();
    assert_eq!(row, json!({"text": "a text", "bytes": "ff00"}), "the bytes are in the row that is rejected");
}

#[test]
fn a_decimal_with_more_digits_than_a_double_is_reported_once() {
    let mapping = FieldMapping { payload_fields: Some(vec!["d76".to_owned(), "d38_9".to_owned()]), ..mapping() };
    let mut reader = ParquetRows::open(&fixture("warehouse.parquet"), mapping, 0).unwrap();
    while let NextRecord::Record(_) = reader.next_record().unwrap() {}
    let notices = reader.take_notices();
    assert!(
        matches!(&notices[..], [only] if only.contains("column d76: 0.33333333333333333333 has more digits")),
        "{notices:?}"
    );
    assert!(reader.take_notices().is_empty());
}

#[test]
fn timestamps_of_96_bits_keep_their_nanoseconds() {
    let moments: Vec<_> =
        rows(&fixture("int96-nanos.parquet"), mapping()).unwrap().into_iter().map(|row| row["at"].clone()).collect();
    let expected = ["2024-02-29T12:30:00.123456789Z", "1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z"];
    assert_eq!(moments, expected);
}

#[test]
fn an_index_of_pandas_without_a_name_is_left_out_unless_it_is_named() {
    let read = |name: &str, mapping: FieldMapping| {
        let mut reader = ParquetRows::open(&fixture(name), mapping.clone(), 0).unwrap();
        (rows(&fixture(name), mapping).unwrap(), reader.take_notices())
    };
    let index = "__index_level_0__";
    let (found, notices) = read("pandas-unnamed.parquet", mapping());
    assert_eq!(found, [json!({"text": "a fox", "n": 1}), json!({"text": "a wing", "n": 2})]);
    assert!(matches!(&notices[..], [only] if only.contains(index) && only.contains("--payload-fields")), "{notices:?}");
    let named = [
        FieldMapping { id_field: index.to_owned(), ..mapping() },
        FieldMapping { payload_fields: Some(vec![index.to_owned(), "n".to_owned()]), ..mapping() },
    ];
    for mapping in named {
        let (found, notices) = read("pandas-unnamed.parquet", mapping);
        assert_eq!(found[1], json!({"text": "a wing", "n": 2, index: 9}));
        assert!(notices.is_empty());
    }
    let (found, notices) = read("pandas-named.parquet", mapping());
    assert_eq!(found[1], json!({"text": "a wing", "n": 2, "sku": 9}));
    assert!(notices.is_empty());
}

#[test]
fn nested_fields_make_the_text_the_id_and_the_payload() {
    let people = FieldMapping { text_fields: vec!["people.name".to_owned(), "text".to_owned()], ..mapping() };
    let named =
        FieldMapping { payload_fields: Some(vec!["by.name".to_owned(), "counts.a".to_owned()]), ..people.clone() };
    let document = documents("types.parquet", &named).remove(0).unwrap();
    assert_eq!(document.text, "Ann\n\na fox");
    assert_eq!(document.payload_json, r#"{"by":{"name":"Ann"},"counts":{"a":1}}"#);
    let all = documents("types.parquet", &people).remove(0).unwrap();
    let payload: Value = serde_json::from_str(&all.payload_json).unwrap();
    assert_eq!(payload["people"], json!([{"tags": ["x"]}, {"tags": null}]));
    let id = FieldMapping { id_field: "by.name".to_owned(), ..mapping() };
    let id = documents("types.parquet", &id).remove(0).unwrap().id;
    assert_eq!(id.and_then(|id| id.kind), Some(Kind::Key("Ann".to_owned())));
}

#[test]
fn missing_nested_columns_are_reported_before_reading() {
    let problem = |mapping| match ParquetRows::open(&fixture("types.parquet"), mapping, 0) {
        Err(error) => format!("{error:#}"),
        Ok(_) => String::new(),
    };
    let text = |name: &str| problem(FieldMapping { text_fields: vec![name.to_owned()], ..mapping() });
    assert!(text("by.Name").contains("no column `by.Name`") && text("by.Name").contains("did you mean `by.name`?"));
    assert!(text("tags").contains("did you mean `people.tags`?"), "{}", text("tags"));
    assert!(text("lists.x").contains("no column `lists.x`"));
    assert_eq!((text("people.tags"), text("counts.any"), text("lists")), Default::default());
    let mapping = FieldMapping { payload_fields: Some(vec!["by.at".to_owned(), "by.when".to_owned()]), ..mapping() };
    let mut reader = ParquetRows::open(&fixture("types.parquet"), mapping.clone(), 0).unwrap();
    assert!(mapping.missing_fields().is_empty(), "there was no row yet");
    while let NextRecord::Record(_) = reader.next_record().unwrap() {}
    assert!(matches!(&mapping.missing_fields()[..], [only] if only.field == "by.when"));
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
        // INT96 timestamps have no time zone; they are read as UTC.
        ("int96", expected(lists, "2024-02-29T12:30:00Z")),
        // fastparquet writes lists as one JSON string.
        ("fastparquet", expected([json!(r#"["x","y"]"#), json!("[]")], local)),
    ] {
        assert_eq!(rows(&fixture(&format!("{writer}.parquet")), mapping()).unwrap(), expected, "{writer}");
    }
}

#[test]
fn reading_starts_at_the_row_group_and_reads_only_mapped_columns() {
    let groups = fixture("groups.parquet");
    for (done, begins) in [(0, 0), (29, 0), (30, 30), (59, 30), (95, 90), (100, 90), (1000, 90)] {
        assert_eq!(ParquetRows::open(&groups, mapping(), done).unwrap().position().rows, begins, "{done}");
    }
    let found = rows(&groups, FieldMapping { payload_fields: Some(Vec::new()), ..mapping() }).unwrap();
    assert_eq!((found.len(), &found[99]), (100, &json!({"id": 100, "text": "document 100"})));
}

#[test]
fn unsupported_types_are_reported_with_a_remedy() {
    let problem = |mapping| format!("{:#}", rows(&fixture("interval.parquet"), mapping).unwrap_err());
    let interval = problem(mapping());
    assert!(
        interval.contains("column span has the unsupported type INTERVAL") && interval.contains("--payload-fields"),
        "{interval}"
    );
    let none = FieldMapping { payload_fields: Some(Vec::new()), ..mapping() };
    assert_eq!(rows(&fixture("interval.parquet"), none).unwrap(), [json!({"id": 1, "text": "a fox"})]);
    let body = FieldMapping { text_fields: vec!["body".to_owned()], ..mapping() };
    assert!(problem(body).contains("no column `body`; the columns are id, text, span"));
}

/// Schemas that no available writer produces.
mod forms;

fn damaged(content: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.parquet");
    std::fs::write(&path, content).unwrap();
    if let Err(error) = rows(&path, mapping()) {
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Property: a corrupt file gives an error or other rows, never a panic.
    #[test]
    fn corrupt_files_never_panic(
        name in prop::sample::select(vec!["types", "groups", "codec-zstd-2", "codec-gzip-1", "codec-snappy-1", "duckdb", "polars", "warehouse"]),
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
