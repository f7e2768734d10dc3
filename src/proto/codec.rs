//! Protobuf codec of all calls, which refuses requests with unknown fields.

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

/// Codec like [`ProstCodec`] that refuses requests with unknown fields instead of ignoring the fields.
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

/// Decoder of messages of one type.
#[derive(Debug, Clone, Copy)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let wire = buffer.copy_to_bytes(buffer.remaining());
        // Only requests are strict: clients use this codec too, and must accept the responses of newer servers.
        let is_request = U::PACKAGE == "splade_sidecar.v1" && U::NAME.ends_with("Request");
        if is_request {
            check_known_fields(U::NAME, &wire).map_err(|unknown| {
                reject_request(Code::Unimplemented, ErrorReason::Unimplemented, unknown.to_string())
            })?;
        }
        U::decode(wire).map(Some).map_err(|error| match is_request {
            true => {
                let message = format!("the request is not a valid {}: {error}; send strings as UTF-8", U::NAME);
                reject_request(Code::InvalidArgument, ErrorReason::MalformedDocument, message)
            }
            false => Status::internal(format!("the response is not a valid {}: {error}", U::NAME)),
        })
    }
}

/// Returns the status of a request that is refused before it reaches a service.
fn reject_request(code: Code, reason: ErrorReason, message: String) -> Status {
    let details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(code, message, details)
}
