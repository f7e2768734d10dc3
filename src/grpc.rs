//! The services of the contract: requests are checked, handed to the pipeline and the store, and answered.

mod aliases;
pub mod auth;
pub mod bounds;
mod collection_options;
mod collections;
pub(crate) mod deadline;
pub(crate) mod document;
mod encoder_service;
pub(crate) mod encoding;
mod explain;
mod features;
pub(crate) mod filter;
mod gate;
mod index_service;
mod ingest;
mod list_documents;
pub mod observe;
pub(crate) mod operation;
pub(crate) mod options;
mod page;
pub(crate) mod payload;
mod query;
mod returned;
mod search;
mod server;
pub(crate) mod status;
mod stream;
pub mod tei;
mod vector;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use document::LONGEST_ID;
pub use encoder_service::EncoderApi;
pub use gate::{Gate, Pass};
pub use index_service::IndexApi;
pub use payload::MOST_NESTED;

use crate::catalog::Collections;
use crate::model::{Model, Models};
use crate::pipeline::Pipeline;
use crate::store::VectorStore;
use crate::types::{Pruning, Role};

/// Bounds on what a client may send.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Maximum size of a request message.
    pub message_bytes: usize,
    /// The most bytes of one text.
    pub text_bytes: usize,
    /// The most texts or documents of one unary call.
    pub unary_documents: usize,
    /// The most bytes of one document's payload, as it comes over the wire.
    pub payload_bytes: usize,
    /// How deep a payload may be nested.
    pub payload_depth: usize,
    /// The most dimensions of one document's dense vectors, all of them together.
    pub dense_dimensions: usize,
    /// The most bytes of one document's id that is a name.
    pub id_bytes: usize,
    /// The most open streams, of all clients together.
    pub streams: usize,
    /// Maximum time that a stream may have nothing in flight and send nothing, or that results may wait for a client that
    /// takes none.
    pub stream_idle: Duration,
    /// How long a server that is about to stop reads on in streams whose clients were told.
    pub drain_grace: Duration,
}

/// What is kept of a vector where a request doesn't say, by the text's role.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PruningDefaults {
    pub document: DefaultPruning,
    pub query: DefaultPruning,
}

/// How vectors of a role are pruned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DefaultPruning {
    /// Maximum number of terms, 0 for no limit; `None`: as many as the model's files say.
    pub max_terms: Option<usize>,
    pub min_weight: f32,
    pub weight_share: Option<f32>,
}

impl PruningDefaults {
    /// How vectors of a role by a model are pruned.
    fn of(&self, role: Role, model: &Model) -> Pruning {
        let DefaultPruning { max_terms, min_weight, weight_share } = match role {
            Role::Document => self.document,
            Role::Query => self.query,
        };
        let max_terms = max_terms.map_or(model.max_terms, |terms| (terms > 0).then_some(terms));
        Pruning { max_terms, min_weight, weight_share }
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
    /// One permit for each stream that may be open.
    pub streams: Arc<Semaphore>,
    pub pruning: PruningDefaults,
    /// Cancelled when the server begins to stop.
    pub stopping: CancellationToken,
}
