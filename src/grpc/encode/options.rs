//! Options of `Encode` and `EncodeStream`.

use crate::grpc::context::ServiceContext;
use crate::grpc::convert::{EncodingParams, parse_encoding, parse_role};
use crate::grpc::features::check_features;
use crate::pipeline::EncodeOptions;
use crate::proto::EncodeStreamOptions;
use crate::types::ApiError;

/// Validates the options of a call and selects the model.
///
/// # Errors
/// If an option is invalid (the error names the field), or the model doesn't exist (`UNKNOWN_MODEL`).
pub fn parse_encode_options(context: &ServiceContext, options: EncodeStreamOptions) -> Result<EncodeOptions, ApiError> {
    let EncodeStreamOptions { model, role, encoding, with_tokens: _, required_features } = options;
    check_features(&required_features)?;
    let role = parse_role(role)?;
    let model = context.models.get(&model)?;
    let encoding = parse_encoding(encoding, model.role_encoder(role), context.pruning_defaults.resolve(role, &model));
    let EncodingParams { long_text, pruning } = encoding.map_err(|error| error.with_field_prefix("encoding"))?;
    Ok(EncodeOptions { model, role, long_text, pruning })
}
