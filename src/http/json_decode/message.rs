//! Decoding of messages, driven by their descriptors.

use std::fmt;

use prost::Message;
use prost::encoding::encode_key;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::{JsonScalar, ScalarSeed, put_scalar};
use super::timestamp::TimestampVisitor;
use crate::http::id::{self, IdVisitor};
use crate::http::payload::{find_json_field, is_hidden};
use crate::http::wire::{is_packed, put_length_delimited, to_wire_type};
use crate::proto::DocumentId;

/// Decodes a message and appends it to `wire`.
pub struct MessageSeed<'a> {
    pub descriptor: &'a MessageDescriptor,
    pub wire: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Self { descriptor, wire } = self;
        match descriptor.full_name() {
            id::MESSAGE_NAME => {
                let object = MessageSeed { descriptor, wire: &mut *wire };
                match json.deserialize_any(IdVisitor { object })? {
                    Some(kind) => DocumentId { kind: Some(kind) }.encode(wire).map_err(D::Error::custom),
                    None => Ok(()),
                }
            }
            "google.protobuf.Timestamp" => json.deserialize_str(TimestampVisitor(wire)),
            _ => json.deserialize_map(MessageSeed { descriptor, wire }),
        }
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut fields = DecodedFields::default();
        while let Some(name) = map.next_key::<String>()? {
            fields.read_field(self.descriptor, &name, &mut map, self.wire)?;
        }
        Ok(())
    }
}

/// Returns the field with a name, in either spelling (`snake_case` or `lowerCamelCase`).
pub fn find_field(descriptor: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let field = descriptor.get_field_by_json_name(name).or_else(|| descriptor.get_field_by_name(name));
    field.filter(|field| !is_hidden(field))
}

/// Non-null fields of a message that have been decoded, to detect duplicates and conflicts.
#[derive(Debug, Default)]
pub struct DecodedFields(Vec<FieldDescriptor>);

impl DecodedFields {
    /// Decodes the value of the field `name`.
    ///
    /// # Errors
    /// If the field doesn't exist, occurs twice, conflicts with another field of its oneof, or has an invalid value.
    pub fn read_field<'de, A: MapAccess<'de>>(
        &mut self,
        descriptor: &MessageDescriptor,
        name: &str,
        map: &mut A,
        wire: &mut Vec<u8>,
    ) -> Result<(), A::Error> {
        let field = find_field(descriptor, name);
        let field = field.ok_or_else(|| A::Error::custom(format!("unrecognized field name '{name}'")))?;
        // A null is ignored before duplicates are checked: it means that the field is absent.
        if !map.next_value_seed(FieldSeed { field: &field, wire })? {
            return Ok(());
        }
        if self.0.contains(&field) {
            return Err(A::Error::custom(format!("duplicate field '{name}'")));
        }
        let oneof = field.containing_oneof();
        if let Some(oneof) =
            oneof.filter(|oneof| self.0.iter().any(|seen| seen.containing_oneof().as_ref() == Some(oneof)))
        {
            return Err(A::Error::custom(format!("multiple fields provided for oneof '{}'", oneof.name())));
        }
        self.0.push(field);
        Ok(())
    }

    pub fn first(&self) -> Option<&FieldDescriptor> {
        self.0.first()
    }
}

/// Decodes a field and appends it with its key. Returns `false` if the value is null, which means that the field is absent.
struct FieldSeed<'a> {
    field: &'a FieldDescriptor,
    wire: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value")
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        let Self { field, wire } = self;
        if let Some(json_text_field) = find_json_field(field) {
            // Passed on unparsed: the service parses the payload, checks its bounds and reports the path of an invalid value.
            let payload = <&RawValue>::deserialize(json)?.get().as_bytes();
            put_length_delimited(json_text_field.number(), wire, |wire| {
                wire.extend_from_slice(payload);
                Ok::<_, D::Error>(())
            })?;
            return Ok(true);
        }
        let (number, kind) = (field.number(), &field.kind());
        match kind {
            Kind::Message(entry) if field.is_map() => json.deserialize_map(MapVisitor { number, entry, wire })?,
            _ if field.is_list() => json.deserialize_seq(ListVisitor { number, kind, wire })?,
            _ => ValueSeed { number, kind, wire }.deserialize(json)?,
        }
        Ok(true)
    }
}

/// Decodes one value and appends it with its key.
struct ValueSeed<'a> {
    number: u32,
    kind: &'a Kind,
    wire: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Self { number, kind, wire } = self;
        match kind {
            Kind::Message(descriptor) => {
                put_length_delimited(number, wire, |wire| MessageSeed { descriptor, wire }.deserialize(json))
            }
            Kind::String | Kind::Bytes => {
                put_length_delimited(number, wire, |wire| ScalarSeed { kind, wire }.deserialize(json))
            }
            _ => {
                encode_key(number, to_wire_type(kind), wire);
                ScalarSeed { kind, wire }.deserialize(json)
            }
        }
    }
}

struct ListVisitor<'a> {
    number: u32,
    kind: &'a Kind,
    wire: &'a mut Vec<u8>,
}

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { number, kind, wire } = self;
        if is_packed(kind) {
            return put_length_delimited(number, wire, |wire| {
                while list.next_element_seed(ScalarSeed { kind, wire })?.is_some() {}
                Ok(())
            });
        }
        while list.next_element_seed(ValueSeed { number, kind, wire })?.is_some() {}
        Ok(())
    }
}

struct MapVisitor<'a> {
    number: u32,
    entry: &'a MessageDescriptor,
    wire: &'a mut Vec<u8>,
}

impl<'de> Visitor<'de> for MapVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (key, value) = (self.entry.map_entry_key_field(), self.entry.map_entry_value_field());
        while let Some(name) = map.next_key::<String>()? {
            // On the wire, a map is a list of entry messages with a key and a value.
            put_length_delimited(self.number, self.wire, |wire| {
                put_length_delimited(key.number(), wire, |wire| {
                    put_scalar(&key.kind(), JsonScalar::String(&name), wire)
                })?;
                map.next_value_seed(ValueSeed { number: value.number(), kind: &value.kind(), wire })
            })?;
        }
        Ok(())
    }
}
