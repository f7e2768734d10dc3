//! Helpers of the tests of the gateway.

use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use super::settings::GatewaySettings;
use crate::grpc::RequestLimits;

/// Returns the settings of a server without flags.
pub fn settings() -> GatewaySettings {
    GatewaySettings { limits: RequestLimits::default(), max_message_bytes: 32 << 20, tokens: None }
}

/// Returns the descriptor of a message with bytes fields, which the API doesn't have: `bytes one = 1; repeated bytes many = 2;`.
pub fn bytes_message() -> MessageDescriptor {
    let field = |name: &str, number, label: Label| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(Type::Bytes.into()),
        ..FieldDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("bytes.proto".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("BytesMessage".to_owned()),
            field: vec![field("one", 1, Label::Optional), field("many", 2, Label::Repeated)],
            ..DescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap();
    pool.get_message_by_name("BytesMessage").unwrap()
}

/// Rust type of [`bytes_message`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct BytesMessage {
    #[prost(bytes = "vec", tag = "1")]
    pub one: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub many: Vec<Vec<u8>>,
}
