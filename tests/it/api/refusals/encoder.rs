//! Calls of `EncoderService`.

use splade_sidecar::proto::{
    EncodeRequest, EncodeStreamOptions, EncodeStreamRequest, EncodingOptions, GetModelRequest, LongText, Pruning,
};
use tonic::Code;

use super::{Call, Case, check, invalid};
use crate::api::{long_texts, pruned};
use crate::support::sidecar::Sidecar;

/// Adds a text to a request, so that it is valid except for the tested field.
fn with(request: EncodeRequest) -> Call {
    Call::Encode(EncodeRequest { texts: vec!["the moon".to_owned()], ..request })
}

fn texts(texts: Vec<String>) -> Call {
    Call::Encode(EncodeRequest { texts, ..Default::default() })
}

fn encoded(encoding: EncodingOptions) -> Call {
    with(EncodeRequest { encoding: Some(encoding), ..Default::default() })
}

fn pruning(min_weight: f32, weight_share: f32) -> Call {
    let (min_weight, weight_share) = (Some(min_weight), Some(weight_share));
    encoded(pruned(Pruning { max_terms: Some(1), min_weight, weight_share }))
}

fn overlap(long_text: LongText, window_overlap: u32) -> Call {
    encoded(EncodingOptions { window_overlap: Some(window_overlap), ..long_texts(long_text) })
}

fn cases() -> Vec<Case> {
    let moon = || "the moon".to_owned();
    let reject = Some(long_texts(LongText::Reject));
    let long = vec![moon(), "the sea ".repeat(200)];
    let no_such = || "no-such".to_owned();
    let late = EncodeStreamRequest { options: Some(EncodeStreamOptions::default()), texts: vec![] };
    let stream = |options| Call::EncodeStream(vec![EncodeStreamRequest { options: Some(options), texts: vec![] }]);
    vec![
        invalid(texts(vec![]), "texts"),
        invalid(texts(vec![moon(); 257]), "texts"),
        (texts(vec![moon(), String::new()]), Code::InvalidArgument, "EMPTY_TEXT", "texts[1]"),
        (texts(vec![" \t\n".to_owned()]), Code::InvalidArgument, "EMPTY_TEXT", "texts[0]"),
        (texts(vec![moon(), moon(), "x".repeat((1 << 20) + 1)]), Code::InvalidArgument, "TEXT_TOO_LONG", "texts[2]"),
        (
            Call::Encode(EncodeRequest { encoding: reject, texts: long, ..Default::default() }),
            Code::InvalidArgument,
            "TEXT_TOO_LONG",
            "texts[1]",
        ),
        (with(EncodeRequest { model: no_such(), ..Default::default() }), Code::NotFound, "UNKNOWN_MODEL", "model"),
        invalid(with(EncodeRequest { role: 3, ..Default::default() }), "role"),
        invalid(encoded(EncodingOptions { long_text: -1, ..Default::default() }), "encoding.long_text"),
        // A window has 126 tokens in addition to [CLS] and [SEP].
        invalid(overlap(LongText::Window, 126), "encoding.window_overlap"),
        invalid(overlap(LongText::Window, u32::MAX), "encoding.window_overlap"),
        invalid(overlap(LongText::Truncate, 16), "encoding.window_overlap"),
        invalid(overlap(LongText::Reject, 0), "encoding.window_overlap"),
        invalid(overlap(LongText::Unspecified, 16), "encoding.window_overlap"),
        invalid(pruning(f32::NAN, 0.5), "encoding.pruning.min_weight"),
        invalid(pruning(f32::INFINITY, 0.5), "encoding.pruning.min_weight"),
        invalid(pruning(-0.5, 0.5), "encoding.pruning.min_weight"),
        invalid(pruning(0.5, f32::NAN), "encoding.pruning.weight_share"),
        invalid(pruning(0.5, -0.5), "encoding.pruning.weight_share"),
        invalid(pruning(0.5, 1.5), "encoding.pruning.weight_share"),
        (Call::GetModel(GetModelRequest { model: "no-such".to_owned() }), Code::NotFound, "UNKNOWN_MODEL", "model"),
        invalid(stream(EncodeStreamOptions { role: 3, ..Default::default() }), "options.role"),
        invalid(
            stream(EncodeStreamOptions {
                encoding: Some(EncodingOptions { long_text: 4, ..Default::default() }),
                ..Default::default()
            }),
            "options.encoding.long_text",
        ),
        (
            stream(EncodeStreamOptions { model: no_such(), ..Default::default() }),
            Code::NotFound,
            "UNKNOWN_MODEL",
            "options.model",
        ),
        invalid(Call::EncodeStream(vec![EncodeStreamRequest::default(), late]), "options"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_says_what_is_wrong() {
    let sidecar = Sidecar::start(&[]).await;
    check(&sidecar, cases()).await;
    sidecar.stop_drained().await;
}
