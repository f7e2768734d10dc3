//! How the texts of a call are encoded.

use crate::grpc::context::ServiceContext;
use crate::grpc::convert::{Encoding, parse_encoding, parse_role};
use crate::grpc::features::check_features;
use crate::pipeline::EncodeOptions;
use crate::proto::EncodeStreamOptions;
use crate::types::Fault;

/// Checks a client's options.
///
/// # Errors
/// An option that is invalid, by its field; a model that is not served.
pub fn encode_options(shared: &ServiceContext, options: EncodeStreamOptions) -> Result<EncodeOptions, Fault> {
    let EncodeStreamOptions { model, role, encoding, with_tokens: _, required_features } = options;
    check_features(&required_features)?;
    let role = parse_role(role)?;
    let model = shared.models.get(&model)?;
    let encoding = parse_encoding(encoding, model.side(role), shared.pruning.of(role, &model));
    let Encoding { long_text, pruning } = encoding.map_err(|fault| fault.within("encoding"))?;
    Ok(EncodeOptions { model, role, long_text, pruning })
}
