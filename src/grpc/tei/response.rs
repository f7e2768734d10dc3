//! Responses: the vector, and metadata such as token count and timings.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Response;
use tonic::metadata::MetadataValue;

use crate::pipeline::{EncodedVector, Timings};
use crate::proto::tei::{EmbedSparseResponse, Metadata, SparseValue};

/// Size and time of arrival of a text.
#[derive(Debug, Clone, Copy)]
pub struct TextArrival {
    char_count: usize,
    received_at: Instant,
}

impl TextArrival {
    /// Records the arrival of a text at the current time.
    pub fn new(text: &str) -> Self {
        Self { char_count: text.chars().count(), received_at: Instant::now() }
    }

    fn metadata(self, tokens: usize, timings: Timings) -> Metadata {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Metadata {
            compute_chars: count(self.char_count),
            compute_tokens: count(tokens),
            total_time_ns: nanoseconds(self.received_at.elapsed()),
            tokenization_time_ns: nanoseconds(timings.tokenize_time),
            queue_time_ns: nanoseconds(timings.queue_time),
            inference_time_ns: nanoseconds(timings.encode_time),
        }
    }
}

/// Converts an encoded text to its response.
pub fn to_response(arrival: TextArrival, encoded: EncodedVector) -> EmbedSparseResponse {
    let metadata = Some(arrival.metadata(encoded.tokens, encoded.timings));
    let (indices, values) = encoded.vector.into_parts();
    let terms = indices.into_iter().zip(values);
    EmbedSparseResponse {
        sparse_embeddings: terms.map(|(index, value)| SparseValue { index, value }).collect(),
        metadata,
    }
}

/// Adds the headers of text-embeddings-inference to a response: timings in milliseconds, counts, and the compute device.
pub fn add_timing_headers(
    response_message: EmbedSparseResponse,
    device: &'static str,
) -> Response<EmbedSparseResponse> {
    let metadata = response_message.metadata.unwrap_or_default();
    let milliseconds = |nanoseconds: u64| nanoseconds / 1_000_000;
    let total = milliseconds(metadata.total_time_ns);
    let mut response = Response::new(response_message);
    let headers = response.metadata_mut();
    headers.insert("x-compute-type", MetadataValue::from_static(device));
    for (name, value) in [
        ("x-compute-time", total),
        ("x-compute-characters", metadata.compute_chars.into()),
        ("x-compute-tokens", metadata.compute_tokens.into()),
        ("x-total-time", total),
        ("x-tokenization-time", milliseconds(metadata.tokenization_time_ns)),
        ("x-queue-time", milliseconds(metadata.queue_time_ns)),
        ("x-inference-time", milliseconds(metadata.inference_time_ns)),
    ] {
        headers.insert(name, value.into());
    }
    response
}
