//! The services of the contract: requests are checked, handed to the pipeline and the store, and answered.

mod deadline;
pub(crate) mod document;
mod encoder_service;
mod explain;
pub(crate) mod filter;
mod gate;
mod index_service;
mod ingest;
pub(crate) mod options;
pub(crate) mod payload;
mod search;
mod status;
mod stream;
mod vector;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use encoder_service::EncoderApi;
pub use gate::{Gate, Pass};
pub use index_service::IndexApi;

use crate::model::Models;
use crate::pipeline::{Collections, Pipeline};
use crate::store::VectorStore;
use crate::types::{Pruning, Role};

/// Bounds on what a client may send.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// The most bytes of one text.
    pub text_bytes: usize,
    /// The most texts or documents of one unary call.
    pub unary_documents: usize,
}

/// What is kept of a vector where a request doesn't say, by the text's role.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PruningDefaults {
    pub document: Pruning,
    pub query: Pruning,
}

impl PruningDefaults {
    fn of(&self, role: Role) -> Pruning {
        match role {
            Role::Document => self.document,
            Role::Query => self.query,
        }
    }
}

/// What the services share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub models: Models,
    pub pipeline: Pipeline,
    pub store: Arc<dyn VectorStore>,
    pub collections: Arc<Collections>,
    pub limits: RequestLimits,
    pub pruning: PruningDefaults,
    /// Cancelled when the server begins to stop.
    pub stopping: CancellationToken,
}
