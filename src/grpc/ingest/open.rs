//! Opening of a collection for `Ingest` and `Upsert`, with the options of the first message or of the unary call.

use crate::catalog::{ModelSelector, check_incarnation};
use crate::grpc::context::ServiceContext;
use crate::grpc::convert::{
    EncodingParams, parse_batch_points, parse_collection_options, parse_encoding, parse_first_sequence,
    parse_ignore_fingerprint, parse_only_problems, parse_text_field,
};
use crate::grpc::errors::invalid_argument;
use crate::grpc::features::{check_features, check_unset};
use crate::pipeline::{IngestHandle, IngestOptions, OperationResults, Urgency};
use crate::proto::{self, IngestOpened};
use crate::store::StoreError;
use crate::types::{ApiError, ErrorReason, Role, check_collection_name};

/// Opened collection: handle to submit operations, receiver of their results, and options of the responses.
pub struct IngestSession {
    pub ingest: IngestHandle,
    pub results: OperationResults,
    pub response_options: ResponseOptions,
}

/// Options of the responses of a stream, and its first response.
pub struct ResponseOptions {
    pub opened: IngestOpened,
    pub first_sequence: u64,
    pub only_problems: bool,
}

/// Validates the options of a call and opens its collection, or creates it if requested.
///
/// # Errors
/// If an option is missing or invalid (the error names the field), the collection doesn't exist (`COLLECTION_NOT_FOUND`), was
/// written by another encoder (`FINGERPRINT_MISMATCH`) or has another incarnation (`INCARNATION_MISMATCH`), or the store fails.
pub async fn open_ingest(
    context: &ServiceContext,
    urgency: Urgency,
    options: Option<proto::IngestOptions>,
) -> Result<IngestSession, ApiError> {
    let options = options
        .ok_or_else(|| invalid_argument("options", "the options are missing; send them in the first message"))?;
    let (options, response_options) =
        open_collection(context, options).await.map_err(|error| error.with_field_prefix("options"))?;
    let (ingest, results) = context.pipeline.start_ingest(urgency, options);
    Ok(IngestSession { ingest, results, response_options })
}

/// Refuses options that apply only to streams.
///
/// # Errors
/// `INVALID_ARGUMENT` if one of them is set.
pub fn check_unary_options(options: Option<&proto::IngestOptions>) -> Result<(), ApiError> {
    let message = "the option applies only to streams; omit it, or use Ingest";
    match options {
        Some(options) if options.first_sequence != 0 => Err(invalid_argument("first_sequence", message)),
        Some(options) if options.result_filter != 0 => Err(invalid_argument("result_filter", message)),
        _ => Ok(()),
    }
}

async fn open_collection(
    context: &ServiceContext,
    options: proto::IngestOptions,
) -> Result<(IngestOptions, ResponseOptions), ApiError> {
    check_features(&options.required_features)?;
    check_unset("tenant", !options.tenant.is_empty())?;
    check_collection_name(&options.collection)?;
    let only_problems = parse_only_problems(options.result_filter)?;
    let first_sequence = parse_first_sequence(options.first_sequence)?;
    let should_create = options.create_collection;
    check_create_options(&options)?;
    let choice = ModelSelector {
        models: &context.models,
        model_name: &options.model,
        fingerprint_policy: parse_ignore_fingerprint(options.ignore_fingerprint),
    };
    // All options are validated before the collection is created, so that an invalid call doesn't create one.
    let existing = context.collections.fetch_optional(&options.collection).await?;
    let model = choice.select(existing.as_ref().map(|info| &info.spec))?;
    let spec = parse_collection_options(options.collection_options, &model)
        .map_err(|error| error.with_field_prefix("collection_options"))?;
    let (encoder, defaults) =
        (model.role_encoder(Role::Document), context.pruning_defaults.resolve(Role::Document, &model));
    let encoding = parse_encoding(options.encoding, encoder, defaults);
    let EncodingParams { long_text, pruning } = encoding.map_err(|error| error.with_field_prefix("encoding"))?;
    let text_field = parse_text_field(options.text_field)?;
    let batch_points = parse_batch_points(options.batch_points)?;
    let info = match existing {
        Some(info) => {
            // An interrupted creation may have left a collection without its shard keys.
            if should_create {
                context.collections.complete(&info, &spec).await?;
            }
            info
        }
        None if should_create => context.collections.create(&options.collection, spec).await?,
        None => return Err(collection_not_found_error(options.collection, &options.expected_incarnation)),
    };
    choice.check_fingerprint(&model, &info.name, &info.spec)?;
    check_incarnation(&info, &options.expected_incarnation)?;
    let (collection, spec) = (info.name.clone(), info.spec.clone());
    let opened = IngestOpened {
        collection: Some(info.into()),
        model: model.name.clone(),
        fingerprint: model.fingerprint.to_string(),
        server: Some(context.into()),
    };
    let skip_unchanged = options.skip_unchanged;
    let options = IngestOptions {
        model,
        collection,
        spec,
        long_text,
        pruning,
        text_field,
        max_batch_points: batch_points,
        skip_unchanged,
        first_sequence,
    };
    Ok((options, ResponseOptions { opened, first_sequence, only_problems }))
}

/// Checks that the options that depend on `create_collection` are consistent with it.
fn check_create_options(options: &proto::IngestOptions) -> Result<(), ApiError> {
    if !options.create_collection && options.collection_options.is_some() {
        let message = "the options apply only to a collection to create; omit them, or set `create_collection`";
        return Err(invalid_argument("collection_options", message));
    }
    if options.create_collection && !options.expected_incarnation.is_empty() {
        let message = "a created collection has a new incarnation; omit `expected_incarnation` or `create_collection`";
        return Err(invalid_argument("expected_incarnation", message));
    }
    Ok(())
}

/// Returns the error for a collection that doesn't exist. With an expected incarnation, the collection existed before.
fn collection_not_found_error(name: String, expected_incarnation: &str) -> ApiError {
    if expected_incarnation.is_empty() {
        return StoreError::CollectionNotFound(name).into();
    }
    let message = format!(
        "collection `{name}` was deleted, including all confirmed documents; find out why, then ingest all documents again"
    );
    ApiError::new(ErrorReason::CollectionNotFound, "collection", message)
}
