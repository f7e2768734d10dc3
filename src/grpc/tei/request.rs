//! What a request asks for: how its text is encoded.

use crate::grpc::context::ServiceContext;
use crate::grpc::convert::check_text;
use crate::grpc::faults::invalid;
use crate::pipeline::EncodeOptions;
use crate::proto::tei::{EmbedSparseRequest, TruncationDirection};
use crate::types::{Fault, LongText, Reason, Role};

/// The field of a request that has the text.
const INPUTS: &str = "inputs";

/// Returns how a text is encoded unless its request says otherwise.
///
/// # Errors
/// If there is no default model.
pub fn default_options(shared: &ServiceContext) -> Result<EncodeOptions, Fault> {
    let (model, role) = (shared.models.get("")?, Role::default());
    let pruning = shared.pruning.of(role, &model);
    Ok(EncodeOptions { model, role, long_text: LongText::Reject, pruning })
}

/// Returns how a request's text is encoded. Each request of a stream may ask for something else.
///
/// # Errors
/// A text or an option that is invalid, by its field.
pub fn embed_options(shared: &ServiceContext, request: &EmbedSparseRequest) -> Result<EncodeOptions, Fault> {
    let checked = check_text(&request.inputs, shared.limits.text_bytes);
    checked.map_err(|fault| Fault { field: INPUTS.to_owned(), ..fault })?;
    let (role, long_text) = (parse_role(request.prompt_name.as_deref())?, parse_long_text(request)?);
    let options = default_options(shared)?;
    Ok(EncodeOptions { role, long_text, pruning: shared.pruning.of(role, &options.model), ..options })
}

/// There are no roles in this API. A prompt says the same: what a text is for.
fn parse_role(prompt_name: Option<&str>) -> Result<Role, Fault> {
    match prompt_name {
        None | Some("document") => Ok(Role::Document),
        Some("query") => Ok(Role::Query),
        Some(other) => {
            let message = format!("there is no prompt `{other}`; use `query` or `document`, or leave it out");
            Err(invalid("prompt_name", message))
        }
    }
}

fn parse_long_text(request: &EmbedSparseRequest) -> Result<LongText, Fault> {
    let value = request.truncation_direction;
    match (request.truncate, TruncationDirection::try_from(value)) {
        (false, Ok(_)) => Ok(LongText::Reject),
        (true, Ok(TruncationDirection::Right)) => Ok(LongText::Truncate),
        (true, Ok(TruncationDirection::Left)) => Ok(LongText::TruncateLeft),
        (_, Err(_)) => {
            let message = format!("{value} is no value of TruncationDirection; use one that is");
            Err(invalid("truncation_direction", message))
        }
    }
}

/// Names a text's fault in this API's terms. The pipeline calls the field `text`.
pub fn at_inputs(fault: Fault) -> Fault {
    let message = match fault.reason {
        _ if fault.field != "text" => return fault,
        Reason::TextTooLong => {
            let problem = fault.message.split(';').next().unwrap_or_default();
            format!("{problem}; split it, or set `truncate`")
        }
        _ => fault.message,
    };
    Fault::new(fault.reason, INPUTS, message)
}
