//! Documents in: `Ingest` and `Upsert` are one path, with and without a stream.

use bytes::Bytes;
use metrics::counter;
use tonic::{Status, Streaming};
use tracing::debug_span;

use super::document::{document, to_document_id};
use super::options::{accept, batch_points, collection_spec, invalid, late_options, long_text, pruning, text_key};
use super::status::{rejection, status};
use super::stream::next_request;
use super::{Pass, Shared};
use crate::metrics as names;
use crate::pipeline::{
    DocumentKey, Finished, Indexed, Ingest, IngestOptions, ModelChoice, Results, Stored, Ticket, Urgency, store_fault,
};
use crate::proto::{self, DocumentResult, DocumentStatus, IngestRequest};
use crate::store::StoreError;
use crate::types::{Fault, Role, check_collection_name};

/// Checks a client's options and opens its collection.
///
/// # Errors
/// Options that are missing or wrong; a collection that is not there, or was written by another encoder.
pub async fn open(
    shared: &Shared,
    urgency: Urgency,
    options: Option<proto::IngestOptions>,
) -> Result<(Ingest, Results), Fault> {
    let options = options.ok_or_else(|| invalid("options", "they are missing; send them with the first message"))?;
    let options = checked(shared, options).await.map_err(|fault| fault.within("options"))?;
    Ok(shared.pipeline.ingest(urgency, options))
}

async fn checked(shared: &Shared, options: proto::IngestOptions) -> Result<IngestOptions, Fault> {
    let named = options.collection;
    check_collection_name(&named)?;
    let choice =
        ModelChoice { models: &shared.models, name: &options.model, accept: accept(options.ignore_fingerprint) };
    let found = shared.collections.look_up(&named).await?;
    let model = choice.model(found.as_ref().map(|info| &info.spec))?;
    let spec = collection_spec(options.collection_options).map_err(|fault| fault.within("collection_options"))?;
    let long_text = long_text(options.long_text, options.window_overlap, model.side(Role::Document))?;
    let pruning = pruning("pruning", options.pruning, shared.pruning.document)?;
    let text_key = text_key(options.text_key)?;
    let batch_points = batch_points(options.batch_points)?;
    let skip_unchanged = options.skip_unchanged;
    let info = match found {
        Some(info) => {
            if options.create_collection {
                shared.collections.complete(&info, &spec).await?;
            }
            info
        }
        None if options.create_collection => shared.collections.create(&named, &model, spec).await?,
        None => return Err(store_fault(StoreError::CollectionNotFound(named))),
    };
    choice.check(&model, &info.name, &info.spec)?;
    let (collection, spec) = (info.name, info.spec);
    Ok(IngestOptions { model, collection, named, spec, long_text, pruning, text_key, batch_points, skip_unchanged })
}

/// Reads a stream of documents to its end.
///
/// # Errors
/// If the server is stopping, or the client breaks the contract.
pub async fn read(
    shared: Pass,
    mut requests: Streaming<IngestRequest>,
    mut ingest: Ingest,
    mut documents: Vec<Bytes>,
) -> Result<(), Status> {
    loop {
        counter!(names::RECEIVED, "call" => "ingest").increment(documents.len() as u64);
        // Not entered: what is admitted belongs to the call.
        let admit = debug_span!("admit", documents = documents.len());
        for bytes in documents {
            let ticket = ingest.tickets.take().await.map_err(status)?;
            submit(&shared, &mut ingest, ticket, bytes).await.map_err(status)?;
        }
        drop(admit);
        // Nothing more is read before there is room for it.
        drop(ingest.tickets.take().await.map_err(status)?);
        match next_request(&mut requests, &shared, ingest.tickets.settled(), ingest.tickets.abandoned()).await? {
            None => return Ok(()),
            Some(request) if request.options.is_some() => return Err(status(late_options())),
            Some(request) => documents = request.documents,
        }
    }
}

/// Indexes a handful of documents and waits for all their results, which it gives in order.
///
/// # Errors
/// If the server is stopping.
pub async fn upsert(
    shared: &Shared,
    (mut ingest, mut results): (Ingest, Results),
    documents: Vec<Bytes>,
) -> Result<Vec<DocumentResult>, Fault> {
    let sizes: Vec<_> = documents.iter().map(Bytes::len).collect();
    let places = ingest.tickets.places(&sizes)?;
    counter!(names::RECEIVED, "call" => "upsert").increment(documents.len() as u64);
    // `ingest` moves in and is dropped with the last document, which is how the results end.
    let submit = async move {
        for (bytes, place) in documents.into_iter().zip(places) {
            let ticket = ingest.tickets.at(place).await?;
            submit(shared, &mut ingest, ticket, bytes).await?;
        }
        Ok(())
    };
    // Results are taken while documents are sent, so that the slots of the first come back for the last.
    let collect = async {
        let mut all = Vec::new();
        while let Some(finished) = results.recv().await {
            all.push(to_result(finished));
        }
        all.sort_unstable_by_key(|result| result.sequence);
        all
    };
    let (submitted, all): (Result<(), Fault>, _) = tokio::join!(submit, collect);
    submitted.map(|()| all)
}

async fn submit(
    shared: &Shared,
    ingest: &mut Ingest,
    ticket: Ticket<DocumentKey, Stored>,
    bytes: Bytes,
) -> Result<(), Fault> {
    let document = document(&bytes, ingest.named(), &shared.limits);
    ingest.submit(ticket, bytes.len(), document).await
}

/// A document's result, for its client.
pub fn to_result(finished: Finished<DocumentKey, Stored>) -> DocumentResult {
    let DocumentKey { sequence, id } = finished.key;
    let result = DocumentResult { sequence, id: id.map(to_document_id), ..Default::default() };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    match finished.outcome {
        Ok(Stored::Unchanged) => DocumentResult { status: DocumentStatus::Unchanged.into(), ..result },
        Ok(Stored::Indexed(Indexed { tokens, windows, truncated, terms, pruned })) => DocumentResult {
            status: DocumentStatus::Indexed.into(),
            token_count: count(tokens),
            window_count: count(windows),
            truncated,
            term_count: count(terms),
            pruned_term_count: count(pruned.terms),
            pruned_weight: pruned.weight,
            ..result
        },
        Err(fault) => {
            DocumentResult { status: DocumentStatus::Rejected.into(), rejection: Some(rejection(fault)), ..result }
        }
    }
}
