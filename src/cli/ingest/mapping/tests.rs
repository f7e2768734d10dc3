use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::cli::id;
use crate::proto::DocumentId;
use crate::proto::document_id::Kind as IdKind;

fn mapping() -> FieldMapping {
    FieldMapping::default()
}

fn rejection(line: &str) -> (String, String) {
    let rejection = mapping().map_json_line(line.as_bytes()).unwrap_err();
    assert_eq!(rejection.code, 3);
    (rejection.field, rejection.message)
}

#[test]
fn a_line_becomes_a_document() {
    let line = r#"{"id": 7, "text": "a fox", "year": 2024, "tags": ["x", null], "by": {"name": "Ann", "ok": true}}"#;
    let document = mapping().map_json_line(line.as_bytes()).unwrap();
    assert_eq!(document.id, Some(DocumentId { kind: Some(IdKind::Num(7)) }));
    assert_eq!(document.text, "a fox");
    assert_eq!(document.payload_json, r#"{"year":2024,"tags":["x",null],"by":{"name":"Ann","ok":true}}"#);
}

#[test]
fn fields_can_be_chosen() {
    let mapping = FieldMapping {
        id_field: "sku".to_owned(),
        text_fields: vec!["body".to_owned()],
        payload_fields: Some(vec!["sku".to_owned(), "absent".to_owned()]),
        ..mapping()
    };
    let document = mapping.map_json_line(br#"{"sku": "a-1", "body": "b", "text": "c", "id": 1}"#).unwrap();
    assert_eq!(document.id.and_then(|id| id.kind), Some(IdKind::Key("a-1".to_owned())));
    assert_eq!(document.payload_json, r#"{"sku":"a-1"}"#);
}

#[test]
fn several_fields_make_one_text() {
    let text_fields = ["title", "lead", "body"].map(str::to_owned).to_vec();
    let mapping = FieldMapping { text_fields, ..mapping() };
    let text = |line: &str| mapping.map_json_line(line.as_bytes()).map(|document| document.text);
    assert_eq!(text(r#"{"title": "A", "lead": "", "body": "b", "n": 1}"#).unwrap(), "A\n\nb");
    assert_eq!(text(r#"{"title": null, "body": "b"}"#).unwrap(), "b");
    assert!(text(r#"{"id": 1, "lead": null}"#).unwrap_err().message.contains("in `title` or `lead` or `body`"));
    assert_eq!(text(r#"{"title": "A", "body": 1}"#).unwrap_err().field, "body");
    let document = mapping.map_json_line(br#"{"title": "A", "body": "b", "n": 1}"#).unwrap();
    assert_eq!(document.payload_json, r#"{"n":1}"#);
}

#[test]
fn a_column_that_is_not_there_is_told_with_those_that_are() {
    let problem =
        |mapping: FieldMapping| mapping.check_columns(["id", "text", "year"].into_iter()).unwrap_err().to_string();
    assert!(mapping().check_columns(["text"].into_iter()).is_ok(), "ids are derived from texts");
    let sku = problem(FieldMapping { id_field: "sku".to_owned(), ..mapping() });
    assert!(sku.contains("no column `sku`; the columns are id, text, year") && sku.contains("--id-field"), "{sku}");
    let body = problem(FieldMapping { text_fields: vec!["text".to_owned(), "body".to_owned()], ..mapping() });
    assert!(body.contains("no column `body`") && body.contains("--text-field"), "{body}");
}

#[test]
fn texts_are_found_in_objects_and_lists() {
    let text = |field: &str, line: &str| {
        let mapping = FieldMapping { text_fields: vec![field.to_owned()], ..mapping() };
        mapping.map_json_line(line.as_bytes()).map(|document| document.text).map_err(|rejection| rejection.field)
    };
    let found = |text: &str| Ok(text.to_owned());
    assert_eq!(text("article.body", r#"{"article": {"body": "b"}}"#), found("b"));
    assert_eq!(text("article.body", r#"{"article": {"body": "b"}, "article.body": "exact"}"#), found("exact"));
    assert_eq!(
        text("p.text", r#"{"p": [{"text": "a"}, {"n": 1}, {"text": null}, null, {"text": "b"}]}"#),
        found("a\n\nb")
    );
    assert_eq!(text("text", r#"{"text": ["a", null, ["b", []], ""]}"#), found("a\n\nb"));
    assert_eq!(text("p.text", r#"{"p": [{"text": "a"}, {"text": ["b", 7]}]}"#), Err("p[1].text[1]".to_owned()));
    assert_eq!(text("a.b.c", r#"{"a": {"b": {"c": {}}}}"#), Err("a.b.c".to_owned()));
    for line in [r#"{"text": []}"#, r#"{"text": [null]}"#, r#"{"text": null}"#] {
        assert_eq!(text("text", line), Err("text".to_owned()), "{line}");
    }
    assert_eq!(text("a.text", r#"{"a": "no object"}"#), Err("a.text".to_owned()));
}

#[test]
fn the_payload_keeps_its_nesting() {
    let line = r#"{"meta": {"id": 7, "year": 2023, "by": {}}, "body": [{"text": "a", "page": 1}, {"text": "b"}], "tags": ["x"]}"#;
    let nested =
        FieldMapping { id_field: "meta.id".to_owned(), text_fields: vec!["body.text".to_owned()], ..mapping() };
    let document = nested.map_json_line(line.as_bytes()).unwrap();
    assert_eq!(document.id, Some(DocumentId { kind: Some(IdKind::Num(7)) }));
    assert_eq!(document.text, "a\n\nb");
    assert_eq!(document.payload_json, r#"{"meta":{"year":2023,"by":{}},"body":[{"page":1}],"tags":["x"]}"#);
    let payload_fields = Some(["meta.year", "tags", "body.text"].map(str::to_owned).to_vec());
    let document = FieldMapping { payload_fields, ..nested }.map_json_line(line.as_bytes()).unwrap();
    assert_eq!(document.payload_json, r#"{"meta":{"year":2023},"body":[{"text":"a"},{"text":"b"}],"tags":["x"]}"#);
}

#[test]
fn an_id_is_not_looked_for_in_lists() {
    let nested = FieldMapping { id_field: "meta.id".to_owned(), ..mapping() };
    let rejection = nested.map_json_line(br#"{"text": "a", "meta": [{"id": 1}]}"#).unwrap_err();
    assert!(rejection.field == "meta.id" && rejection.message.contains("--id-field"), "{rejection:?}");
    for line in
        [r#"{"text": "a", "meta": 1}"#, r#"{"text": "a", "meta": {}}"#, r#"{"text": "a", "meta": {"id": null}}"#]
    {
        assert_eq!(nested.map_json_line(line.as_bytes()).unwrap().id, None);
    }
}

#[test]
fn partitions_are_fields_of_each_record() {
    let partitions = json!({"year": 2023, "lang": "en"}).as_object().unwrap().clone();
    let mapping = FieldMapping { partitions, payload_fields: Some(vec!["year".to_owned()]), ..mapping() };
    let document = mapping.map_json_line(br#"{"id": 1, "text": "a", "year": "2023"}"#).unwrap();
    assert_eq!(document.payload_json, r#"{"year":"2023"}"#);
    let text = FieldMapping { text_fields: vec!["lang".to_owned()], id_field: "year".to_owned(), ..mapping.clone() };
    assert!(text.check_columns(["text"].into_iter()).is_ok());
    let document = text.map_json_line(b"{}").unwrap();
    assert_eq!((document.id.and_then(|id| id.kind), document.text.as_str()), (Some(IdKind::Num(2023)), "en"));
    let rejection = mapping.map_json_line(br#"{"text": "a", "year": 2024}"#).unwrap_err();
    assert!(rejection.field == "year" && rejection.message.contains("year=2023"), "{rejection:?}");
}

#[test]
fn named_fields_that_no_record_has_are_missing() {
    let mapping = FieldMapping {
        id_field: "sku".to_owned(),
        text_fields: vec!["title".to_owned(), "p.text".to_owned()],
        payload_fields: Some(vec!["yaer".to_owned(), "meta.year".to_owned()]),
        ..mapping()
    };
    let missing =
        || mapping.missing_fields().into_iter().map(|missing| (missing.field, missing.flag)).collect::<Vec<_>>();
    assert_eq!(missing(), [], "there was no record");
    // Fields of rejected records count, and clones (one per file) share the set.
    assert!(mapping.clone().map_json_line(br#"{"sku": null, "n": 1}"#).is_err());
    let expected = [
        ("title", "--text-field"),
        ("p.text", "--text-field"),
        ("yaer", "--payload-fields"),
        ("meta.year", "--payload-fields"),
    ];
    assert_eq!(missing(), expected.map(|(field, flag)| (field.to_owned(), flag)));
    mapping.map_json_line(br#"{"title": "a", "p": [{}, {"text": "b"}], "meta": {"year": 1}}"#).unwrap();
    assert_eq!(missing(), [("yaer".to_owned(), "--payload-fields")]);
    mapping.check_columns(["sku", "title", "p", "yaer"].into_iter()).unwrap();
    assert_eq!(missing(), []);
    assert!(super::tests::mapping().missing_fields().is_empty());
}

#[test]
fn a_record_without_a_text_says_which_fields_it_has() {
    let (field, message) = rejection(r#"{"id": 1, "Text": "a", "b": 1}"#);
    assert_eq!(field, "text");
    assert!(message.contains("fields are id, Text, b") && message.contains("did you mean `Text`?"), "{message}");
    let many = (0..20).map(|i| (format!("f{i}{}", "é".repeat(100)), json!(1)));
    let (_, message) = rejection(&Value::Object(many.collect()).to_string());
    assert!(message.contains("and 12 more") && message.chars().count() < 600, "{message}");
    assert!(rejection("{}").1.contains("fields are none"));
}

#[test]
fn what_is_no_document_is_rejected_with_the_field_and_the_remedy() {
    assert!(rejection("{").1.contains("can't be parsed: EOF"));
    assert!(rejection("[1]").1.contains("write one object per line"));
    assert!(rejection(r#"{"id": 1}"#).1.contains("--text-field"));
    assert_eq!(rejection(r#"{"text": 1}"#).0, "text");
    assert_eq!(rejection(r#"{"text": "a", "id": -1}"#).0, "id");
    assert_eq!(rejection(r#"{"text": "a", "n": [{"m": 18446744073709551616}]}"#).0, "n[0].m");
    assert_eq!(rejection(r#"{"text": "a", "n": {"m": 1, "m": 2}}"#).0, "n.m");
    assert_eq!(rejection(r#"{"text": "a", "text": "b"}"#).0, "text");
    assert_eq!(rejection(r#"{"text": "a", "id": 9007199254740992.0}"#).0, "id");
    let deep = format!(r#"{{"text": "a", "n": {}{}}}"#, "[".repeat(200), "]".repeat(200));
    assert!(rejection(&deep).1.contains("recursion limit"));
    assert!(mapping().map_json_line(b"{\"text\": \"\xff\"}").is_err());
}

#[test]
fn a_document_that_no_message_holds_is_rejected() {
    let line = json!({"text": "a".repeat(MAX_DOCUMENT_BYTES)}).to_string();
    let document = mapping().map_json_line(line.as_bytes()).unwrap();
    assert_eq!(encode_document(&document).unwrap_err().reason, "TEXT_TOO_LONG");
}

pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]{1,4}", inner), 0..4).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// Returns whether a value contains a text; `None` if it contains a value that can't be one.
fn is_text(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(false),
        Value::String(_) => Some(true),
        Value::Array(elements) => {
            elements.iter().try_fold(false, |has_text, element| Some(has_text | is_text(element)?))
        }
        _ => None,
    }
}

proptest! {
    /// Law: a line is a document if and only if it has a text and no invalid id; the document has all values of the line, digit
    /// by digit, and a rejection has a message and a reason.
    #[test]
    fn a_line_is_a_document_or_a_rejection(
        id in prop::option::of(any_json()),
        text in prop::option::of(any_json()),
        rest in prop::collection::btree_map("[a-z]{3}", any_json(), 0..4),
    ) {
        let mut line = Map::from_iter(rest.clone());
        line.extend(id.clone().map(|id| ("id".to_owned(), id)));
        line.extend(text.clone().map(|text| ("text".to_owned(), text)));

        let possible_id = id.is_none_or(|id| id::from_json(&id).is_ok());
        let is_document = possible_id && text.as_ref().is_some_and(|text| is_text(text) == Some(true));
        match mapping().map_json_line(Value::Object(line).to_string().as_bytes()) {
            Ok(document) => {
                prop_assert!(is_document);
                if let Some(Value::String(text)) = &text {
                    prop_assert_eq!(&document.text, text);
                }
                let payload = if rest.is_empty() { String::new() } else { Value::Object(rest.into_iter().collect()).to_string() };
                prop_assert_eq!(document.payload_json, payload);
            }
            Err(rejection) => {
                prop_assert!(!is_document);
                prop_assert!(!rejection.message.is_empty() && !rejection.reason.is_empty());
            }
        }
    }

    /// Law: any bytes result in a document or a rejection, without a panic.
    #[test]
    fn any_bytes_are_survived(line in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = mapping().map_json_line(&line).and_then(|document| encode_document(&document));
    }
}
