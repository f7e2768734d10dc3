//! The first message of a stream, or the options of a unary call: how operations are taken, and into which collection.

use crate::catalog::{ModelChoice, check_incarnation};
use crate::grpc::context::ServiceContext;
use crate::grpc::convert::{
    Encoding, accept, is_only_problems, parse_batch_points, parse_collection_options, parse_encoding,
    parse_first_sequence, parse_text_field,
};
use crate::grpc::faults::invalid;
use crate::grpc::features::{check_features, check_unset};
use crate::pipeline::{Ingest, IngestOptions, Results, Urgency};
use crate::proto::{self, IngestOpened};
use crate::store::StoreError;
use crate::types::{Fault, Reason, Role, check_collection_name};

/// An opened collection: where operations go, where results come from, and how they are returned.
pub struct Opened {
    pub ingest: Ingest,
    pub results: Results,
    pub answer: Answer,
}

/// How a stream is answered.
pub struct Answer {
    pub opened: IngestOpened,
    pub first_sequence: u64,
    pub only_problems: bool,
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

/// Refuses options that only streams have.
///
/// # Errors
/// If one of them is set.
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
    check_creation(&options)?;
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
        None => return Err(no_collection(options.collection, &options.expected_incarnation)),
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

/// Checks that options agree on whether the collection is created.
fn check_creation(options: &proto::IngestOptions) -> Result<(), Fault> {
    if !options.create_collection && options.collection_options.is_some() {
        let message = "they apply to a collection that is created; omit them, or set create_collection";
        return Err(invalid("collection_options", message));
    }
    if options.create_collection && !options.expected_incarnation.is_empty() {
        let message = "a collection that is created has a new incarnation; omit it, or create_collection";
        return Err(invalid("expected_incarnation", message));
    }
    Ok(())
}

/// Returns the fault of a collection that doesn't exist.
fn no_collection(name: String, expected_incarnation: &str) -> Fault {
    if expected_incarnation.is_empty() {
        return StoreError::CollectionNotFound(name).into();
    }
    let message = format!(
        "collection `{name}` is gone, with all that was confirmed in it; find out why, then ingest all of it again"
    );
    Fault::new(Reason::CollectionNotFound, "collection", message)
}
