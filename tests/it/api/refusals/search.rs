//! `Search` and `Explain`.

use prost_types::Timestamp;
use splade_sidecar::proto::condition::Test;
use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::match_value::Kind;
use splade_sidecar::proto::{
    Condition, DocumentIds, EncodingOptions, ExplainRequest, Filter, LongText, MatchValue, MatchValues, NumberRange,
    Pruning, Query, ReturnOptions, SearchRequest, SparseVector, TimeRange,
};
use tonic::Code;

use super::{Call, Case, check, invalid};
use crate::api::{by_text, encoded_query, long_texts, pruned};
use crate::support::documents::{document, key, num, options, uuid};
use crate::support::queries::{text_query, vector_query};
use crate::support::sidecar::on_both_stores;

fn search() -> SearchRequest {
    by_text("docs", "the moon")
}

fn by_vector(indices: &[u32], values: &[f32]) -> Call {
    let vector = SparseVector { indices: indices.to_vec(), values: values.to_vec() };
    Call::Search(SearchRequest { query: Some(vector_query(vector)), ..search() })
}

/// Returns a search by text with these encoding options.
fn encoded(encoding: EncodingOptions) -> Call {
    Call::Search(SearchRequest { query: encoded_query("the moon", encoding), ..search() })
}

fn of_searches() -> Vec<Case> {
    let nan = pruned(Pruning { min_weight: Some(f32::NAN), ..Default::default() });
    let too_much = pruned(Pruning { weight_share: Some(1.1), ..Default::default() });
    let overlap = EncodingOptions { window_overlap: Some(16), ..Default::default() };
    let vector = || vector_query(SparseVector { indices: vec![1], values: vec![0.5] });
    let windowed = Query { encoding: Some(long_texts(LongText::Window)), ..vector() };
    let pruned_vector = Query { encoding: Some(too_much), ..vector() };
    let elsewhere = Query { vector_name: "image".to_owned(), ..text_query("the moon") };
    let of = |query| Call::Search(SearchRequest { query: Some(query), ..search() });
    let fields = ReturnOptions { payload_fields: vec!["a".to_owned()], without_payload: true, ..Default::default() };
    vec![
        invalid(Call::Search(by_text("", "the moon")), "collection"),
        (Call::Search(by_text("absent", "the moon")), Code::NotFound, "COLLECTION_NOT_FOUND", "collection"),
        (
            Call::Search(SearchRequest { model: "no-such".to_owned(), ..search() }),
            Code::NotFound,
            "UNKNOWN_MODEL",
            "model",
        ),
        invalid(Call::Search(SearchRequest { query: None, ..search() }), "query"),
        invalid(of(Query::default()), "query"),
        (Call::Search(by_text("docs", " ")), Code::InvalidArgument, "EMPTY_TEXT", "query.text"),
        (Call::Search(by_text("docs", &"x".repeat(2 << 20))), Code::InvalidArgument, "TEXT_TOO_LONG", "query.text"),
        invalid(by_vector(&[1, 2], &[0.5]), "query.sparse_vector"),
        invalid(by_vector(&[1, 2, 1], &[0.5; 3]), "query.sparse_vector"),
        invalid(by_vector(&[1, 2], &[0.5, f32::NAN]), "query.sparse_vector"),
        // A vector is pruned, but not encoded.
        invalid(of(windowed), "query.encoding"),
        invalid(of(pruned_vector), "query.encoding.pruning.weight_share"),
        invalid(of(elsewhere), "query.vector_name"),
        invalid(Call::Search(SearchRequest { limit: 1_001, ..search() }), "limit"),
        invalid(Call::Search(SearchRequest { offset: 10_001, ..search() }), "offset"),
        invalid(Call::Search(SearchRequest { score_threshold: Some(f32::NAN), ..search() }), "score_threshold"),
        invalid(encoded(nan), "query.encoding.pruning.min_weight"),
        invalid(encoded(overlap), "query.encoding.window_overlap"),
        invalid(encoded(EncodingOptions { long_text: 4, ..Default::default() }), "query.encoding.long_text"),
        invalid(encoded(too_much), "query.encoding.pruning.weight_share"),
        invalid(
            Call::Search(SearchRequest { return_options: Some(fields), ..search() }),
            "return_options.payload_fields",
        ),
    ]
}

fn filtered(filter: Filter) -> Call {
    Call::Search(SearchRequest { filter: Some(filter), ..search() })
}

fn must(path: &str, test: Option<Test>) -> Filter {
    Filter { must: vec![Condition { path: path.to_owned(), test }], ..Default::default() }
}

fn field(path: &str, test: Option<Test>) -> Call {
    filtered(must(path, test))
}

fn is_red() -> Option<Test> {
    Some(Test::Match(MatchValue { kind: Some(Kind::Keyword("red".to_owned())) }))
}

fn of_filters() -> Vec<Case> {
    let deeper = |filter, _| must("", Some(Test::Filter(filter)));
    let too_deep = (0..16).fold(Filter::default(), deeper);
    let red = Condition { path: "red".to_owned(), test: Some(Test::IsEmpty(true)) };
    let should = vec![Condition::default()];
    let wide = Filter { must_not: vec![red; 1_001], ..Default::default() };
    let has = |ids| field("", Some(Test::HasId(DocumentIds { ids })));
    let filter = || Some(Test::Filter(Filter::default()));
    let any = |keywords: &[&str], integers: &[i64]| {
        let keywords = keywords.iter().map(|&keyword| keyword.to_owned()).collect();
        field("color", Some(Test::MatchAny(MatchValues { keywords, integers: integers.to_vec() })))
    };
    let number = |gt| field("n", Some(Test::Range(NumberRange { gt, ..Default::default() })));
    let time = |lt| field("when", Some(Test::TimeRange(TimeRange { lt, ..Default::default() })));
    let late = Timestamp { seconds: 253_402_300_800, nanos: 0 };
    let no_time = Timestamp { seconds: i64::MAX, nanos: 0 };
    let deep: &'static str = concat!(
        "filter",
        ".must[0].filter.must[0].filter.must[0].filter.must[0].filter",
        ".must[0].filter.must[0].filter.must[0].filter.must[0].filter",
        ".must[0].filter.must[0].filter.must[0].filter.must[0].filter",
        ".must[0].filter.must[0].filter.must[0].filter.must[0].filter",
    );
    vec![
        invalid(field("", None), "filter.must[0]"),
        invalid(filtered(Filter { should, ..Default::default() }), "filter.should[0]"),
        invalid(filtered(too_deep), deep),
        invalid(filtered(wide), "filter.must_not[1000]"),
        invalid(field("color", None), "filter.must[0]"),
        invalid(field("", is_red()), "filter.must[0].path"),
        invalid(field("", Some(Test::IsEmpty(true))), "filter.must[0].path"),
        invalid(field(&"k".repeat(513), is_red()), "filter.must[0].path"),
        // These conditions are not about a field, so a path is invalid.
        invalid(field("color", Some(Test::HasId(DocumentIds { ids: vec![num(1)] }))), "filter.must[0].path"),
        invalid(field("color", filter()), "filter.must[0].path"),
        invalid(field("color", Some(Test::Match(MatchValue { kind: None }))), "filter.must[0].match"),
        invalid(field("color", Some(Test::MatchNone(MatchValues::default()))), "filter.must[0].match_none"),
        invalid(any(&[], &[]), "filter.must[0].match_any"),
        invalid(any(&["red"], &[1]), "filter.must[0].match_any"),
        invalid(any(&[], &[1; 1_001]), "filter.must[0].match_any"),
        invalid(number(None), "filter.must[0].range"),
        invalid(number(Some(f64::NAN)), "filter.must[0].range.gt"),
        invalid(time(None), "filter.must[0].time_range"),
        invalid(time(Some(late)), "filter.must[0].time_range.lt"),
        invalid(time(Some(no_time)), "filter.must[0].time_range.lt"),
        invalid(has(vec![]), "filter.must[0].has_id.ids"),
        invalid(has(vec![num(1), uuid("no")]), "filter.must[0].has_id.ids[1].uuid"),
    ]
}

fn explain(collection: &str, query: &str, document: Option<Explained>) -> Call {
    let (collection, query) = (collection.to_owned(), Some(text_query(query)));
    Call::Explain(ExplainRequest { collection, query, document, ..Default::default() })
}

fn of_explanations() -> Vec<Case> {
    let one = || Some(Explained::DocumentId(num(1)));
    let not_there = |id| explain("docs", "the moon", Some(Explained::DocumentId(id)));
    let text = |text: &str| explain("docs", "the moon", Some(Explained::DocumentText(text.to_owned())));
    let encoded = |document, of_query: Option<EncodingOptions>, document_encoding| {
        let collection = "docs".to_owned();
        let query = Some(Query { encoding: of_query, ..text_query("the moon") });
        Call::Explain(ExplainRequest { collection, query, document, document_encoding, ..Default::default() })
    };
    let overlap = Some(EncodingOptions { window_overlap: Some(126), ..long_texts(LongText::Window) });
    let negative = Some(pruned(Pruning { min_weight: Some(-1.0), ..Default::default() }));
    let of_text = || Some(Explained::DocumentText("the moon".to_owned()));
    let without_query = ExplainRequest { collection: "docs".to_owned(), document: one(), ..Default::default() };
    vec![
        invalid(explain("docs", "the moon", None), "document"),
        invalid(Call::Explain(without_query), "query"),
        (explain("docs", "", one()), Code::InvalidArgument, "EMPTY_TEXT", "query.text"),
        (text(" "), Code::InvalidArgument, "EMPTY_TEXT", "document_text"),
        invalid(explain("", "the moon", one()), "collection"),
        (explain("absent", "the moon", one()), Code::NotFound, "COLLECTION_NOT_FOUND", "collection"),
        (not_there(num(2)), Code::NotFound, "DOCUMENT_NOT_FOUND", "document_id"),
        // Ids of different kinds are different.
        (not_there(key("1")), Code::NotFound, "DOCUMENT_NOT_FOUND", "document_id"),
        invalid(not_there(uuid("no")), "document_id.uuid"),
        invalid(not_there(key("")), "document_id.key"),
        invalid(encoded(one(), overlap, None), "query.encoding.window_overlap"),
        invalid(encoded(of_text(), overlap, None), "query.encoding.window_overlap"),
        invalid(encoded(of_text(), None, overlap), "document_encoding.window_overlap"),
        invalid(encoded(one(), negative, None), "query.encoding.pruning.min_weight"),
        invalid(encoded(of_text(), None, negative), "document_encoding.pruning.min_weight"),
        invalid(encoded(one(), None, Some(EncodingOptions::default())), "document_encoding"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_says_what_is_wrong() {
    on_both_stores(async |sidecar| {
        sidecar.ingest(options("docs"), vec![document(num(1), "the moon")]).await;
        check(sidecar, of_searches()).await;
        check(sidecar, of_filters()).await;
        check(sidecar, of_explanations()).await;
    })
    .await;
}

/// The store detects this error; both stores return equal messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_field_path_is_named() {
    on_both_stores(async |sidecar| {
        sidecar.ingest(options("docs"), vec![document(num(1), "the moon")]).await;
        let status = field("a[", is_red()).send(sidecar).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("a["), "{}", status.message());
    })
    .await;
}
