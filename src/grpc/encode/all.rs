//! A few texts, without a stream.

use crate::grpc::context::ServiceContext;
use crate::pipeline::{EncodeOptions, Encoded, Finished, Urgency};
use crate::types::{Fault, Reason};

/// Encodes texts and waits for all their vectors, which it returns in order.
///
/// # Errors
/// A text that can't be encoded, by its field; a server that is stopping, or at capacity.
pub async fn encode_all(
    shared: &ServiceContext,
    options: EncodeOptions,
    texts: Vec<String>,
) -> Result<Vec<Encoded>, Fault> {
    let (encode, mut vectors) = shared.pipeline.encode(Urgency::Interactive, options);
    let count = texts.len();
    let sizes: Vec<_> = texts.iter().map(String::len).collect();
    let places = encode.tickets.places(&sizes)?;
    let submit = async move {
        for (number, (text, place)) in (0u64..).zip(texts.into_iter().zip(places)) {
            encode.submit(encode.tickets.at(place).await?, number, Ok(text)).await?;
        }
        Ok(())
    };
    // Vectors are taken while texts are sent, so that the slots of the first come back for the last.
    let collect = async {
        let mut all: Vec<Option<Result<_, Fault>>> = vec![None; count];
        while let Some(Finished { key, outcome }) = vectors.recv().await {
            if let Some(place) = usize::try_from(key).ok().and_then(|key| all.get_mut(key)) {
                *place = Some(outcome);
            }
        }
        all
    };
    let (submitted, all): (Result<(), Fault>, _) = tokio::join!(submit, collect);
    submitted?;
    let all = all.into_iter().enumerate().map(|(index, outcome)| {
        let outcome = outcome.unwrap_or_else(|| Err(Fault::new(Reason::Internal, "", "no result")));
        outcome.map_err(|fault| Fault { field: String::new(), ..fault }.within(&format!("texts[{index}]")))
    });
    all.collect()
}
