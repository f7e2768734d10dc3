//! Methods of the contract as paths: `splade_sidecar.v1.IndexService/GetCollection` is `/v1/get_collection`.
//!
//! A test of the gateway holds that the document has the gateway's paths.

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind as FieldKind, MessageDescriptor, MethodDescriptor};

use crate::contract::PACKAGE;

/// A method of the contract.
pub struct Method {
    pub descriptor: MethodDescriptor,
    /// Name, as in the path.
    pub name: String,
    pub path: String,
    pub kind: MethodKind,
}

/// Shape of a method over HTTP.
pub enum MethodKind {
    /// One JSON body in each direction.
    Unary,
    /// One line of JSON per item, with the options in the query. Responses are lines too.
    Stream { options: MessageDescriptor, item: StreamItem },
}

/// Items of a stream.
pub enum StreamItem {
    /// An operation, or a document, which stands for its upsert.
    Operation {
        operation: MessageDescriptor,
        document: MessageDescriptor,
    },
    Text,
}

impl Method {
    /// Returns all methods.
    pub fn from_pool(pool: &DescriptorPool) -> Vec<Self> {
        let services = pool.services().filter(|service| service.package_name() == PACKAGE);
        services.flat_map(|service| service.methods().filter_map(Self::new).collect::<Vec<_>>()).collect()
    }

    /// `None` for a method that streams in a way that no method of the contract does.
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

/// A message of a stream has its options in field 1, set in the first message, and items in field 2.
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

fn message_type(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}

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
