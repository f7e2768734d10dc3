//! `EncodeStream`: reading texts and converting their results.

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

/// Maximum size of the vectors of one response message, unless a single vector is larger. gRPC clients accept messages of up to
/// 4 MiB by default.
const MAX_VECTORS_BYTES: usize = 3 << 20;
/// Encoded size of a term: index and weight.
const TERM_BYTES: usize = 9;
/// Typical encoded size of the token of a term.
const TOKEN_BYTES: usize = 11;

/// Returns the maximum number of results per response message, assuming that each vector has all terms of the vocabulary.
pub fn compute_max_results(vocabulary_size: usize, with_tokens: bool) -> usize {
    let term_bytes = TERM_BYTES + if with_tokens { TOKEN_BYTES } else { 0 };
    (MAX_VECTORS_BYTES / (term_bytes * vocabulary_size).max(1)).clamp(1, 64)
}

/// Reads a stream of texts to its end and submits them to the pipeline.
///
/// # Errors
/// If the server shuts down, the stream is idle for too long, or a request is invalid.
pub async fn read_texts(
    context: CallGuard,
    mut requests: Streaming<EncodeStreamRequest>,
    encode: EncodeHandle,
    mut texts: Vec<Bytes>,
) -> Result<(), Status> {
    let mut sequence = 0;
    loop {
        counter!(names::RECEIVED, "call" => "encode_stream").increment(texts.len() as u64);
        // Not entered, so that the spans of admitted items are children of the call's span.
        let admit_span = debug_span!("admit", texts = texts.len());
        for text in texts {
            sequence += 1;
            let text = decode_text(&text, context.limits.max_text_bytes);
            let ticket = encode.tickets.acquire().await?;
            encode.submit(ticket, sequence, text).await?;
        }
        drop(admit_span);
        // Backpressure: waits for capacity before reading the next message.
        drop(encode.tickets.acquire().await?);
        let (settled, abandoned) = (encode.tickets.wait_all_delivered(), encode.tickets.wait_abandoned());
        match read_next_request(&mut requests, &context, settled, abandoned, context.stopping.cancelled()).await? {
            None => return Ok(()),
            Some(request) if request.options.is_some() => return Err(late_options_error().into()),
            Some(request) => texts = request.texts,
        }
    }
}

/// Decodes a text of a stream. Texts are transmitted as bytes, so a text that isn't UTF-8 doesn't fail its whole message.
fn decode_text(bytes: &[u8], max_bytes: usize) -> Result<String, ApiError> {
    let text = str::from_utf8(bytes)
        .map_err(|error| invalid_argument("text", format!("the text is not UTF-8: {error}; send UTF-8")))?;
    check_text(text, max_bytes).map(|()| text.to_owned())
}

/// Converts the result of a text to its response message.
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
