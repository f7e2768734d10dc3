use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::proto::DocumentId;
use crate::proto::document_id::Kind as IdKind;

fn mapping() -> Mapping {
    Mapping { id_field: "id".to_owned(), text_fields: vec!["text".to_owned()], payload_fields: None }
}

fn rejection(line: &str) -> (String, String) {
    let rejection = mapping().document_of_json(line.as_bytes()).unwrap_err();
    assert_eq!(rejection.code, 3);
    (rejection.field, rejection.message)
}

#[test]
fn a_line_becomes_a_document() {
    let line = r#"{"id": 7, "text": "a fox", "year": 2024, "tags": ["x", null], "by": {"name": "Ann", "ok": true}}"#;
    let document = mapping().document_of_json(line.as_bytes()).unwrap();
    assert_eq!(document.id, Some(DocumentId { kind: Some(IdKind::Num(7)) }));
    assert_eq!(document.text, "a fox");
    assert_eq!(document.payload_json, r#"{"year":2024,"tags":["x",null],"by":{"name":"Ann","ok":true}}"#);
}

#[test]
fn fields_can_be_chosen() {
    let mapping = Mapping {
        id_field: "sku".to_owned(),
        text_fields: vec!["body".to_owned()],
        payload_fields: Some(vec!["sku".to_owned(), "absent".to_owned()]),
    };
    let document = mapping.document_of_json(br#"{"sku": "a-1", "body": "b", "text": "c", "id": 1}"#).unwrap();
    assert_eq!(document.id.and_then(|id| id.kind), Some(IdKind::Key("a-1".to_owned())));
    assert_eq!(document.payload_json, r#"{"sku":"a-1"}"#);
}

#[test]
fn several_fields_make_one_text() {
    let text_fields = ["title", "lead", "body"].map(str::to_owned).to_vec();
    let mapping = Mapping { text_fields, ..mapping() };
    let text = |line: &str| mapping.document_of_json(line.as_bytes()).map(|document| document.text);
    assert_eq!(text(r#"{"title": "A", "lead": "", "body": "b", "n": 1}"#).unwrap(), "A\n\nb");
    assert_eq!(text(r#"{"title": null, "body": "b"}"#).unwrap(), "b");
    assert!(text(r#"{"id": 1, "lead": null}"#).unwrap_err().message.contains("in `title` or `lead` or `body`"));
    assert_eq!(text(r#"{"title": "A", "body": 1}"#).unwrap_err().field, "body");
    let document = mapping.document_of_json(br#"{"title": "A", "body": "b", "n": 1}"#).unwrap();
    assert_eq!(document.payload_json, r#"{"n":1}"#);
}

#[test]
fn a_column_that_is_not_there_is_told_with_those_that_are() {
    let problem = |mapping: Mapping| mapping.check_columns(["id", "text", "year"].into_iter()).unwrap_err().to_string();
    assert!(mapping().check_columns(["text"].into_iter()).is_ok(), "ids are made of texts");
    let sku = problem(Mapping { id_field: "sku".to_owned(), ..mapping() });
    assert!(sku.contains("no column `sku`, but id, text, year") && sku.contains("--id-field"), "{sku}");
    let body = problem(Mapping { text_fields: vec!["text".to_owned(), "body".to_owned()], ..mapping() });
    assert!(body.contains("no column `body`") && body.contains("--text-field"), "{body}");
}

#[test]
fn what_is_no_document_is_rejected_with_the_field_and_the_remedy() {
    assert!(rejection("{").1.contains("can't be read: EOF"));
    assert!(rejection("[1]").1.contains("write one object a line"));
    assert!(rejection(r#"{"id": 1}"#).1.contains("--text-field"));
    assert_eq!(rejection(r#"{"text": 1}"#).0, "text");
    assert_eq!(rejection(r#"{"text": "a", "id": -1}"#).0, "id");
    assert_eq!(rejection(r#"{"text": "a", "n": [{"m": 18446744073709551616}]}"#).0, "n[0].m");
    assert_eq!(rejection(r#"{"text": "a", "n": {"m": 1, "m": 2}}"#).0, "n.m");
    assert_eq!(rejection(r#"{"text": "a", "text": "b"}"#).0, "text");
    assert_eq!(rejection(r#"{"text": "a", "id": 9007199254740992.0}"#).0, "id");
    let deep = format!(r#"{{"text": "a", "n": {}{}}}"#, "[".repeat(200), "]".repeat(200));
    assert!(rejection(&deep).1.contains("recursion limit"));
    assert!(mapping().document_of_json(b"{\"text\": \"\xff\"}").is_err());
}

#[test]
fn a_document_that_no_message_holds_is_rejected() {
    let line = json!({"text": "a".repeat(MAX_DOCUMENT_BYTES)}).to_string();
    let document = mapping().document_of_json(line.as_bytes()).unwrap();
    assert_eq!(encode(&document).unwrap_err().reason, "TEXT_TOO_LONG");
}

fn any_json() -> impl Strategy<Value = Value> {
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

proptest! {
    /// Law: a line is a document exactly if it has a text and a possible id; a document has all that the line has, digit by
    /// digit, and a rejection says why.
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
        let is_document = possible_id && text.as_ref().is_some_and(Value::is_string);
        match mapping().document_of_json(Value::Object(line).to_string().as_bytes()) {
            Ok(document) => {
                prop_assert!(is_document);
                prop_assert_eq!(Some(document.text.as_str()), text.as_ref().and_then(Value::as_str));
                let payload = if rest.is_empty() { String::new() } else { Value::Object(rest.into_iter().collect()).to_string() };
                prop_assert_eq!(document.payload_json, payload);
            }
            Err(rejection) => {
                prop_assert!(!is_document);
                prop_assert!(!rejection.message.is_empty() && !rejection.reason.is_empty());
            }
        }
    }

    /// Law: any bytes at all give a document or a rejection, and do no harm.
    #[test]
    fn any_bytes_are_survived(line in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = mapping().document_of_json(&line).and_then(|document| encode(&document));
    }
}
