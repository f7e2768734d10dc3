//! What is answered: the vector, and what it took.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Response;
use tonic::metadata::MetadataValue;

use crate::pipeline::{Encoded, Took};
use crate::proto::tei::{EmbedSparseResponse, Metadata, SparseValue};

/// A text when it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    characters: usize,
    since: Instant,
}

impl Arrival {
    /// Now.
    pub fn of(text: &str) -> Self {
        Self { characters: text.chars().count(), since: Instant::now() }
    }

    fn metadata(self, tokens: usize, took: Took) -> Metadata {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Metadata {
            compute_chars: count(self.characters),
            compute_tokens: count(tokens),
            total_time_ns: nanoseconds(self.since.elapsed()),
            tokenization_time_ns: nanoseconds(took.tokenizing),
            queue_time_ns: nanoseconds(took.waiting),
            inference_time_ns: nanoseconds(took.encoding),
        }
    }
}

/// A text's vector.
pub fn answer(arrival: Arrival, encoded: Encoded) -> EmbedSparseResponse {
    let metadata = Some(arrival.metadata(encoded.tokens, encoded.took));
    let (indices, values) = encoded.vector.into_parts();
    let terms = indices.into_iter().zip(values);
    EmbedSparseResponse {
        sparse_embeddings: terms.map(|(index, value)| SparseValue { index, value }).collect(),
        metadata,
    }
}

/// An answer that has in its headers what it took, in milliseconds, and where it was computed.
pub fn with_headers(answer: EmbedSparseResponse, device: &'static str) -> Response<EmbedSparseResponse> {
    let took = answer.metadata.unwrap_or_default();
    let milliseconds = |nanoseconds: u64| nanoseconds / 1_000_000;
    let total = milliseconds(took.total_time_ns);
    let mut response = Response::new(answer);
    let headers = response.metadata_mut();
    headers.insert("x-compute-type", MetadataValue::from_static(device));
    for (name, value) in [
        ("x-compute-time", total),
        ("x-compute-characters", took.compute_chars.into()),
        ("x-compute-tokens", took.compute_tokens.into()),
        ("x-total-time", total),
        ("x-tokenization-time", milliseconds(took.tokenization_time_ns)),
        ("x-queue-time", milliseconds(took.queue_time_ns)),
        ("x-inference-time", milliseconds(took.inference_time_ns)),
    ] {
        headers.insert(name, value.into());
    }
    response
}
