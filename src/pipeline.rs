//! Pipeline from a client's document to a confirmed write, with bounded memory in each stage.
//!
//! ```text
//!  gRPC stream ──▶ admission ──▶ lanes ──▶ encoder threads ──▶ writer ──▶ store
//!                  documents,    query,    one batch each      batches,
//!       ▲          bytes         bulk                          retries     │
//!       └────────────────────────── results ◀─────────────────────────────┘
//! ```
//!
//! A [`Finalizer`] travels with each document. It owns the document's permit and must report its result, so that each
//! document gets exactly one result and its permit is always released.
//!
//! Texts that only need an encoder and documents that also need the store have separate permits: an unavailable store
//! blocks neither queries nor streams of texts.

mod admission;
mod admitted_document;
mod batcher;
mod config;
mod delete;
mod encode;
mod encoder_pool;
mod errors;
mod in_flight_ids;
mod ingest;
mod lane;
mod operation;
mod receipt;
mod service;
#[cfg(test)]
mod simulation;
mod stream_progress;
#[cfg(test)]
mod testing;
mod urgency;
mod writer;

pub use admission::{
    AdmissionTicket, Delivery, Finalizer, ItemResult, ResultReceiver, Slot, StallDetector, TicketIssuer,
};
pub use config::PipelineConfig;
pub use encode::{EncodeHandle, EncodeOptions, VectorResults};
pub use encoder_pool::{EncodedVector, EncoderPool, EncoderPoolConfig, Timings};
pub use ingest::{IngestHandle, IngestOptions, OperationResults};
pub use operation::{DocumentChange, IndexingStats, InvalidOperation, OperationKey, OperationOutcome, Submission};
pub use service::{Pipeline, PipelineTasks};
pub use stream_progress::StreamProgress;
pub use urgency::Urgency;
pub use writer::WriterConfig;
