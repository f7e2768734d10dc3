//! Decoding of the lines of `ingest`: a line is an operation, or a document to upsert.

use std::fmt;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::message::{DecodedFields, find_field};
use crate::http::wire::put_length_delimited;

/// Descriptors of the message types of a line.
#[derive(Debug, Clone)]
pub struct OperationDescriptors {
    pub operation: MessageDescriptor,
    pub document: MessageDescriptor,
    /// Field of the operation that contains the document.
    upsert: FieldDescriptor,
}

impl OperationDescriptors {
    /// Returns the descriptors for an operation; `None` if the message is not an operation.
    pub fn new(operation: MessageDescriptor) -> Option<Self> {
        let upsert = operation.get_field_by_name("upsert")?;
        let Kind::Message(document) = upsert.kind() else { return None };
        Some(Self { operation, document, upsert })
    }

    /// Returns the name of the field that contains the document.
    pub fn upsert_field_name(&self) -> &str {
        self.upsert.name()
    }
}

/// Decodes a line of either form. The first non-null field decides the form, so fields of both messages are accepted until then.
pub struct OperationSeed<'a> {
    pub operation: &'a OperationDescriptors,
    pub wire: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for OperationSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OperationSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let OperationDescriptors { operation, document, upsert } = self.operation;
        let (mut operation_fields, mut document_fields) = (DecodedFields::default(), DecodedFields::default());
        let mut document_wire = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if find_field(operation, &name).is_some() {
                operation_fields.read_field(operation, &name, &mut map, self.wire)?;
            } else {
                document_fields.read_field(document, &name, &mut map, &mut document_wire)?;
            }
            if let (Some(operation_field), Some(document_field)) = (operation_fields.first(), document_fields.first()) {
                return Err(A::Error::custom(format!(
                    "the line has both the operation field '{}' and the document field '{}'; put the document into 'upsert', \
                     or omit '{}'",
                    operation_field.name(),
                    document_field.name(),
                    operation_field.name()
                )));
            }
        }
        if operation_fields.first().is_some() {
            return Ok(());
        }
        put_length_delimited(upsert.number(), self.wire, |wire| {
            wire.append(&mut document_wire);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use serde_json::json;

    use super::*;
    use crate::http::contract::message;
    use crate::http::json_decode::decode_operation;
    use crate::proto;
    use crate::proto::document_id;
    use crate::proto::operation::Kind as Change;

    fn read(json: &str) -> Result<proto::Operation, String> {
        let (operation, mut wire) = (OperationDescriptors::new(message("Operation")).unwrap(), Vec::new());
        decode_operation(&operation, json.as_bytes(), &mut wire).map_err(|error| error.message)?;
        Ok(proto::Operation::decode(&*wire).unwrap())
    }

    fn document(operation: proto::Operation) -> proto::Document {
        match operation.kind {
            Some(Change::Upsert(document)) => proto::Document::decode(document).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_document_is_an_upsert() {
        let fields = json!({ "id": 7, "text": "a cat", "payload": { "upsert": 1 } });
        let alone = read(&fields.to_string()).unwrap();
        assert_eq!(alone, read(&json!({ "upsert": fields, "delete_document": null }).to_string()).unwrap());
        assert_eq!(alone.position, "");
        let found = document(alone);
        assert_eq!((&*found.text, &*found.payload_json), ("a cat", r#"{"upsert":1}"#));
        assert_eq!(found.id.unwrap().kind, Some(document_id::Kind::Num(7)));
        for empty in ["{}", r#"{"text": null, "upsert": null, "position": null}"#] {
            assert_eq!(document(read(empty).unwrap()), proto::Document::default(), "{empty}");
        }
    }

    #[test]
    fn operations_have_positions() {
        for line in [
            r#"{"position": "0/16B3748", "deleteDocument": {"id": "a"}}"#,
            r#"{"delete_document": {"id": "a"}, "position": "0/16B3748"}"#,
        ] {
            let operation = read(line).unwrap();
            assert_eq!(operation.position, "0/16B3748");
            let Some(Change::DeleteDocument(delete)) = operation.kind else { panic!("{operation:?}") };
            assert_eq!(delete.id.unwrap().kind, Some(document_id::Kind::Key("a".to_owned())));
        }
        // The service refuses the empty operation.
        assert_eq!(read(r#"{"position": "7"}"#).unwrap().kind, None);
    }

    #[test]
    fn mixed_forms_are_refused() {
        for (line, field, part) in [
            (r#"{"upsert": {"text": "a"}, "text": "a"}"#, "upsert", "text"),
            (r#"{"id": 7, "delete_document": {"id": 7}}"#, "delete_document", "id"),
            (r#"{"text": "a", "position": "7"}"#, "position", "text"),
        ] {
            let problem = read(line).unwrap_err();
            assert!(
                problem.contains(&format!("both the operation field '{field}' and the document field '{part}'")),
                "{problem}"
            );
        }
        for (line, problem) in [
            (r#"{"upsert": {}, "delete_document": {}}"#, "multiple fields provided for oneof 'kind'"),
            (r#"{"upsert": {"position": "7"}}"#, "unrecognized field name 'position'"),
            (r#"{"txt": "a"}"#, "unrecognized field name 'txt'"),
            (r#"["upsert"]"#, "expected an object"),
        ] {
            let found = read(line).unwrap_err();
            assert!(found.contains(problem), "{line}: {found}");
        }
    }
}
