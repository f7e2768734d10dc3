//! Encoding options of requests.

use crate::grpc::context::ServiceContext;
use crate::grpc::convert::check_text;
use crate::grpc::errors::invalid_argument;
use crate::pipeline::EncodeOptions;
use crate::proto::tei::{EmbedSparseRequest, TruncationDirection};
use crate::types::{ApiError, ErrorReason, LongTextPolicy, Role};

/// Name of the field that contains the text.
const INPUTS_FIELD: &str = "inputs";

/// Returns the default encoding options.
///
/// # Errors
/// `UNKNOWN_MODEL` if there is no default model.
pub fn build_default_options(context: &ServiceContext) -> Result<EncodeOptions, ApiError> {
    let (model, role) = (context.models.get("")?, Role::default());
    let pruning = context.pruning_defaults.resolve(role, &model);
    Ok(EncodeOptions { model, role, long_text: LongTextPolicy::Reject, pruning })
}

/// Validates a request and returns its encoding options. The requests of a stream may have different options.
///
/// # Errors
/// If the text or an option is invalid; the error names the field.
pub fn parse_embed_options(context: &ServiceContext, request: &EmbedSparseRequest) -> Result<EncodeOptions, ApiError> {
    let checked = check_text(&request.inputs, context.limits.max_text_bytes);
    checked.map_err(|error| ApiError { field: INPUTS_FIELD.to_owned(), ..error })?;
    let (role, long_text) = (parse_role(request.prompt_name.as_deref())?, parse_long_text(request)?);
    let options = build_default_options(context)?;
    Ok(EncodeOptions { role, long_text, pruning: context.pruning_defaults.resolve(role, &options.model), ..options })
}

/// Returns the role for a prompt name: `tei.v1` has no roles, and its clients select a prompt for queries or documents instead.
fn parse_role(prompt_name: Option<&str>) -> Result<Role, ApiError> {
    match prompt_name {
        None | Some("document") => Ok(Role::Document),
        Some("query") => Ok(Role::Query),
        Some(other) => {
            let message = format!("`{other}` is not a prompt; send `query` or `document`, or omit it");
            Err(invalid_argument("prompt_name", message))
        }
    }
}

fn parse_long_text(request: &EmbedSparseRequest) -> Result<LongTextPolicy, ApiError> {
    let value = request.truncation_direction;
    match (request.truncate, TruncationDirection::try_from(value)) {
        (false, Ok(_)) => Ok(LongTextPolicy::Reject),
        (true, Ok(TruncationDirection::Right)) => Ok(LongTextPolicy::Truncate),
        (true, Ok(TruncationDirection::Left)) => Ok(LongTextPolicy::TruncateLeft),
        (_, Err(_)) => {
            let message = format!("{value} is not a value of TruncationDirection; send a defined value");
            Err(invalid_argument("truncation_direction", message))
        }
    }
}

/// Converts an error of the pipeline about the field `text` to an error about `inputs`, with the remedy of `tei.v1`.
pub fn to_inputs_error(error: ApiError) -> ApiError {
    let message = match error.reason {
        _ if error.field != "text" => return error,
        ErrorReason::TextTooLong => {
            // Keeps the problem and replaces the remedy, which names options that `tei.v1` doesn't have.
            let problem = error.message.split(';').next().unwrap_or_default();
            format!("{problem}; split it, or set `truncate`")
        }
        _ => error.message,
    };
    ApiError::new(error.reason, INPUTS_FIELD, message)
}
