//! Calls of `EncoderService`.

use splade_sidecar::proto::{EncodeOptions, EncodeRequest, EncodeStreamRequest, GetModelRequest, LongText, Pruning};
use tonic::Code;

use super::{Call, Case, check, invalid};
use crate::support::sidecar::Sidecar;

fn options(options: EncodeOptions) -> Call {
    Call::Encode(EncodeRequest { options: Some(options), texts: vec!["the moon".to_owned()] })
}

fn texts(texts: Vec<String>) -> Call {
    Call::Encode(EncodeRequest { options: None, texts })
}

fn pruning(min_weight: f32, weight_share: f32) -> Call {
    let pruning = Some(Pruning { max_terms: 1, min_weight, weight_share });
    options(EncodeOptions { pruning, ..Default::default() })
}

fn overlap(long_text: LongText, window_overlap: u32) -> Call {
    let (long_text, window_overlap) = (long_text.into(), Some(window_overlap));
    options(EncodeOptions { long_text, window_overlap, ..Default::default() })
}

fn cases() -> Vec<Case> {
    let moon = || "the moon".to_owned();
    let reject = || Some(EncodeOptions { long_text: LongText::Reject.into(), ..Default::default() });
    let long = vec![moon(), "the sea ".repeat(200)];
    let no_such = || EncodeOptions { model: "no-such".to_owned(), ..Default::default() };
    let late = EncodeStreamRequest { options: Some(EncodeOptions::default()), texts: vec![] };
    let wrong_role = Some(EncodeOptions { role: 3, ..Default::default() });
    let stream = |options| Call::EncodeStream(vec![EncodeStreamRequest { options, texts: vec![] }]);
    vec![
        invalid(texts(vec![]), "texts"),
        invalid(texts(vec![moon(); 257]), "texts"),
        (texts(vec![moon(), String::new()]), Code::InvalidArgument, "EMPTY_TEXT", "texts[1]"),
        (texts(vec![" \t\n".to_owned()]), Code::InvalidArgument, "EMPTY_TEXT", "texts[0]"),
        (texts(vec![moon(), moon(), "x".repeat((1 << 20) + 1)]), Code::InvalidArgument, "TEXT_TOO_LONG", "texts[2]"),
        (
            Call::Encode(EncodeRequest { options: reject(), texts: long }),
            Code::InvalidArgument,
            "TEXT_TOO_LONG",
            "texts[1]",
        ),
        (options(no_such()), Code::NotFound, "UNKNOWN_MODEL", "options.model"),
        invalid(options(EncodeOptions { role: 3, ..Default::default() }), "options.role"),
        invalid(options(EncodeOptions { long_text: -1, ..Default::default() }), "options.long_text"),
        // A window has room for 126 tokens beside [CLS] and [SEP].
        invalid(overlap(LongText::Window, 126), "options.window_overlap"),
        invalid(overlap(LongText::Window, u32::MAX), "options.window_overlap"),
        invalid(overlap(LongText::Truncate, 16), "options.window_overlap"),
        invalid(overlap(LongText::Reject, 0), "options.window_overlap"),
        invalid(overlap(LongText::Unspecified, 16), "options.window_overlap"),
        invalid(pruning(f32::NAN, 0.5), "options.pruning.min_weight"),
        invalid(pruning(f32::INFINITY, 0.5), "options.pruning.min_weight"),
        invalid(pruning(-0.5, 0.5), "options.pruning.min_weight"),
        invalid(pruning(0.5, f32::NAN), "options.pruning.weight_share"),
        invalid(pruning(0.5, -0.5), "options.pruning.weight_share"),
        invalid(pruning(0.5, 1.5), "options.pruning.weight_share"),
        (Call::GetModel(GetModelRequest { model: "no-such".to_owned() }), Code::NotFound, "UNKNOWN_MODEL", "model"),
        invalid(stream(wrong_role), "options.role"),
        (stream(Some(no_such())), Code::NotFound, "UNKNOWN_MODEL", "options.model"),
        invalid(Call::EncodeStream(vec![EncodeStreamRequest::default(), late]), "options"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_says_what_is_wrong() {
    let sidecar = Sidecar::start(&[]).await;
    check(&sidecar, cases()).await;
    sidecar.end().await;
}
