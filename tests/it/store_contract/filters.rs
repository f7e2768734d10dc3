//! Filters.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use splade_sidecar::store::{SearchQuery, StoreError, VectorStore};
use splade_sidecar::types::{Condition, FieldRange, FieldTest, Filter, MatchValue, MatchValues, Point, PointId};
use uuid::Uuid;

use super::{create_with_points, numbers, payload, point, query, search};

/// Returns the payloads of points 1 to 6.
fn payloads() -> [Value; 6] {
    [
        json!({
            "color": "red", "n": 1, "ok": true, "price": 1.5, "when": "2024-01-01T00:00:00Z", "tags": ["a", "b"],
            "author": { "name": "ann", "born": 1970 },
            "chapters": [{ "title": "x", "pages": 10 }, { "title": "y", "pages": 200 }],
        }),
        json!({
            "color": "green", "n": 2, "ok": false, "price": 2.5, "when": "2024-06-01T12:00:00+02:00", "tags": ["b"],
            "author": { "name": "bob" }, "chapters": [{ "title": "z", "pages": 100 }],
        }),
        json!({ "color": ["red", "blue"], "n": [3, 40], "price": 3, "when": ["2023-01-01T00:00:00Z", "2025-01-01T00:00:00Z"] }),
        json!({ "color": null, "n": null, "tags": [], "author": {}, "chapters": [] }),
        json!({ "color": "Red", "n": -5, "ok": "true", "price": "2.5", "when": 1704067200, "tags": "a" }),
        json!({}),
    ]
}

fn points() -> Vec<Point> {
    let point = |(number, value)| Point { payload: payload(value), ..point(number, &[(1, number as f32 / 8.0)]) };
    (1..).zip(payloads()).map(point).collect()
}

fn field(key: &str, test: FieldTest) -> Condition {
    Condition::Field { key: key.into(), test }
}

fn is(key: &str, keyword: &str) -> Condition {
    field(key, FieldTest::Equals(MatchValue::Keyword(keyword.into())))
}

fn is_number(key: &str, integer: i64) -> Condition {
    field(key, FieldTest::Equals(MatchValue::Integer(integer)))
}

fn keywords(keywords: &[&str]) -> MatchValues {
    MatchValues::Keywords(keywords.iter().map(|&keyword| keyword.to_owned()).collect())
}

fn any_bound<T>() -> FieldRange<T> {
    FieldRange { lt: None, lte: None, gt: None, gte: None }
}

fn numbers_in(key: &str, range: FieldRange<f64>) -> Condition {
    field(key, FieldTest::NumberRange(range))
}

fn times_in(range: FieldRange<SystemTime>) -> Condition {
    field("when", FieldTest::TimeRange(range))
}

fn empty(key: &str) -> Condition {
    Condition::IsEmpty { key: key.into() }
}

fn must(must: Vec<Condition>) -> Filter {
    Filter { must, ..Filter::default() }
}

fn should(should: Vec<Condition>) -> Filter {
    Filter { should, ..Filter::default() }
}

fn must_not(must_not: Vec<Condition>) -> Filter {
    Filter { must_not, ..Filter::default() }
}

/// Returns single conditions, each with the points that match.
fn conditions() -> Vec<(Condition, Vec<u64>)> {
    let date = |days: u64| UNIX_EPOCH + Duration::from_secs(days * 86_400);
    let new_year_2024 = date(19_723);
    let june_2024_10_utc = date(19_875) + Duration::from_secs(10 * 3_600);
    let except = |key, values| field(key, FieldTest::Except(values));
    let any = |key, values| field(key, FieldTest::Any(values));
    let ok = |boolean| field("ok", FieldTest::Equals(MatchValue::Boolean(boolean)));
    vec![
        (is("color", "red"), vec![1, 3]),
        (is("color", ""), vec![]),
        (is("tags", "a"), vec![1, 5]),
        (is_number("n", 1), vec![1]),
        (is_number("n", 40), vec![3]),
        (is_number("n", -5), vec![5]),
        (is_number("color", 1), vec![]),
        (ok(true), vec![1]),
        (ok(false), vec![2]),
        (any("color", keywords(&["green", "blue", "black"])), vec![2, 3]),
        (any("n", MatchValues::Integers(vec![2, 3, 99])), vec![2, 3]),
        (except("color", keywords(&["red"])), vec![2, 3, 5]),
        (except("color", keywords(&["red", "blue", "Red"])), vec![2]),
        (except("n", MatchValues::Integers(vec![1, 3])), vec![2, 3, 5]),
        (numbers_in("price", FieldRange { gte: Some(1.5), lt: Some(2.5), ..any_bound() }), vec![1]),
        (numbers_in("price", FieldRange { gt: Some(1.5), lte: Some(3.0), ..any_bound() }), vec![2, 3]),
        (numbers_in("n", FieldRange { gt: Some(10.0), ..any_bound() }), vec![3]),
        (numbers_in("n", FieldRange { lt: Some(0.0), ..any_bound() }), vec![5]),
        (times_in(FieldRange { gte: Some(new_year_2024), lt: Some(june_2024_10_utc), ..any_bound() }), vec![1]),
        (times_in(FieldRange { gt: Some(new_year_2024), lte: Some(june_2024_10_utc), ..any_bound() }), vec![2]),
        (times_in(FieldRange { lt: Some(new_year_2024), ..any_bound() }), vec![3]),
        (times_in(FieldRange { gt: Some(june_2024_10_utc), ..any_bound() }), vec![3]),
        (Condition::HasId(vec![PointId::Num(2), PointId::Num(6), PointId::Uuid(Uuid::from_u128(2))]), vec![2, 6]),
        (Condition::HasId(vec![]), vec![]),
        (empty("color"), vec![4, 6]),
        (empty("tags"), vec![3, 4, 6]),
        (empty("author.born"), vec![2, 3, 4, 5, 6]),
        (is("author.name", "ann"), vec![1]),
        (numbers_in("author.born", FieldRange { lt: Some(2000.0), ..any_bound() }), vec![1]),
        (is("chapters[].title", "y"), vec![1]),
        (numbers_in("chapters[].pages", FieldRange { gte: Some(100.0), ..any_bound() }), vec![1, 2]),
        (is("absent.path", "x"), vec![]),
    ]
}

/// Returns combined filters, each with the points that match.
fn filters() -> Vec<(Filter, Vec<u64>)> {
    let red = || is("color", "red");
    let b = || is("tags", "b");
    let nested = |filter| Condition::Filter(filter);
    vec![
        (Filter::default(), vec![1, 2, 3, 4, 5, 6]),
        (must(vec![red(), b()]), vec![1]),
        (should(vec![red(), b()]), vec![1, 2, 3]),
        (must_not(vec![red(), b()]), vec![4, 5, 6]),
        (must_not(vec![empty("color")]), vec![1, 2, 3, 5]),
        (Filter { must: vec![b()], should: vec![red(), is_number("n", 99)], must_not: vec![] }, vec![1]),
        (Filter { must: vec![b()], should: vec![], must_not: vec![red()] }, vec![2]),
        (
            should(vec![nested(must(vec![red(), is_number("n", 3)])), nested(must_not(vec![empty("n"), red()]))]),
            vec![2, 3, 5],
        ),
        (must(vec![nested(should(vec![nested(must_not(vec![b()]))])), red()]), vec![3]),
        (must(vec![nested(Filter::default()), red()]), vec![1, 3]),
        (must(vec![Condition::HasId(vec![PointId::Num(1), PointId::Num(2)]), red()]), vec![1]),
    ]
}

pub async fn filters_select_the_expected_points(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &points()).await;
    let single = conditions().into_iter().map(|(condition, passes)| (must(vec![condition]), passes));
    for (filter, passes) in single.chain(filters()) {
        let hits = search(&store, &name, SearchQuery { filter: Some(filter.clone()), ..query(&[(1, 1.0)]) }).await;
        let mut found = numbers(&hits);
        found.sort_unstable();
        assert_eq!(found, passes, "{filter:#?}");
    }
}

/// The best matching points, with the scores that they have without the filter.
pub async fn a_filter_does_not_change_scores(store: Arc<dyn VectorStore>) {
    let points: Vec<_> = (1..=200).map(|id| point(id, &[(1, id as f32 / 8.0)])).collect();
    let name = create_with_points(&store, &points).await;
    let filter = must(vec![numbers_in("n", FieldRange { lte: Some(50.0), ..any_bound() })]);
    let narrowed = SearchQuery { filter: Some(filter), limit: 3, offset: 1, ..query(&[(1, 2.0)]) };
    let hits = search(&store, &name, narrowed).await;
    assert_eq!(numbers(&hits), [49, 48, 47]);
    assert_eq!(hits.iter().map(|hit| hit.score).collect::<Vec<_>>(), [12.25, 12.0, 11.75]);
}

pub async fn an_invalid_field_path_is_refused(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &points()).await;
    let filter = Some(must(vec![is("a[", "x")]));
    let outcome = store.search(&name, SearchQuery { filter, ..query(&[(1, 1.0)]) }).await;
    assert!(matches!(&outcome, Err(StoreError::Refused(message)) if message.contains("a[")), "{outcome:?}");
}
