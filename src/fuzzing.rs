//! What the fuzz targets of `fuzz/` call: the ways by which bytes from outside come in, and the laws that hold for any bytes.
//!
//! No part of the service. A law that is broken is a panic, which is how a fuzzer is told.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use prost::Message;

use crate::cli::ingest::{
    Batch, Dialect, Format, Input, Mapping, Part, Plan, Selection, Shard, Start, TextEncoding, list,
};
use crate::grpc::convert::{
    PayloadFields, PayloadLimits, parse_batch_points, parse_document, parse_operation, parse_payload, parse_pruning,
    parse_text_field,
};
use crate::grpc::{MOST_NESTED, RequestLimits};
use crate::model::{Backend, Model, TokenBatch, YieldPoint};
use crate::proto;
use crate::types::{
    Fault, Filter, Point, Pruning, RESERVED_PREFIX, Role, SparseVector, check_collection_name, is_blank,
};

/// A document's bytes: it is refused with a reason, or all of it can be stored and given back.
pub fn document(bytes: &[u8]) {
    let limits = RequestLimits::default();
    let document = match parse_document(&Bytes::copy_from_slice(bytes), &limits) {
        Ok(document) => document,
        Err(unreadable) => return check_fault(&unreadable.fault),
    };
    assert!(!is_blank(&document.text) && document.text.len() <= limits.text_bytes);
    assert!(document.dense.values().flatten().all(|value| value.is_finite()));
    assert!(document.payload.keys().all(|name| !name.starts_with(RESERVED_PREFIX)));
    let limits = PayloadLimits { bytes: usize::MAX, depth: MOST_NESTED };
    let returned = PayloadFields::new(document.payload.clone(), proto::PayloadFormat::Json);
    assert_eq!(parse_payload(None, &returned.payload_json, limits).unwrap(), document.payload, "a payload comes back");
    let id = document.id.clone();
    assert!(proto::DocumentId::from(id.clone()).kind.is_some());
    assert_eq!(Point::new(document, SparseVector::default(), "text").id, id.point_id());
}

/// A search request's bytes, as far as it is checked before anything is asked of a store.
pub fn search_request(bytes: &[u8]) {
    let Ok(request) = proto::SearchRequest::decode(bytes) else { return };
    let _ = check_collection_name(&request.collection).map_err(|fault| check_fault(&fault));
    let _ = request.filter.map(Filter::try_from).transpose().map_err(|fault| check_fault(&fault));
    let Some(query) = request.query else { return };
    let pruning = parse_pruning(query.encoding.and_then(|encoding| encoding.pruning), Pruning::default());
    let pruning = pruning.map_err(|fault| check_fault(&fault)).unwrap_or_default();
    if let Some(proto::query::Kind::SparseVector(vector)) = query.kind
        && let Ok(mut vector) = SparseVector::try_from(vector)
    {
        let terms = vector.len();
        let pruned = vector.prune(pruning);
        assert_eq!(vector.len() + pruned.terms, terms);
        assert!(vector.indices().is_sorted() && vector.values().iter().all(|value| value.is_finite()));
    }
}

/// The options of an ingest stream.
pub fn ingest_options(bytes: &[u8]) {
    let Ok(ingest) = proto::IngestOptions::decode(bytes) else { return };
    let _ = check_collection_name(&ingest.collection).map_err(|fault| check_fault(&fault));
    let _ = parse_text_field(ingest.text_field).map_err(|fault| check_fault(&fault));
    let _ = parse_batch_points(ingest.batch_points).map_err(|fault| check_fault(&fault));
}

/// An operation's bytes: it is refused with a reason, or it changes a document.
pub fn operation(bytes: &[u8]) {
    if let Err(unreadable) = parse_operation(&Bytes::copy_from_slice(bytes), &RequestLimits::default()).change {
        check_fault(&unreadable.fault);
    }
}

fn check_fault(fault: &Fault) {
    assert!(!fault.message.is_empty() && fault.message.len() <= 1_100, "{fault:?}");
}

/// A file of JSON lines: no line is lost, each is a document that can be sent or has a reason why not.
pub fn json_lines(bytes: &[u8]) {
    let Ok(lines) = read_file(bytes, Format::Jsonl) else { return };
    let written = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).split_inclusive(|&byte| byte == b'\n');
    assert_eq!(lines, written.filter(|line| !line.trim_ascii().is_empty()).count(), "each line that is not blank");
}

/// A file of CSV: the same.
pub fn csv(bytes: &[u8]) {
    let _ = read_file(bytes, Format::Csv);
}

/// A file of Parquet: the same.
pub fn parquet(bytes: &[u8]) {
    let _ = read_file(bytes, Format::Parquet);
}

/// Tells how many lines there are that are not blank, unless the file is refused as a whole.
fn read_file(bytes: &[u8], format: Format) -> Result<usize, String> {
    let mapping = Mapping::default();
    let part = Part { shard: Shard::WHOLE, collection: "docs".to_owned() };
    let plan = Plan {
        mapping,
        dialect: Dialect::default(),
        encoding: TextEncoding::Utf8,
        part,
        follow: None,
        has_checkpoint: false,
        is_final: true,
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let sources =
        list(&[file.path().to_owned()], &Selection { format: Some(format), ..Selection::default() }).unwrap().sources;
    let mut lines = Vec::new();
    let read = Input::open(sources.into(), Start::default(), &plan).and_then(|input| {
        input.read(&plan, |batch| {
            if let Batch::Lines(batch) = batch {
                lines.extend(batch);
            }
            true
        })
    });
    let end = read.map_err(|error| format!("{error:#}"))?;
    assert!(end.is_some_and(|end| end.place.bytes == bytes.len() as u64));
    assert!(lines.is_sorted_by(|a, b| a.place.lines < b.place.lines && a.place.bytes <= b.place.bytes));
    let count = lines.len();
    for line in lines {
        match line.document {
            Ok(encoded) => document(&encoded),
            Err(rejection) => assert!(!rejection.reason.is_empty() && !rejection.message.is_empty()),
        }
    }
    Ok(count)
}

/// A text through both sides of a model: its tokens have embeddings, fit into the encoder, and cut or in windows they are
/// the tokens of the whole.
pub fn text(model: &Model, text: &str) {
    for tokenizer in [Role::Document, Role::Query].map(|role| &model.side(role).tokenizer) {
        let (Ok(all), Ok(cut)) = (tokenizer.tokens(text), tokenizer.tokenize(text)) else { continue };
        let known = model.settings.vocabulary_size as u32;
        assert!(cut.ids.iter().all(|&id| id < known), "ids within the vocabulary");
        let Some(room) = tokenizer.room() else { continue };
        assert_eq!(cut.truncated, all.len() > room);
        assert_eq!(cut.ids, tokenizer.sequence(&all[..all.len().min(room)]).unwrap(), "a cut text is a beginning");
        let special: BTreeSet<u32> = tokenizer.sequence(&[]).unwrap().into_iter().collect();
        for window in all.chunks(room) {
            let sequence = tokenizer.sequence(window).unwrap();
            assert!(
                sequence.len() <= model.max_length(crate::types::Role::Document).unwrap_or(usize::MAX),
                "a window fits"
            );
            let rest = |ids: &[u32]| ids.iter().copied().filter(|id| !special.contains(id)).collect::<Vec<_>>();
            assert_eq!(rest(&sequence), rest(window), "a window is the tokens and special ones");
        }
    }
}

/// A model of any folder: it is refused with a reason, or it encodes.
pub fn model(folder: &Path) {
    match Model::load("fuzzed", folder, &Backend::default()).and_then(|model| model.warm_up().map(|()| model)) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(model) => {
            for role in [Role::Document, Role::Query] {
                let side = model.side(role);
                let Ok(tokens) = side.tokenizer.tokenize("The quick brown fox [MASK] déjà vu 42.") else { continue };
                let batch = TokenBatch::from_iter([&tokens.ids[..], tokens.ids.get(..1).unwrap_or_default()]);
                if let Ok(outputs) = side.encoder.encode(&batch, &mut YieldPoint::none()) {
                    assert_eq!(outputs.len(), 2);
                    let vectors = outputs.iter().flatten();
                    assert!(vectors.flat_map(SparseVector::values).all(|value| value.is_finite()));
                }
            }
        }
    }
}
