//! Operations in: `Ingest` and `Upsert` are one path, with and without a stream.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use metrics::counter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use tracing::debug_span;

use super::convert::{
    Encoding, accept, is_only_problems, parse_batch_points, parse_collection_options, parse_document, parse_encoding,
    parse_first_sequence, parse_operation, parse_text_field, upsert_of,
};
use super::faults::{invalid, late_options};
use super::features::{check_features, check_unset};
use super::stream::{Responder, Responses, next_request};
use super::{Pass, ServiceContext};
use crate::catalog::{ModelChoice, check_incarnation};
use crate::metrics as names;
use crate::pipeline::{
    Finished, Ingest, IngestOptions, OperationKey, Progress, Results, Stored, Submission, Ticket, Urgency,
};
use crate::proto::{
    self, IngestDraining, IngestOpened, IngestRequest, IngestResponse, OperationResult, OperationStatus,
};
use crate::store::StoreError;
use crate::types::{Fault, Reason, Role, check_collection_name};

/// An open way into a collection.
pub struct Opened {
    pub ingest: Ingest,
    pub results: Results,
    pub answer: Answer,
}

/// How a stream is answered.
pub struct Answer {
    opened: IngestOpened,
    first_sequence: u64,
    only_problems: bool,
}

/// Checks a client's options and opens its collection.
///
/// # Errors
/// Options that are missing or invalid; a collection that doesn't exist, or was written by another encoder.
pub async fn open(
    shared: &ServiceContext,
    urgency: Urgency,
    options: Option<proto::IngestOptions>,
) -> Result<Opened, Fault> {
    let options = options.ok_or_else(|| invalid("options", "they are missing; send them with the first message"))?;
    let (options, answer) = open_checked(shared, options).await.map_err(|fault| fault.within("options"))?;
    let (ingest, results) = shared.pipeline.ingest(urgency, options);
    Ok(Opened { ingest, results, answer })
}

/// Refuses what only streams have.
///
/// # Errors
/// If it is set.
pub fn check_unary(options: Option<&proto::IngestOptions>) -> Result<(), Fault> {
    let only_streams = "only the streaming call has it; omit it, or use Ingest";
    match options {
        Some(options) if options.first_sequence != 0 => Err(invalid("first_sequence", only_streams)),
        Some(options) if options.result_filter != 0 => Err(invalid("result_filter", only_streams)),
        _ => Ok(()),
    }
}

async fn open_checked(
    shared: &ServiceContext,
    options: proto::IngestOptions,
) -> Result<(IngestOptions, Answer), Fault> {
    check_features(&options.required_features)?;
    check_unset("tenant", !options.tenant.is_empty())?;
    check_collection_name(&options.collection)?;
    let only_problems = is_only_problems(options.result_filter)?;
    let first_sequence = parse_first_sequence(options.first_sequence)?;
    let create = options.create_collection;
    if !create && options.collection_options.is_some() {
        let message = "they apply to a collection that is created; omit them, or set create_collection";
        return Err(invalid("collection_options", message));
    }
    if create && !options.expected_incarnation.is_empty() {
        let message = "a collection that is created has a new incarnation; omit it, or create_collection";
        return Err(invalid("expected_incarnation", message));
    }
    let choice =
        ModelChoice { models: &shared.models, name: &options.model, accept: accept(options.ignore_fingerprint) };
    let found = shared.collections.look_up(&options.collection).await?;
    let model = choice.model(found.as_ref().map(|info| &info.spec))?;
    let spec = parse_collection_options(options.collection_options, &model)
        .map_err(|fault| fault.within("collection_options"))?;
    let (side, defaults) = (model.side(Role::Document), shared.pruning.of(Role::Document, &model));
    let encoding = parse_encoding(options.encoding, side, defaults);
    let Encoding { long_text, pruning } = encoding.map_err(|fault| fault.within("encoding"))?;
    let text_field = parse_text_field(options.text_field)?;
    let batch_points = parse_batch_points(options.batch_points)?;
    let info = match found {
        Some(info) => {
            if create {
                shared.collections.complete(&info, &spec).await?;
            }
            info
        }
        None if create => shared.collections.create(&options.collection, spec).await?,
        None if !options.expected_incarnation.is_empty() => {
            let message = format!(
                "collection `{}` is gone, with all that was confirmed in it; find out why, then ingest all of it again",
                options.collection
            );
            return Err(Fault::new(Reason::CollectionNotFound, "collection", message));
        }
        None => return Err(StoreError::CollectionNotFound(options.collection).into()),
    };
    choice.check(&model, &info.name, &info.spec)?;
    check_incarnation(&info, &options.expected_incarnation)?;
    let (collection, spec) = (info.name.clone(), info.spec.clone());
    let opened = IngestOpened {
        collection: Some(info.into()),
        model: model.name.clone(),
        fingerprint: model.fingerprint.to_string(),
        server: Some(shared.into()),
    };
    let skip_unchanged = options.skip_unchanged;
    let options = IngestOptions {
        model,
        collection,
        spec,
        long_text,
        pruning,
        text_field,
        batch_points,
        skip_unchanged,
        first_sequence,
    };
    Ok((options, Answer { opened, first_sequence, only_problems }))
}

/// Reads a stream of operations to its end, beginning with its first message.
///
/// # Errors
/// If the server reads no more, or the client breaks the contract.
pub async fn read(
    shared: Pass,
    mut requests: Streaming<IngestRequest>,
    mut ingest: Ingest,
    mut request: IngestRequest,
) -> Result<(), Status> {
    // The clients that heed the notice end their streams before that.
    let mut stopped = pin!(async {
        shared.stopping.cancelled().await;
        sleep(shared.limits.drain_grace).await;
    });
    loop {
        let IngestRequest { options, operations, flush } = request;
        if options.is_some() {
            return Err(late_options().into());
        }
        counter!(names::RECEIVED, "call" => "ingest").increment(operations.len() as u64);
        // Not entered: what is admitted belongs to the call.
        let admit = debug_span!("admit", operations = operations.len());
        for bytes in operations {
            let ticket = ingest.tickets.take().await?;
            let submission = parse_operation(&bytes, &shared.limits);
            ingest.submit(ticket, submission).await?;
        }
        drop(admit);
        if flush {
            ingest.flush();
        }
        // Nothing more is read before there is room for it.
        drop(ingest.tickets.take().await?);
        let (settled, abandoned) = (ingest.tickets.settled(), ingest.tickets.abandoned());
        match next_request(&mut requests, &shared, settled, abandoned, &mut stopped).await? {
            None => return Ok(()),
            Some(next) => request = next,
        }
    }
}

/// When a stream's client is told that the server is about to stop, and what.
pub struct Drain {
    stopping: CancellationToken,
    grace: Duration,
    read_through: Arc<AtomicU64>,
}

impl Drain {
    pub fn new(shared: &ServiceContext, ingest: &Ingest) -> Self {
        let (stopping, grace) = (shared.stopping.clone(), shared.limits.drain_grace);
        Self { stopping, grace, read_through: ingest.read_through() }
    }
}

/// The responses of a stream: the opening answer, then results as they come, with the notice of the server's end among
/// them.
pub fn respond(responder: Responder<OperationKey, Stored>, answer: Answer, drain: Drain) -> Responses<IngestResponse> {
    let Answer { opened, first_sequence, only_problems } = answer;
    let Drain { stopping, grace, read_through } = drain;
    let mut results = responder.respond(|finished| finished);
    let mut progress = Progress::new(first_sequence);
    let mut opened = Some(opened);
    let mut stopping = Some(Box::pin(stopping.cancelled_owned()));
    Box::pin(stream::poll_fn(move |context| {
        if opened.is_some() {
            return Poll::Ready(Some(Ok(IngestResponse { opened: opened.take(), ..response(&progress) })));
        }
        if let Some(stopped) = &mut stopping
            && stopped.poll_unpin(context).is_ready()
        {
            stopping = None;
            let grace_period = grace.try_into().ok();
            let draining = IngestDraining { read_through: read_through.load(Ordering::Relaxed), grace_period };
            return Poll::Ready(Some(Ok(IngestResponse { draining: Some(draining), ..response(&progress) })));
        }
        results.poll_next_unpin(context).map_ok(|finished| {
            let results = finished.into_iter().map(|finished| to_result(finished, &mut progress));
            let results = results.filter(|result| !only_problems || result.error.is_some()).collect();
            IngestResponse { results, ..response(&progress) }
        })
    }))
}

/// A response that says how far the stream has come.
fn response(progress: &Progress) -> IngestResponse {
    let (durable_through, position) = (progress.through(), progress.position().to_owned());
    IngestResponse { durable_through, position, ..IngestResponse::default() }
}

/// Indexes a few documents and waits for all their results, which it returns in order.
///
/// # Errors
/// If the server is stopping, or at capacity.
pub async fn upsert(
    shared: &ServiceContext,
    opened: Opened,
    documents: Vec<Bytes>,
) -> Result<Vec<OperationResult>, Fault> {
    let Opened { mut ingest, mut results, .. } = opened;
    let sizes: Vec<_> = documents.iter().map(Bytes::len).collect();
    let places = ingest.tickets.places(&sizes)?;
    counter!(names::RECEIVED, "call" => "upsert").increment(documents.len() as u64);
    // `ingest` moves in and is dropped with the last document, which is how the results end.
    let submit = async move {
        for (bytes, place) in documents.into_iter().zip(places) {
            let ticket: Ticket<OperationKey, Stored> = ingest.tickets.at(place).await?;
            let submission: Submission = upsert_of(bytes.len(), parse_document(&bytes, &shared.limits));
            ingest.submit(ticket, submission).await?;
        }
        Ok(())
    };
    // Results are taken while documents are sent, so that the slots of the first come back for the last.
    let collect = async {
        let mut progress = Progress::new(1);
        let mut all = Vec::new();
        while let Some(finished) = results.recv().await {
            all.push(to_result(finished, &mut progress));
        }
        all.sort_unstable_by_key(|result| result.sequence);
        all
    };
    let (submitted, all): (Result<(), Fault>, _) = tokio::join!(submit, collect);
    submitted.map(|()| all)
}

/// Converts an operation's result for its client, and notes it.
fn to_result(finished: Finished<OperationKey, Stored>, progress: &mut Progress) -> OperationResult {
    let OperationKey { sequence, id, position } = finished.key;
    let (status, stats, error) = match finished.outcome {
        Ok(Stored::Indexed(indexed)) => (OperationStatus::Indexed, Some((&indexed).into()), None),
        Ok(Stored::Unchanged) => (OperationStatus::Unchanged, None, None),
        Ok(Stored::Deleted) => (OperationStatus::Deleted, None, None),
        Ok(Stored::Superseded) => (OperationStatus::Superseded, None, None),
        Err(fault) if fault.reason.blames_item() => (OperationStatus::Rejected, None, Some(fault.into())),
        Err(fault) => (OperationStatus::Failed, None, Some(fault.into())),
    };
    match status {
        OperationStatus::Failed => progress.fail(sequence),
        _ => progress.finish(sequence, position.clone()),
    }
    OperationResult { sequence, id: id.map(Into::into), status: status.into(), error, stats, position }
}
