//! Messages of the contract as JSON Schema.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::bounds::Bounds;
use super::method::{Item, Kind as MethodKind, Method};
use super::relations;
use crate::contract::{Contract, PACKAGE, STATUS};

/// The message whose short forms are numbers and strings.
const ID: &str = "splade_sidecar.v1.DocumentId";

/// Comment of fields that every value is refused of. The document doesn't have them.
const NOT_IMPLEMENTED: &str = "Not implemented yet: refused with UNIMPLEMENTED";

/// Messages of the details of an error.
const DETAILS: [&str; 3] = ["google.rpc.BadRequest", "google.rpc.ErrorInfo", "google.rpc.RetryInfo"];

/// Schemas of all messages of requests and responses.
pub struct Schemas<'a> {
    pub contract: &'a Contract,
    /// Messages of requests by their full names. Unknown fields are refused.
    sent: BTreeMap<String, MessageDescriptor>,
    /// Messages of responses only. Fields that have a default are always present.
    given: BTreeMap<String, MessageDescriptor>,
}

impl<'a> Schemas<'a> {
    pub fn new(contract: &'a Contract, methods: &[Method]) -> Self {
        let mut schemas = Self { contract, sent: BTreeMap::new(), given: BTreeMap::new() };
        let (mut sent, mut given) = (BTreeMap::new(), BTreeMap::new());
        for method in methods {
            match &method.kind {
                MethodKind::Unary => schemas.reach(method.descriptor.input(), &mut sent),
                MethodKind::Stream { options, item } => {
                    let options = schemas.fields(options).filter_map(|field| message_of(&field));
                    options.for_each(|below| schemas.reach(below, &mut sent));
                    if let Item::Operation { operation, .. } = item {
                        schemas.reach(operation.clone(), &mut sent);
                    }
                }
            }
            schemas.reach(method.descriptor.output(), &mut given);
        }
        let of_errors = DETAILS.into_iter().chain([STATUS]).filter_map(|name| contract.pool.get_message_by_name(name));
        of_errors.for_each(|message| schemas.reach(message, &mut given));
        given.retain(|name, _| !sent.contains_key(name));
        (schemas.sent, schemas.given) = (sent, given);
        schemas
    }

    /// Returns the fields that a message has in the document.
    pub fn fields(&self, message: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> {
        message.fields().filter(|field| {
            let comment = self.contract.comment(&field.parent_message().parent_file(), field.path());
            !is_hidden(field) && !comment.contains(NOT_IMPLEMENTED)
        })
    }

    /// Adds a message and the messages of its fields.
    fn reach(&self, message: MessageDescriptor, found: &mut BTreeMap<String, MessageDescriptor>) {
        if well_known(message.full_name()).is_some() || found.contains_key(message.full_name()) {
            return;
        }
        // Entries of a map have no schema of their own.
        if !message.is_map_entry() {
            found.insert(message.full_name().to_owned(), message.clone());
        }
        self.fields(&message).filter_map(|field| message_of(&field)).for_each(|below| self.reach(below, found));
    }

    /// Returns the schemas by the names of [`reference`].
    pub fn components(&self) -> Value {
        let messages = || self.sent.values().chain(self.given.values());
        let enums: BTreeSet<String> = messages()
            .flat_map(|message| self.fields(message).collect::<Vec<_>>())
            .filter_map(|field| enum_of(&field))
            .collect();
        let enums = enums.into_iter().filter_map(|name| self.contract.pool.get_enum_by_name(&name));
        let enums = enums.map(|it| (component(it.full_name()), self.enumeration(&it)));
        let messages = messages().map(|it| (component(it.full_name()), self.message(it)));
        Value::Object(messages.chain(enums).collect())
    }

    fn message(&self, message: &MessageDescriptor) -> Value {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        self.describe(message, &mut schema);
        let mut properties: Map<_, _> =
            self.fields(message).map(|field| (field.name().to_owned(), self.property(&field))).collect();
        let mut required: Vec<_> =
            self.fields(message).filter(|field| self.requires(field)).map(|field| field.name().to_owned()).collect();
        if DETAILS.contains(&message.full_name()) {
            properties
                .insert("@type".to_owned(), json!({ "const": format!("type.googleapis.com/{}", message.full_name()) }));
            required.push("@type".to_owned());
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if self.sent.contains_key(message.full_name()) {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        if let Some(oneof) = message.oneofs().find(|oneof| !oneof.is_synthetic()) {
            let choices = self.fields(message).filter(|field| field.containing_oneof().as_ref() == Some(&oneof));
            let choices: Vec<_> = choices.map(|field| json!({ "required": [field.name()] })).collect();
            schema.insert("oneOf".to_owned(), json!(choices));
        }
        relations::add(&rule(message.full_name()), &mut schema);
        if message.full_name() == ID { self.with_short_form(message, schema) } else { Value::Object(schema) }
    }

    /// The schema of ids, given that of the message.
    fn with_short_form(&self, id: &MessageDescriptor, mut schema: Map<String, Value>) -> Value {
        let description = schema.remove("description");
        let number = self.kind(&Kind::Uint64).into_iter().filter(|(name, _)| name != "pattern");
        let mut number: Map<_, _> = number.collect();
        number.insert("type".to_owned(), json!("integer"));
        let mut string = self.kind(&Kind::String);
        if let Some(bounds) = id.get_field_by_name("key").and_then(|key| Bounds::of(&key)) {
            bounds.add(&mut string);
        }
        json!({ "description": description, "anyOf": [number, string, schema] })
    }

    fn describe(&self, message: &MessageDescriptor, schema: &mut Map<String, Value>) {
        let comment = self.contract.comment(&message.parent_file(), message.path());
        if !comment.is_empty() {
            schema.insert("description".to_owned(), json!(comment));
        }
    }

    /// Returns the schema of a field, with its comment.
    pub fn property(&self, field: &FieldDescriptor) -> Value {
        let mut schema = self.field(field);
        let comment = self.contract.comment(&field.parent_message().parent_file(), field.path());
        if !comment.is_empty() {
            schema.insert("description".to_owned(), json!(comment));
        }
        Value::Object(schema)
    }

    /// Returns whether a field must be present.
    pub fn requires(&self, field: &FieldDescriptor) -> bool {
        if self.given.contains_key(field.parent_message().full_name()) {
            return !field.supports_presence();
        }
        let comment = self.contract.comment(&field.parent_message().parent_file(), field.path());
        let is_choice = field.containing_oneof().is_some();
        let is_required = comment.starts_with("Required.") || comment.ends_with("Required.");
        !is_choice && (is_required || Bounds::of(field).is_some_and(|bounds| bounds.refuse_default()))
    }

    fn field(&self, field: &FieldDescriptor) -> Map<String, Value> {
        let bounds = Bounds::of(field);
        let mut schema = Map::new();
        if let Some(entry) = message_of(field).filter(|_| field.is_map()) {
            schema.insert("type".to_owned(), json!("object"));
            let value = self.kind(&entry.map_entry_value_field().kind());
            schema.insert("additionalProperties".to_owned(), Value::Object(value));
        } else if field.is_list() {
            let mut items = self.kind(&field.kind());
            if let Some(bounds) = bounds.as_ref().and_then(Bounds::items) {
                bounds.add(&mut items);
            }
            schema.insert("type".to_owned(), json!("array"));
            schema.insert("items".to_owned(), Value::Object(items));
        } else {
            schema = self.kind(&field.kind());
        }
        if let Some(bounds) = bounds {
            bounds.add(&mut schema);
        }
        relations::add(&rule(field.full_name()), &mut schema);
        schema
    }

    fn kind(&self, kind: &Kind) -> Map<String, Value> {
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
            Kind::Enum(it) => reference(it.full_name()),
            Kind::Message(it) => well_known(it.full_name()).unwrap_or_else(|| reference(it.full_name())),
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }

    fn enumeration(&self, it: &EnumDescriptor) -> Value {
        let file = it.parent_file();
        let values: Vec<_> = it.values().map(|value| value.name().to_owned()).collect();
        let each =
            it.values().map(|value| format!("- `{}`: {}", value.name(), self.contract.comment(&file, value.path())));
        let about = format!("{}\n\n{}", self.contract.comment(&file, it.path()), each.collect::<Vec<_>>().join("\n"));
        json!({ "type": "string", "enum": values, "description": about })
    }
}

/// Returns whether a field doesn't exist over HTTP, where payloads are plain JSON. A test of the gateway holds that it has
/// the fields of the document.
fn is_hidden(field: &FieldDescriptor) -> bool {
    matches!(field.name(), "payload_format" | "payload_json")
}

/// Returns the reference to the schema of a message or an enum.
pub fn reference(full_name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", component(full_name)) })
}

fn component(full_name: &str) -> String {
    rule(full_name)
}

/// Returns a name without the package of the contract.
fn rule(full_name: &str) -> String {
    full_name.strip_prefix(PACKAGE).and_then(|name| name.strip_prefix('.')).unwrap_or(full_name).to_owned()
}

/// Schemas of messages that JSON has another form for.
fn well_known(full_name: &str) -> Option<Value> {
    Some(match full_name {
        "google.protobuf.Struct" => json!({ "type": "object", "additionalProperties": true }),
        "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "google.protobuf.Duration" => json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$" }),
        "google.protobuf.Value" => json!({}),
        "google.protobuf.Any" => json!({ "anyOf": DETAILS.map(reference) }),
        _ => return None,
    })
}

fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}

fn enum_of(field: &FieldDescriptor) -> Option<String> {
    field.kind().as_enum().map(|it| it.full_name().to_owned())
}
