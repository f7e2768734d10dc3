//! Maps the methods of the contract to HTTP paths: `splade_sidecar.v1.IndexService/GetCollection` to `/v1/get_collection`.
//!
//! A test of the gateway checks that the document has the same paths as the gateway.

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind as FieldKind, MessageDescriptor, MethodDescriptor};

use crate::contract::PACKAGE;

/// Method of the contract, with its HTTP path.
pub struct Method {
    pub descriptor: MethodDescriptor,
    /// Name in snake_case, as used in the path.
    pub name: String,
    pub path: String,
    pub kind: MethodKind,
}

/// Shape of the requests and responses of a method over HTTP.
pub enum MethodKind {
    /// A JSON body in each direction.
    Unary,
    /// NDJSON with one item per line, and the options in the query string. The response is NDJSON too.
    Stream { options: MessageDescriptor, item: StreamItem },
}

/// Type of the items of a request stream.
pub enum StreamItem {
    /// An operation, or a document as shorthand for its upsert.
    Operation {
        operation: MessageDescriptor,
        document: MessageDescriptor,
    },
    Text,
}

impl Method {
    /// Returns the methods of all services of the contract.
    pub fn from_pool(pool: &DescriptorPool) -> Vec<Self> {
        let services = pool.services().filter(|service| service.package_name() == PACKAGE);
        services.flat_map(|service| service.methods().filter_map(Self::new).collect::<Vec<_>>()).collect()
    }

    /// Returns `None` for a method that streams in only one direction, which the gateway doesn't support.
    fn new(descriptor: MethodDescriptor) -> Option<Self> {
        let kind = match (descriptor.is_client_streaming(), descriptor.is_server_streaming()) {
            (false, false) => MethodKind::Unary,
            (true, true) => parse_stream(&descriptor.input())?,
            _ => return None,
        };
        let name = to_snake_case(descriptor.name());
        Some(Self { path: format!("/v1/{name}"), name, descriptor, kind })
    }
}

/// Parses the request message of a stream: options, which only the first message sets, are field 1, and items are field 2.
fn parse_stream(request: &MessageDescriptor) -> Option<MethodKind> {
    let options = message_type(&request.get_field(1)?)?;
    let item = match request.get_field(2).filter(FieldDescriptor::is_list)?.kind() {
        FieldKind::Message(operation) => {
            let document = message_type(&operation.get_field_by_name("upsert")?)?;
            StreamItem::Operation { operation, document }
        }
        FieldKind::String => StreamItem::Text,
        _ => return None,
    };
    Some(MethodKind::Stream { options, item })
}

/// Returns the message type of a field; `None` for other types.
fn message_type(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}

/// Converts a name from PascalCase to snake_case.
fn to_snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
