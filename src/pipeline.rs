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
mod faults;
mod in_flight_ids;
mod ingest;
mod lane;
mod operation;
mod progress;
mod receipt;
mod service;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
mod urgency;
mod writer;

pub use admission::{Delivery, Finalizer, Finished, ResultReceiver, Slot, StallClock, Ticket, Tickets};
pub use config::PipelineConfig;
pub use encode::{Encode, EncodeOptions, Vectors};
pub use encoder_pool::{Encoded, EncoderPool, EncoderPoolConfig, Took};
pub use ingest::{Ingest, IngestOptions, Results};
pub use operation::{Change, Indexed, OperationKey, Stored, Submission, Unreadable};
pub use progress::Progress;
pub use service::{Pipeline, Running};
pub use urgency::Urgency;
pub use writer::WriterConfig;
