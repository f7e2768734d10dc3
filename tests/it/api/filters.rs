//! Filters through the API: every kind of condition, with equal results on both stores.

use prost_types::Timestamp;
use serde_json::json;
use splade_sidecar::proto::condition::Test;
use splade_sidecar::proto::match_value::Kind;
use splade_sidecar::proto::{
    Condition, Document, DocumentIds, Filter, MatchValue, MatchValues, NumberRange, SearchRequest, TimeRange,
};

use super::{assert_indexed, by_text, ids, search};
use crate::support::documents::{document, key, num, options, sample_texts, to_payload, uuid};
use crate::support::sidecar::{Sidecar, on_both_stores};

const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Returns documents a to f. Their names are in the payload, because their ids are of different kinds.
fn documents() -> Vec<Document> {
    let payloads = [
        json!({
            "name": "a", "color": "red", "n": 1, "ok": true, "price": 1.5, "when": "2024-01-01T00:00:00Z",
            "author": { "name": "ann", "born": 1970 }, "chapters": [{ "title": "x" }, { "title": "y" }],
        }),
        json!({
            "name": "b", "color": "green", "n": 2, "ok": false, "price": 2.5, "when": "2024-06-01T12:00:00+02:00",
            "author": { "name": "bob" }, "chapters": [{ "title": "z" }],
        }),
        json!({ "name": "c", "color": ["red", "blue"], "n": [3, 40], "when": "2023-01-01T00:00:00.5Z" }),
        json!({ "name": "d", "color": null, "n": -5, "chapters": [] }),
        json!({ "name": "e", "n": 4_294_967_296u64 }),
        json!({ "name": "f" }),
    ];
    let ids = [num(1), num(2), uuid(UUID), key("shelf/4"), key("1"), num(6)];
    let documents = ids.into_iter().zip(payloads).zip(sample_texts(6));
    let document =
        |((id, fields), text): ((_, _), String)| Document { payload: Some(to_payload(fields)), ..document(id, &text) };
    documents.map(document).collect()
}

/// Returns a condition without a field.
fn condition(test: Test) -> Condition {
    field("", test)
}

fn field(path: &str, test: Test) -> Condition {
    Condition { path: path.to_owned(), test: Some(test) }
}

fn equals(path: &str, kind: Kind) -> Condition {
    field(path, Test::Match(MatchValue { kind: Some(kind) }))
}

fn is(path: &str, keyword: &str) -> Condition {
    equals(path, Kind::Keyword(keyword.to_owned()))
}

fn keywords(keywords: &[&str]) -> MatchValues {
    MatchValues { keywords: keywords.iter().map(|&keyword| keyword.to_owned()).collect(), integers: Vec::new() }
}

fn integers(integers: &[i64]) -> MatchValues {
    MatchValues { keywords: Vec::new(), integers: integers.to_vec() }
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn empty(path: &str) -> Condition {
    field(path, Test::IsEmpty(true))
}

fn must(must: Vec<Condition>) -> Filter {
    Filter { must, ..Default::default() }
}

fn should(should: Vec<Condition>) -> Filter {
    Filter { should, ..Default::default() }
}

fn must_not(must_not: Vec<Condition>) -> Filter {
    Filter { must_not, ..Default::default() }
}

/// Returns single conditions, each with the documents that match.
fn conditions() -> Vec<(Condition, &'static str)> {
    let number = |path, range| field(path, Test::Range(range));
    let when = |range| field("when", Test::TimeRange(range));
    let (new_year, june) = (time("2024-01-01T00:00:00Z"), time("2024-06-01T10:00:00Z"));
    let some_ids = vec![num(1), num(99), uuid(UUID), key("shelf/4"), key("nowhere")];
    vec![
        (is("color", "red"), "ac"),
        (equals("n", Kind::Integer(40)), "c"),
        (equals("n", Kind::Integer(4_294_967_296)), "e"),
        (equals("ok", Kind::Boolean(false)), "b"),
        (field("color", Test::MatchAny(keywords(&["green", "blue", "black"]))), "bc"),
        (field("n", Test::MatchAny(integers(&[1, 3, 99]))), "ac"),
        (field("color", Test::MatchNone(keywords(&["red"]))), "bc"),
        (field("n", Test::MatchNone(integers(&[1, 2]))), "cde"),
        (number("price", NumberRange { gte: Some(1.5), lt: Some(2.5), ..Default::default() }), "a"),
        (number("price", NumberRange { gt: Some(1.5), lte: Some(2.5), ..Default::default() }), "b"),
        (number("n", NumberRange { lt: Some(0.0), ..Default::default() }), "d"),
        (when(TimeRange { gte: new_year, lt: june, ..Default::default() }), "a"),
        (when(TimeRange { gt: new_year, lte: june, ..Default::default() }), "b"),
        (when(TimeRange { lt: time("2023-01-01T00:00:00.6Z"), ..Default::default() }), "c"),
        (when(TimeRange { lt: time("2023-01-01T00:00:00.4Z"), ..Default::default() }), ""),
        (condition(Test::HasId(DocumentIds { ids: some_ids })), "acd"),
        (empty("color"), "def"),
        (empty("chapters"), "cdef"),
        (field("color", Test::IsEmpty(false)), "abc"),
        (field("chapters", Test::IsEmpty(false)), "ab"),
        (is("author.name", "ann"), "a"),
        (empty("author.born"), "bcdef"),
        (is("chapters[].title", "y"), "a"),
        (condition(Test::Filter(should(vec![is("name", "a"), is("name", "f")]))), "af"),
    ]
}

/// Returns combined filters, each with the documents that match.
fn filters() -> Vec<(Filter, &'static str)> {
    let (red, bob) = (|| is("color", "red"), || is("author.name", "bob"));
    let nested = |filter| condition(Test::Filter(filter));
    vec![
        (Filter::default(), "abcdef"),
        (must(vec![red(), empty("ok")]), "c"),
        (should(vec![red(), bob()]), "abc"),
        (must_not(vec![red(), bob()]), "def"),
        (Filter { must: vec![red()], should: vec![bob(), empty("price")], must_not: vec![] }, "c"),
        (Filter { must: vec![empty("price")], should: vec![], must_not: vec![red(), is("name", "f")] }, "de"),
        (must_not(vec![nested(must(vec![red(), empty("ok")])), bob()]), "adef"),
    ]
}

/// Returns the names of the documents that match.
async fn passing(sidecar: &Sidecar, filter: Filter) -> String {
    let request = SearchRequest { filter: Some(filter), ..by_text("docs", "the moon") };
    let found = ids(&search(sidecar, request).await);
    let letters =
        documents().into_iter().zip('a'..).filter(|(document, _)| found.contains(document.id.as_ref().unwrap()));
    letters.map(|(_, letter)| letter).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_match_the_expected_documents() {
    on_both_stores(async |sidecar| {
        assert_indexed(&sidecar.ingest(options("docs"), documents()).await);
        let single = conditions().into_iter().map(|(condition, passes)| (must(vec![condition]), passes));
        for (filter, passes) in single.chain(filters()) {
            assert_eq!(passing(sidecar, filter.clone()).await, passes, "{filter:#?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_levels_and_a_thousand_conditions_are_accepted() {
    on_both_stores(async |sidecar| {
        assert_indexed(&sidecar.ingest(options("docs"), documents()).await);
        let deeper = |filter, _| must(vec![condition(Test::Filter(filter))]);
        let deep = (1..16).fold(must(vec![is("color", "red")]), deeper);
        assert_eq!(passing(sidecar, deep).await, "ac");
        let mut wide = vec![is("color", "red")];
        wide.extend((1..1_000).map(|n| is("color", &format!("color {n}"))));
        assert_eq!(passing(sidecar, should(wide)).await, "ac");
    })
    .await;
}
