//! The codec of all calls: protocol buffers, whose requests have no unknown fields.

use std::collections::HashMap;
use std::marker::PhantomData;

use bytes::Buf;
use prost::{Message, Name};
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::{ProstCodec, ProstEncoder};
use tonic_types::{ErrorDetails, StatusExt};

use super::ERROR_DOMAIN;
use super::unknown_fields::check_known_fields;
use crate::types::ErrorReason;

/// Like [`ProstCodec`], but a request with an unknown field is refused instead of served without the field.
#[derive(Debug, Clone, Copy)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Decodes messages of one type.
#[derive(Debug, Clone, Copy)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let wire = buffer.copy_to_bytes(buffer.remaining());
        // Clients use this codec too: they must read the responses of a newer server.
        let is_request = U::PACKAGE == "splade_sidecar.v1" && U::NAME.ends_with("Request");
        if is_request {
            check_known_fields(U::NAME, &wire).map_err(|unknown| {
                reject_request(Code::Unimplemented, ErrorReason::Unimplemented, unknown.to_string())
            })?;
        }
        U::decode(wire).map(Some).map_err(|error| match is_request {
            true => {
                let message = format!("it is not a valid {}: {error}; strings must be UTF-8", U::NAME);
                reject_request(Code::InvalidArgument, ErrorReason::MalformedDocument, message)
            }
            false => Status::internal(error.to_string()),
        })
    }
}

/// Refuses a request that never reaches a service.
fn reject_request(code: Code, reason: ErrorReason, message: String) -> Status {
    let details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(code, message, details)
}
