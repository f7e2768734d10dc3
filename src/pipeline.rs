//! The pipeline: from a client's document to a confirmed write, with a bound on everything.
//!
//! ```text
//!  gRPC stream ──▶ admission ──▶ lanes ──▶ encoder threads ──▶ writer ──▶ store
//!                  documents,    query,    one batch each      batches,
//!       ▲          bytes         bulk                          retries     │
//!       └────────────────────────── results ◀─────────────────────────────┘
//! ```
//!
//! A [`Finalizer`] travels with each document. It owns the document's permit and the duty to answer, so that every
//! document gets exactly one result, and permits come back however the document ends.
//!
//! What waits for the encoders alone and what waits for the store too have permits of their own: a store that is away
//! holds up neither queries nor streams of texts.

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
