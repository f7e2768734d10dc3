//! One client's documents on their way into one collection.

use std::sync::Arc;

use super::route::{Admitted, Route};
use super::screen::Screen;
use super::writer::BatchKey;
use super::{Pipeline, ResultReceiver, Ticket, Tickets, Urgency};
use crate::model::Model;
use crate::types::{
    CollectionSpec, Distance, Document, DocumentId, Fault, LongText, Pruned, Pruning, Reason, Recipe, normalize_extreme,
};

/// Which document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentKey {
    /// Its number, from 1.
    pub sequence: u64,
    /// Its id; `None` if it could not be read.
    pub id: Option<DocumentId>,
}

/// What became of a document that is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stored {
    /// The store confirmed the write.
    Indexed(Indexed),
    /// It was stored already, as it would be stored again.
    Unchanged,
}

/// An indexed document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Indexed {
    /// Tokens that were encoded, special ones included; over all windows.
    pub tokens: usize,
    /// Windows that were encoded.
    pub windows: usize,
    /// Whether the text was cut to the model's max length.
    pub truncated: bool,
    /// Terms of its vector.
    pub terms: usize,
    pub pruned: Pruned,
}

/// A document that can't be indexed, as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    pub id: Option<DocumentId>,
    pub fault: Fault,
}

/// How a client's documents are encoded and stored.
#[derive(Debug)]
pub struct IngestOptions {
    pub model: Arc<Model>,
    /// The collection's own name.
    pub collection: String,
    /// The name that the client has for it, perhaps an alias: what ids are made of where documents have none.
    pub named: String,
    pub spec: CollectionSpec,
    pub long_text: LongText,
    pub pruning: Pruning,
    /// The payload field that keeps the text; empty to keep none.
    pub text_key: String,
    /// The most points of one upsert.
    pub batch_points: usize,
    /// Whether documents that are stored already, as they would be stored again, are left as they are.
    pub skip_unchanged: bool,
}

/// The results of a client's documents.
pub type Results = ResultReceiver<DocumentKey, Stored>;

/// One client's documents on their way.
#[derive(Debug)]
pub struct Ingest {
    route: Arc<Route>,
    recipe: Recipe,
    screen: Option<Screen>,
    /// Room for its documents and their results.
    pub tickets: Tickets<DocumentKey, Stored>,
    sequence: u64,
}

impl Ingest {
    pub(super) fn new(pipeline: Pipeline, urgency: Urgency, options: IngestOptions) -> (Self, Results) {
        let slots = pipeline.inner.documents.of(urgency).max_documents();
        let (tickets, results) = pipeline.inner.documents.tickets(urgency);
        let writer = pipeline.writer(&options.collection);
        let batch =
            Arc::new(BatchKey { vector_name: options.spec.vector_name.clone(), max_points: options.batch_points });
        let IngestOptions { model, long_text, pruning, text_key, skip_unchanged, .. } = &options;
        let recipe = Recipe::new(&model.fingerprint, *long_text, *pruning, text_key);
        let skip_unchanged = *skip_unchanged;
        let route = Arc::new(Route { pipeline, urgency, options: Arc::new(options), writer, batch });
        let screen = skip_unchanged.then(|| Screen::start(Arc::clone(&route), slots));
        (Self { route, recipe, screen, tickets, sequence: 0 }, results)
    }

    /// The client's name for the collection that the documents go into.
    pub fn named(&self) -> &str {
        &self.route.options.named
    }

    /// Sends a document of `bytes` bytes on its way, or answers for it at once. Waits for room for its bytes, for earlier
    /// changes of the same id, whoever made them, and for a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn submit(
        &mut self,
        ticket: Ticket<DocumentKey, Stored>,
        bytes: usize,
        document: Result<Document, Unreadable>,
    ) -> Result<(), Fault> {
        self.sequence += 1;
        let sequence = self.sequence;
        let checked = document.and_then(|document| self.check(document));
        let id = match &checked {
            Ok(document) => Some(document.id.clone()),
            Err(unreadable) => unreadable.id.clone(),
        };
        let finalizer = ticket.redeem(DocumentKey { sequence, id }, bytes).await?;
        let document = match checked {
            Ok(document) => document,
            Err(unreadable) => {
                finalizer.finish(Err(unreadable.fault));
                return Ok(());
            }
        };
        let mut claim = self.route.writer.ids.join(document.id.point_id());
        if claim.must_wait() {
            self.route.writer.flush_now();
            tokio::select! {
                biased;
                () = claim.first_in_line() => {}
                // The finalizer answers as it drops.
                () = self.tickets.abandoned() => return Ok(()),
            }
        }
        let digest = self.recipe.digest(&document);
        let admitted = Admitted { document, digest, bytes, finalizer, claim };
        match &self.screen {
            None => self.route.encode(admitted).await,
            Some(screen) => {
                screen.send(admitted);
                Ok(())
            }
        }
    }

    /// What the collection itself would refuse, found before it costs a batch; and vectors brought to what it can keep.
    fn check(&self, mut document: Document) -> Result<Document, Unreadable> {
        let known = &self.route.options.spec.dense;
        let problem = document.dense.iter().find_map(|(name, vector)| match known.get(name) {
            None => Some((name, "the collection has no dense vector of that name; leave it out".to_owned())),
            Some(spec) if spec.size as usize != vector.len() => {
                Some((name, format!("it has {} dimensions; send {}, as the collection has", vector.len(), spec.size)))
            }
            Some(_) => None,
        });
        let problem = problem.map(|(name, message)| (Reason::InvalidVector, format!("dense_vectors.{name}"), message));
        match problem.or_else(|| self.check_payload(&document)) {
            None => {
                for (name, values) in &mut document.dense {
                    if known.get(name).is_some_and(|spec| spec.distance == Distance::Cosine) {
                        normalize_extreme(values);
                    }
                }
                Ok(document)
            }
            Some((reason, field, message)) => {
                let fault = Fault::new(reason, field, message);
                Err(Unreadable { id: Some(document.id), fault })
            }
        }
    }

    /// The text is kept in the payload, and must not replace what the client has there.
    fn check_payload(&self, document: &Document) -> Option<(Reason, String, String)> {
        let key = &self.route.options.text_key;
        let own = document.payload.get(key).filter(|_| !key.is_empty())?;
        let message =
            "the text is kept under this name; rename the field, or set text_key to another name or to nothing";
        let differs = own.as_str() != Some(&document.text);
        differs.then(|| (Reason::InvalidArgument, format!("payload.{key}"), message.to_owned()))
    }
}
