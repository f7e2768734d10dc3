//! Methods of the API as HTTP paths: `splade_sidecar.v1.IndexService/GetCollection` is `/v1/get_collection`.

use prost_reflect::{Kind as FieldKind, MessageDescriptor, MethodDescriptor};

use super::contract::{PACKAGE, descriptor_pool};
use super::json_decode::OperationDescriptors;

/// Method of the API.
#[derive(Debug, Clone)]
pub struct Method {
    pub descriptor: MethodDescriptor,
    /// Path over HTTP.
    pub path: String,
    /// Path over gRPC.
    pub grpc_path: String,
    pub kind: MethodKind,
}

/// Shape of a method over HTTP.
#[derive(Debug, Clone)]
pub enum MethodKind {
    /// Request and response are one JSON body each.
    Unary,
    /// Request body with one line of JSON per item, and options in the query string. The response has lines of JSON too.
    Stream { options: MessageDescriptor, item: StreamItem },
}

/// Type of the items of a stream.
#[derive(Debug, Clone)]
pub enum StreamItem {
    Operation(OperationDescriptors),
    Text,
}

impl Method {
    /// Returns all methods of the API.
    pub fn all() -> Vec<Self> {
        let services = descriptor_pool().services().filter(|service| service.package_name() == PACKAGE);
        let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
        methods.filter_map(Self::new).collect()
    }

    /// Returns the method of a descriptor; `None` for unsupported kinds of streaming, which the API doesn't use.
    fn new(descriptor: MethodDescriptor) -> Option<Self> {
        let kind = match (descriptor.is_client_streaming(), descriptor.is_server_streaming()) {
            (false, false) => MethodKind::Unary,
            (true, true) => parse_stream_method(&descriptor.input())?,
            _ => return None,
        };
        let path = format!("/v1/{}", to_snake_case(descriptor.name()));
        let grpc_path = format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name());
        Some(Self { descriptor, path, grpc_path, kind })
    }
}

/// Returns the kind of a streaming method. By convention, a request message has the options in field 1, which only the first
/// message sets, and items in field 2.
fn parse_stream_method(request: &MessageDescriptor) -> Option<MethodKind> {
    let options = request.get_field(1)?.kind().as_message().cloned()?;
    let item = match request.get_field(2).filter(|field| field.is_list())?.kind() {
        FieldKind::Message(message) => StreamItem::Operation(OperationDescriptors::new(message)?),
        FieldKind::String => StreamItem::Text,
        _ => return None,
    };
    Some(MethodKind::Stream { options, item })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_method_has_its_own_path() {
        let methods = Method::all();
        let declared = crate::proto::list_methods().into_iter().filter(|method| method.starts_with(PACKAGE));
        assert_eq!(methods.len(), declared.count());
        let paths: BTreeSet<_> = methods.iter().map(|method| method.path.as_str()).collect();
        assert_eq!(paths.len(), methods.len());
        assert!(
            ["/v1/encode", "/v1/search", "/v1/upsert", "/v1/ingest", "/v1/get_documents", "/v1/create_collection"]
                .iter()
                .all(|path| paths.contains(path))
        );
        let streams = methods.iter().filter(|method| !matches!(method.kind, MethodKind::Unary));
        let streams: Vec<_> = streams.map(|method| method.path.as_str()).collect();
        assert_eq!(streams, ["/v1/encode_stream", "/v1/ingest"]);
    }
}
