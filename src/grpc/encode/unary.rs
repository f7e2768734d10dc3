//! `Encode`: encodes the texts of a unary call.

use crate::grpc::context::ServiceContext;
use crate::pipeline::{EncodeOptions, EncodedVector, ItemResult, Urgency};
use crate::types::{ApiError, ErrorReason};

/// Encodes texts and returns their vectors in order.
///
/// # Errors
/// If a text can't be encoded (the error names it), the server is shutting down, or it is at capacity (`OVERLOADED`).
pub async fn encode_texts(
    context: &ServiceContext,
    options: EncodeOptions,
    texts: Vec<String>,
) -> Result<Vec<EncodedVector>, ApiError> {
    let (encode, mut results) = context.pipeline.start_encode(Urgency::Interactive, options);
    let count = texts.len();
    let sizes: Vec<_> = texts.iter().map(String::len).collect();
    let reservations = encode.tickets.try_reserve_all(&sizes)?;
    let submit = async move {
        for (number, (text, reservation)) in (0u64..).zip(texts.into_iter().zip(reservations)) {
            encode.submit(encode.tickets.acquire_for(reservation).await?, number, Ok(text)).await?;
        }
        Ok(())
    };
    // Results are received while texts are submitted: otherwise their slots would be used up before the last text, a deadlock.
    let collect = async {
        let mut outcomes: Vec<Option<Result<_, ApiError>>> = vec![None; count];
        while let Some(ItemResult { key, outcome }) = results.recv().await {
            if let Some(outcome_slot) = usize::try_from(key).ok().and_then(|key| outcomes.get_mut(key)) {
                *outcome_slot = Some(outcome);
            }
        }
        outcomes
    };
    let (submitted, outcomes): (Result<(), ApiError>, _) = tokio::join!(submit, collect);
    submitted?;
    let encoded = outcomes.into_iter().enumerate().map(|(index, outcome)| {
        let outcome = outcome.unwrap_or_else(|| Err(missing_result_error()));
        outcome
            .map_err(|error| ApiError { field: String::new(), ..error }.with_field_prefix(&format!("texts[{index}]")))
    });
    encoded.collect()
}

fn missing_result_error() -> ApiError {
    ApiError::new(ErrorReason::Internal, "", "the pipeline returned no result for the text; retry the call")
}
