//! Converts messages of the contract to JSON Schema.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::bounds::Bounds;
use super::method::{Method, MethodKind, StreamItem};
use super::relations;
use crate::contract::{Contract, PACKAGE, STATUS_MESSAGE};

/// Full name of the message that also has the short forms number and string.
const DOCUMENT_ID: &str = "splade_sidecar.v1.DocumentId";

/// Comment that marks fields whose every value is rejected. The document omits these fields.
const NOT_IMPLEMENTED: &str = "Not implemented yet: refused with UNIMPLEMENTED";

/// Full names of the messages in `google.rpc.Status.details`.
const ERROR_DETAILS: [&str; 3] = ["google.rpc.BadRequest", "google.rpc.ErrorInfo", "google.rpc.RetryInfo"];

/// Schemas of all messages that requests and responses contain.
pub struct Schemas<'a> {
    pub contract: &'a Contract,
    /// Messages of requests, by full name. Unknown fields are rejected.
    request_messages: BTreeMap<String, MessageDescriptor>,
    /// Messages that only responses contain, by full name. Fields without explicit presence are always present.
    response_messages: BTreeMap<String, MessageDescriptor>,
}

impl<'a> Schemas<'a> {
    pub fn new(contract: &'a Contract, methods: &[Method]) -> Self {
        let mut schemas = Self { contract, request_messages: BTreeMap::new(), response_messages: BTreeMap::new() };
        let (mut request_messages, mut response_messages) = (BTreeMap::new(), BTreeMap::new());
        for method in methods {
            match &method.kind {
                MethodKind::Unary => schemas.collect_messages(method.descriptor.input(), &mut request_messages),
                MethodKind::Stream { options, item } => {
                    let options = schemas.fields(options).filter_map(|field| message_type(&field));
                    options.for_each(|nested| schemas.collect_messages(nested, &mut request_messages));
                    if let StreamItem::Operation { operation, .. } = item {
                        schemas.collect_messages(operation.clone(), &mut request_messages);
                    }
                }
            }
            schemas.collect_messages(method.descriptor.output(), &mut response_messages);
        }
        let error_messages = ERROR_DETAILS
            .into_iter()
            .chain([STATUS_MESSAGE])
            .filter_map(|name| contract.pool.get_message_by_name(name));
        error_messages.for_each(|message| schemas.collect_messages(message, &mut response_messages));
        response_messages.retain(|name, _| !request_messages.contains_key(name));
        (schemas.request_messages, schemas.response_messages) = (request_messages, response_messages);
        schemas
    }

    /// Returns the fields of a message that the document includes.
    pub fn fields(&self, message: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> {
        message.fields().filter(|field| {
            let comment = self.contract.comment(&field.parent_message().parent_file(), field.path());
            !is_hidden(field) && !comment.contains(NOT_IMPLEMENTED)
        })
    }

    /// Collects a message and, recursively, the messages of its fields.
    fn collect_messages(&self, message: MessageDescriptor, found: &mut BTreeMap<String, MessageDescriptor>) {
        if well_known_schema(message.full_name()).is_some() || found.contains_key(message.full_name()) {
            return;
        }
        // Map entries are described by the schema of the map.
        if !message.is_map_entry() {
            found.insert(message.full_name().to_owned(), message.clone());
        }
        self.fields(&message)
            .filter_map(|field| message_type(&field))
            .for_each(|nested| self.collect_messages(nested, found));
    }

    /// Builds the schemas of all messages and enums, by component name.
    pub fn build_components(&self) -> Value {
        let messages = || self.request_messages.values().chain(self.response_messages.values());
        let enums: BTreeSet<String> = messages()
            .flat_map(|message| self.fields(message).collect::<Vec<_>>())
            .filter_map(|field| enum_name(&field))
            .collect();
        let enums = enums.into_iter().filter_map(|name| self.contract.pool.get_enum_by_name(&name));
        let enums = enums.map(|it| (component_name(it.full_name()), self.build_enum(&it)));
        let messages = messages().map(|it| (component_name(it.full_name()), self.build_message(it)));
        Value::Object(messages.chain(enums).collect())
    }

    /// Builds the schema of a message.
    fn build_message(&self, message: &MessageDescriptor) -> Value {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        self.add_comment(message, &mut schema);
        let mut properties: Map<_, _> =
            self.fields(message).map(|field| (field.name().to_owned(), self.build_property(&field))).collect();
        let mut required: Vec<_> =
            self.fields(message).filter(|field| self.is_required(field)).map(|field| field.name().to_owned()).collect();
        if ERROR_DETAILS.contains(&message.full_name()) {
            properties
                .insert("@type".to_owned(), json!({ "const": format!("type.googleapis.com/{}", message.full_name()) }));
            required.push("@type".to_owned());
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if self.request_messages.contains_key(message.full_name()) {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        if let Some(oneof) = message.oneofs().find(|oneof| !oneof.is_synthetic()) {
            let choices = self.fields(message).filter(|field| field.containing_oneof().as_ref() == Some(&oneof));
            let choices: Vec<_> = choices.map(|field| json!({ "required": [field.name()] })).collect();
            schema.insert("oneOf".to_owned(), json!(choices));
        }
        relations::add(&short_name(message.full_name()), &mut schema);
        if message.full_name() == DOCUMENT_ID { self.add_short_forms(message, schema) } else { Value::Object(schema) }
    }

    /// Returns the schema of ids: the schema of the message, a number or a string.
    fn add_short_forms(&self, id: &MessageDescriptor, mut schema: Map<String, Value>) -> Value {
        let description = schema.remove("description");
        let number = self.build_kind(&Kind::Uint64).into_iter().filter(|(name, _)| name != "pattern");
        let mut number: Map<_, _> = number.collect();
        number.insert("type".to_owned(), json!("integer"));
        let mut string = self.build_kind(&Kind::String);
        if let Some(bounds) = id.get_field_by_name("key").and_then(|key| Bounds::from_field(&key)) {
            bounds.add(&mut string);
        }
        json!({ "description": description, "anyOf": [number, string, schema] })
    }

    /// Adds the comment of a message as description.
    fn add_comment(&self, message: &MessageDescriptor, schema: &mut Map<String, Value>) {
        let comment = self.contract.comment(&message.parent_file(), message.path());
        if !comment.is_empty() {
            schema.insert("description".to_owned(), json!(comment));
        }
    }

    /// Returns the schema of a field, with its comment as description.
    pub fn build_property(&self, field: &FieldDescriptor) -> Value {
        let mut schema = self.build_field(field);
        let comment = self.contract.comment(&field.parent_message().parent_file(), field.path());
        if !comment.is_empty() {
            schema.insert("description".to_owned(), json!(comment));
        }
        Value::Object(schema)
    }

    /// Returns whether a field is required: its comment begins or ends with "Required.", or its bounds exclude the default. In
    /// responses, fields without explicit presence are required.
    pub fn is_required(&self, field: &FieldDescriptor) -> bool {
        if self.response_messages.contains_key(field.parent_message().full_name()) {
            return !field.supports_presence();
        }
        let comment = self.contract.comment(&field.parent_message().parent_file(), field.path());
        let is_choice = field.containing_oneof().is_some();
        let is_required = comment.starts_with("Required.") || comment.ends_with("Required.");
        !is_choice && (is_required || Bounds::from_field(field).is_some_and(|bounds| bounds.refuses_default()))
    }

    /// Builds the schema of a field with its bounds, without its comment.
    fn build_field(&self, field: &FieldDescriptor) -> Map<String, Value> {
        let bounds = Bounds::from_field(field);
        let mut schema = Map::new();
        if let Some(entry) = message_type(field).filter(|_| field.is_map()) {
            schema.insert("type".to_owned(), json!("object"));
            let value = self.build_kind(&entry.map_entry_value_field().kind());
            schema.insert("additionalProperties".to_owned(), Value::Object(value));
        } else if field.is_list() {
            let mut items = self.build_kind(&field.kind());
            if let Some(bounds) = bounds.as_ref().and_then(Bounds::items) {
                bounds.add(&mut items);
            }
            schema.insert("type".to_owned(), json!("array"));
            schema.insert("items".to_owned(), Value::Object(items));
        } else {
            schema = self.build_kind(&field.kind());
        }
        if let Some(bounds) = bounds {
            bounds.add(&mut schema);
        }
        relations::add(&short_name(field.full_name()), &mut schema);
        schema
    }

    /// Builds the schema of a single value of a type, without the bounds and comment of a field.
    fn build_kind(&self, kind: &Kind) -> Map<String, Value> {
        let schema = match kind {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Float => json!({ "type": "number", "format": "float" }),
            Kind::Double => json!({ "type": "number", "format": "double" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            Kind::Uint64 | Kind::Fixed64 => {
                let digits = "^(0|[1-9][0-9]{0,19})$";
                json!({ "type": ["integer", "string"], "minimum": 0, "maximum": u64::MAX, "pattern": digits })
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX })
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                let digits = "^(0|-?[1-9][0-9]{0,18})$";
                json!({ "type": ["integer", "string"], "minimum": i64::MIN, "maximum": i64::MAX, "pattern": digits })
            }
            Kind::Enum(it) => build_reference(it.full_name()),
            Kind::Message(it) => well_known_schema(it.full_name()).unwrap_or_else(|| build_reference(it.full_name())),
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }

    /// Builds the schema of an enum, whose description lists the comments of its values.
    fn build_enum(&self, it: &EnumDescriptor) -> Value {
        let file = it.parent_file();
        let values: Vec<_> = it.values().map(|value| value.name().to_owned()).collect();
        let value_comments =
            it.values().map(|value| format!("- `{}`: {}", value.name(), self.contract.comment(&file, value.path())));
        let description =
            format!("{}\n\n{}", self.contract.comment(&file, it.path()), value_comments.collect::<Vec<_>>().join("\n"));
        json!({ "type": "string", "enum": values, "description": description })
    }
}

/// Returns whether a field doesn't exist over HTTP, where payloads are plain JSON. A test of the gateway compares the
/// fields of the document with those of the gateway.
fn is_hidden(field: &FieldDescriptor) -> bool {
    matches!(field.name(), "payload_format" | "payload_json")
}

/// Builds a reference to the schema of a message or an enum, by its full name.
pub fn build_reference(full_name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", component_name(full_name)) })
}

/// Returns the name of a component below `#/components/schemas`.
fn component_name(full_name: &str) -> String {
    short_name(full_name)
}

/// Returns the name without the package of the contract.
fn short_name(full_name: &str) -> String {
    full_name.strip_prefix(PACKAGE).and_then(|name| name.strip_prefix('.')).unwrap_or(full_name).to_owned()
}

/// Returns the schemas of well-known types, which have a special JSON mapping.
fn well_known_schema(full_name: &str) -> Option<Value> {
    Some(match full_name {
        "google.protobuf.Struct" => json!({ "type": "object", "additionalProperties": true }),
        "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "google.protobuf.Duration" => json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$" }),
        "google.protobuf.Value" => json!({}),
        "google.protobuf.Any" => json!({ "anyOf": ERROR_DETAILS.map(build_reference) }),
        _ => return None,
    })
}

/// Returns the message type of a field; `None` for other types.
fn message_type(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}

/// Returns the full name of the enum type of a field; `None` for other types.
fn enum_name(field: &FieldDescriptor) -> Option<String> {
    field.kind().as_enum().map(|it| it.full_name().to_owned())
}
