//! A stream of texts.

use bytes::Bytes;
use metrics::counter;
use tonic::{Status, Streaming};
use tracing::debug_span;

use crate::grpc::convert::{check_text, to_encoded_text};
use crate::grpc::errors::{invalid_argument, late_options_error};
use crate::grpc::readiness::CallGuard;
use crate::grpc::stream::read_next_request;
use crate::metrics as names;
use crate::model::Model;
use crate::pipeline::{EncodeHandle, EncodedVector, ItemResult};
use crate::proto::encode_stream_result::Outcome;
use crate::proto::{EncodeStreamRequest, EncodeStreamResult};
use crate::types::ApiError;

/// Maximum size of the vectors of one response message, unless one alone is larger. Clients take 4 MiB by default.
const MAX_VECTORS_BYTES: usize = 3 << 20;
/// The bytes of a term: its index and weight, and about as much as a token has.
const TERM_BYTES: usize = 9;
const TOKEN_BYTES: usize = 11;

/// Returns the maximum number of results of one response message, should each have all terms of the vocabulary.
pub fn compute_max_results(vocabulary_size: usize, with_tokens: bool) -> usize {
    let term_bytes = TERM_BYTES + if with_tokens { TOKEN_BYTES } else { 0 };
    (MAX_VECTORS_BYTES / (term_bytes * vocabulary_size).max(1)).clamp(1, 64)
}

/// Reads a stream of texts to its end.
///
/// # Errors
/// If the server reads no more, or the client breaks the contract.
pub async fn read_texts(
    context: CallGuard,
    mut requests: Streaming<EncodeStreamRequest>,
    encode: EncodeHandle,
    mut texts: Vec<Bytes>,
) -> Result<(), Status> {
    let mut sequence = 0;
    loop {
        counter!(names::RECEIVED, "call" => "encode_stream").increment(texts.len() as u64);
        // Not entered: what is admitted belongs to the call.
        let admit_span = debug_span!("admit", texts = texts.len());
        for text in texts {
            sequence += 1;
            let text = decode_text(&text, context.limits.max_text_bytes);
            let ticket = encode.tickets.acquire().await?;
            encode.submit(ticket, sequence, text).await?;
        }
        drop(admit_span);
        // Nothing more is read before there is room for it.
        drop(encode.tickets.acquire().await?);
        let (settled, abandoned) = (encode.tickets.wait_all_delivered(), encode.tickets.wait_abandoned());
        match read_next_request(&mut requests, &context, settled, abandoned, context.stopping.cancelled()).await? {
            None => return Ok(()),
            Some(request) if request.options.is_some() => return Err(late_options_error().into()),
            Some(request) => texts = request.texts,
        }
    }
}

/// Decodes a text of a stream, which comes as bytes so that a bad one is refused alone.
fn decode_text(bytes: &[u8], max_bytes: usize) -> Result<String, ApiError> {
    let text = str::from_utf8(bytes).map_err(|error| invalid_argument("text", format!("{error}; send UTF-8")))?;
    check_text(text, max_bytes).map(|()| text.to_owned())
}

/// Converts a text's result for its client.
pub fn to_stream_result(
    finished: ItemResult<u64, EncodedVector>,
    vocabulary_model: Option<&Model>,
) -> EncodeStreamResult {
    let outcome = match finished.outcome {
        Ok(encoded) => Outcome::Encoded(to_encoded_text(encoded, vocabulary_model)),
        Err(error) => Outcome::Error(error.into()),
    };
    EncodeStreamResult { sequence: finished.key, outcome: Some(outcome) }
}
