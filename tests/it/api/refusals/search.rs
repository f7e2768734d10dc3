//! `Search` and `Explain`.

use prost_types::Timestamp;
use splade_sidecar::proto::condition::Kind;
use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::field_condition::Test;
use splade_sidecar::proto::match_value::Kind as ValueKind;
use splade_sidecar::proto::search_request::Query;
use splade_sidecar::proto::{
    Condition, ExplainRequest, FieldCondition, Filter, HasIdCondition, IsEmptyCondition, LongText, MatchValue,
    MatchValues, NumberRange, Pruning, SearchRequest, SparseVector, TimeRange,
};
use tonic::Code;

use super::{Call, Case, check, invalid};
use crate::api::by_text;
use crate::support::documents::{document, key, num, options, uuid};
use crate::support::sidecar::on_both_stores;

fn search() -> SearchRequest {
    by_text("docs", "the moon")
}

fn by_vector(indices: &[u32], values: &[f32]) -> Call {
    let vector = SparseVector { indices: indices.to_vec(), values: values.to_vec() };
    Call::Search(SearchRequest { query: Some(Query::Vector(vector)), ..search() })
}

fn of_searches() -> Vec<Case> {
    let pruning = Some(Pruning { min_weight: f32::NAN, ..Default::default() });
    let too_much = Some(Pruning { weight_share: 1.1, ..Default::default() });
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
        (Call::Search(by_text("docs", " ")), Code::InvalidArgument, "EMPTY_TEXT", "text"),
        (Call::Search(by_text("docs", &"x".repeat(2 << 20))), Code::InvalidArgument, "TEXT_TOO_LONG", "text"),
        invalid(by_vector(&[1, 2], &[0.5]), "vector"),
        invalid(by_vector(&[1, 2, 1], &[0.5; 3]), "vector"),
        invalid(by_vector(&[1, 2], &[0.5, f32::NAN]), "vector"),
        invalid(Call::Search(SearchRequest { limit: 1_001, ..search() }), "limit"),
        invalid(Call::Search(SearchRequest { offset: 10_001, ..search() }), "offset"),
        invalid(Call::Search(SearchRequest { score_threshold: Some(f32::NAN), ..search() }), "score_threshold"),
        invalid(Call::Search(SearchRequest { pruning, ..search() }), "pruning.min_weight"),
        invalid(Call::Search(SearchRequest { window_overlap: Some(16), ..search() }), "window_overlap"),
        invalid(Call::Search(SearchRequest { long_text: 4, ..search() }), "long_text"),
        invalid(Call::Search(SearchRequest { pruning: too_much, ..search() }), "pruning.weight_share"),
    ]
}

fn filtered(filter: Filter) -> Call {
    Call::Search(SearchRequest { filter: Some(filter), ..search() })
}

fn must(kind: Option<Kind>) -> Filter {
    Filter { must: vec![Condition { kind }], ..Default::default() }
}

fn field(key: &str, test: Option<Test>) -> Call {
    filtered(must(Some(Kind::Field(FieldCondition { key: key.to_owned(), test }))))
}

fn is_red() -> Option<Test> {
    Some(Test::Equals(MatchValue { kind: Some(ValueKind::Keyword("red".to_owned())) }))
}

fn of_filters() -> Vec<Case> {
    let deeper = |filter, _| must(Some(Kind::Filter(filter)));
    let too_deep = (0..16).fold(Filter::default(), deeper);
    let red = Condition { kind: Some(Kind::IsEmpty(IsEmptyCondition { key: "red".to_owned() })) };
    let should = vec![Condition { kind: None }];
    let wide = Filter { must_not: vec![red; 1_001], ..Default::default() };
    let has = |ids| filtered(must(Some(Kind::HasId(HasIdCondition { ids }))));
    let any = |keywords: &[&str], integers: &[i64]| {
        let keywords = keywords.iter().map(|&keyword| keyword.to_owned()).collect();
        field("color", Some(Test::Any(MatchValues { keywords, integers: integers.to_vec() })))
    };
    let number = |gt| field("n", Some(Test::Number(NumberRange { gt, ..Default::default() })));
    let time = |lt| field("when", Some(Test::Time(TimeRange { lt, ..Default::default() })));
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
        invalid(filtered(must(None)), "filter.must[0]"),
        invalid(filtered(Filter { should, ..Default::default() }), "filter.should[0]"),
        invalid(filtered(too_deep), deep),
        invalid(filtered(wide), "filter.must_not[1000]"),
        invalid(field("color", None), "filter.must[0].field"),
        invalid(field("", is_red()), "filter.must[0].field.key"),
        invalid(field(&"k".repeat(513), is_red()), "filter.must[0].field.key"),
        invalid(field("color", Some(Test::Equals(MatchValue { kind: None }))), "filter.must[0].field.equals"),
        invalid(any(&[], &[]), "filter.must[0].field.any"),
        invalid(any(&["red"], &[1]), "filter.must[0].field.any"),
        invalid(any(&[], &[1; 1_001]), "filter.must[0].field.any"),
        invalid(number(None), "filter.must[0].field.number"),
        invalid(number(Some(f64::NAN)), "filter.must[0].field.number"),
        invalid(time(None), "filter.must[0].field.time"),
        invalid(time(Some(late)), "filter.must[0].field.time.lt"),
        invalid(time(Some(no_time)), "filter.must[0].field.time.lt"),
        invalid(has(vec![]), "filter.must[0].has_id.ids"),
        invalid(has(vec![num(1), uuid("no")]), "filter.must[0].has_id.ids[1].uuid"),
    ]
}

fn explain(collection: &str, query: &str, document: Option<Explained>) -> Call {
    let (collection, query) = (collection.to_owned(), query.to_owned());
    Call::Explain(ExplainRequest { collection, query, document, ..Default::default() })
}

fn of_explanations() -> Vec<Case> {
    let one = || Some(Explained::Id(num(1)));
    let not_there = |id| explain("docs", "the moon", Some(Explained::Id(id)));
    let text = |text: &str| explain("docs", "the moon", Some(Explained::Text(text.to_owned())));
    let pruned = |document, query_pruning, document_pruning| {
        let query = "the moon".to_owned();
        let collection = "docs".to_owned();
        Call::Explain(ExplainRequest {
            collection,
            query,
            document,
            query_pruning,
            document_pruning,
            ..Default::default()
        })
    };
    let with_overlap = |document| {
        let (collection, query) = ("docs".to_owned(), "the moon".to_owned());
        let (long_text, window_overlap) = (LongText::Window.into(), Some(126));
        let request = ExplainRequest { collection, query, document, long_text, window_overlap, ..Default::default() };
        Call::Explain(request)
    };
    let negative = Some(Pruning { min_weight: -1.0, ..Default::default() });
    let of_text = || Some(Explained::Text("the moon".to_owned()));
    vec![
        invalid(explain("docs", "the moon", None), "document"),
        (explain("docs", "", one()), Code::InvalidArgument, "EMPTY_TEXT", "query"),
        (text(" "), Code::InvalidArgument, "EMPTY_TEXT", "text"),
        invalid(explain("", "the moon", one()), "collection"),
        (explain("absent", "the moon", one()), Code::NotFound, "COLLECTION_NOT_FOUND", "collection"),
        (not_there(num(2)), Code::NotFound, "DOCUMENT_NOT_FOUND", "id"),
        // An id of another kind is another id.
        (not_there(key("1")), Code::NotFound, "DOCUMENT_NOT_FOUND", "id"),
        invalid(not_there(uuid("no")), "id.uuid"),
        invalid(not_there(key("")), "id.key"),
        invalid(with_overlap(one()), "window_overlap"),
        invalid(with_overlap(of_text()), "window_overlap"),
        invalid(pruned(one(), negative, None), "query_pruning.min_weight"),
        invalid(pruned(of_text(), None, negative), "document_pruning.min_weight"),
        invalid(pruned(one(), None, Some(Pruning::default())), "document_pruning"),
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

/// The store finds this one; both say it alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_no_path_is_named() {
    on_both_stores(async |sidecar| {
        sidecar.ingest(options("docs"), vec![document(num(1), "the moon")]).await;
        let status = field("a[", is_red()).send(sidecar).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("a["), "{}", status.message());
    })
    .await;
}
