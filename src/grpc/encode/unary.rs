//! A few texts, without a stream.

use crate::grpc::context::ServiceContext;
use crate::pipeline::{EncodeOptions, EncodedVector, ItemResult, Urgency};
use crate::types::{ApiError, ErrorReason};

/// Encodes texts and waits for all their vectors, which it returns in order.
///
/// # Errors
/// A text that can't be encoded, by its field; a server that is stopping, or at capacity.
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
    // Vectors are taken while texts are sent, so that the slots of the first come back for the last.
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
        let outcome = outcome.unwrap_or_else(|| Err(ApiError::new(ErrorReason::Internal, "", "no result")));
        outcome
            .map_err(|error| ApiError { field: String::new(), ..error }.with_field_prefix(&format!("texts[{index}]")))
    });
    encoded.collect()
}
