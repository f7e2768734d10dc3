//! Selects values of nested fields by dotted names such as `meta.year` and `paragraphs.text`.
//!
//! A name is matched level by level. A key that is the whole rest of the name wins over one that is only its beginning, and a
//! longer beginning over a shorter one, so a key with a dot in it is found as it is written. Lists are transparent: a name goes
//! on in each element.

use serde_json::Value;

use super::fields::Fields;

/// The end of a name that goes beyond one key; `None` where the key is all of it.
type Rest<'n> = Option<&'n str>;

/// Returns the key of an object that a name begins with, its value, and the rest of the name.
pub fn step<'o, 'n>(object: &'o Fields, name: &'n str) -> Option<(&'n str, &'o Value, Rest<'n>)> {
    split(name).find_map(|(key, rest)| Some((key, object.get(key)?, rest)))
}

/// Whether a name is that of a column, or of a value inside it.
pub fn is_within(name: &str, column: &str) -> bool {
    name.strip_prefix(column).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether a value of a name is there, be it null.
pub fn contains(object: &Fields, name: &str) -> bool {
    match step(object, name) {
        Some((_, value, Some(rest))) => contains_inside(value, rest),
        Some((_, _, None)) => true,
        None => false,
    }
}

/// Keeps only what the names select.
pub fn keep(object: &mut Fields, names: &[&str]) {
    prune(object, names, |value, rests| match rests {
        Rests::Whole => true,
        Rests::None => false,
        Rests::Inside(names) => keep_inside(value, names),
    });
}

/// Removes what the names select, and the objects and lists that are empty without it.
pub fn remove(object: &mut Fields, names: &[&str]) {
    prune(object, names, |value, rests| match rests {
        Rests::Whole => false,
        Rests::None => true,
        Rests::Inside(names) => !is_emptied(value, names),
    });
}

/// What some names select of a value.
enum Rests<'a> {
    Whole,
    None,
    Inside(&'a [&'a str]),
}

fn prune(object: &mut Fields, names: &[&str], stays: impl Fn(&mut Value, Rests<'_>) -> bool) {
    let steps: Vec<_> = names.iter().filter_map(|name| step(object, name).map(|(key, _, rest)| (key, rest))).collect();
    object.retain(|key, value| {
        let rests = || steps.iter().filter(|(selected, _)| selected == key).map(|(_, rest)| rest);
        if rests().any(Option::is_none) {
            return stays(value, Rests::Whole);
        }
        match rests().flatten().copied().collect::<Vec<_>>().as_slice() {
            [] => stays(value, Rests::None),
            names => stays(value, Rests::Inside(names)),
        }
    });
}

fn contains_inside(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(object) => contains(object, name),
        Value::Array(elements) => elements.iter().any(|element| contains_inside(element, name)),
        _ => false,
    }
}

/// Keeps what the names select inside a value; whether anything is left.
fn keep_inside(value: &mut Value, names: &[&str]) -> bool {
    match value {
        Value::Object(object) => {
            keep(object, names);
            !object.is_empty()
        }
        Value::Array(elements) => {
            elements.retain_mut(|element| keep_inside(element, names));
            !elements.is_empty()
        }
        _ => false,
    }
}

/// Removes what the names select inside a value; whether that was all there was.
fn is_emptied(value: &mut Value, names: &[&str]) -> bool {
    match value {
        Value::Object(object) => {
            let was_empty = object.is_empty();
            remove(object, names);
            object.is_empty() && !was_empty
        }
        Value::Array(elements) => {
            let was_empty = elements.is_empty();
            elements.retain_mut(|element| !is_emptied(element, names));
            elements.is_empty() && !was_empty
        }
        _ => false,
    }
}

/// Returns the ways to take a name apart into a key and a rest, the longest key first.
fn split(name: &str) -> impl Iterator<Item = (&str, Rest<'_>)> {
    let parts = name.rmatch_indices('.').filter_map(|(at, _)| Some((name.get(..at)?, name.get(at + 1..))));
    std::iter::once((name, None)).chain(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::cli::ingest::mapping::tests::any_json;

    fn object(value: Value) -> Fields {
        value.as_object().unwrap().clone()
    }

    fn kept(value: Value, names: &[&str]) -> Value {
        let mut object = object(value);
        keep(&mut object, names);
        object.into()
    }

    fn without(value: Value, names: &[&str]) -> Value {
        let mut object = object(value);
        remove(&mut object, names);
        object.into()
    }

    #[test]
    fn nesting_is_kept() {
        let record = json!({"meta": {"year": 2023, "by": {"name": "Ann", "age": 7}}, "tags": ["x"], "n": null});
        assert_eq!(kept(record.clone(), &["meta.year", "tags"]), json!({"meta": {"year": 2023}, "tags": ["x"]}));
        assert_eq!(
            kept(record.clone(), &["meta.by.name", "meta.year"]),
            json!({"meta": {"year": 2023, "by": {"name": "Ann"}}})
        );
        assert_eq!(kept(record.clone(), &["meta", "meta.year", "n"]), json!({"meta": record["meta"], "n": null}));
        assert_eq!(kept(record, &["meta.absent", "tags.x", "absent.a"]), json!({}));
        let lists = json!({"by": [{"name": "A", "age": 1}, {"age": 2}, [{"name": "C"}], "D"]});
        assert_eq!(kept(lists, &["by.name"]), json!({"by": [{"name": "A"}, [{"name": "C"}]]}));
    }

    #[test]
    fn what_is_emptied_is_removed_and_what_was_empty_stays() {
        let record = json!({"a": {"body": "b"}, "c": {"d": {"body": "b"}, "n": 1}, "e": {}, "p": [{"t": 1}, {}]});
        let names = ["a.body", "c.d.body", "e.body", "p.t"];
        assert_eq!(without(record, &names), json!({"c": {"n": 1}, "e": {}, "p": [{}]}));
        assert_eq!(without(json!({"p": [{"t": 1}, {"t": 2}], "n": 1}), &["p.t"]), json!({"n": 1}));
    }

    #[test]
    fn a_key_with_a_dot_wins() {
        let record = json!({"a.b": 1, "a": {"b": 2, "c": 3}});
        assert_eq!(step(&object(record.clone()), "a.b").unwrap().1, &json!(1));
        assert_eq!(kept(record.clone(), &["a.b"]), json!({"a.b": 1}));
        assert_eq!(without(record.clone(), &["a.b"]), json!({"a": {"b": 2, "c": 3}}));
        assert_eq!(kept(record, &["a.c"]), json!({"a": {"c": 3}}));
        assert!(is_within("a.b", "a") && is_within("a.b", "a.b") && !is_within("ab", "a") && !is_within("a", "a.b"));
    }

    proptest! {
        /// Law: what is kept and what is removed make up the whole: every leaf is in one of them, and none is in both.
        #[test]
        fn every_leaf_is_kept_or_removed(
            fields in prop::collection::btree_map("[ab]{1,2}", any_json(), 0..4),
            names in prop::collection::vec("[ab.]{1,5}", 0..3),
        ) {
            let fields: Fields = fields.into_iter().collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (mut kept, mut rest) = (fields.clone(), fields.clone());
            keep(&mut kept, &names);
            remove(&mut rest, &names);
            let (mut parts, mut whole) = (Vec::new(), Vec::new());
            leaves(&kept.clone().into(), &mut parts);
            leaves(&rest.into(), &mut parts);
            leaves(&fields.clone().into(), &mut whole);
            parts.sort();
            whole.sort();
            prop_assert_eq!(parts, whole);
            prop_assert_eq!(names.iter().any(|name| contains(&fields, name)), !kept.is_empty());
        }
    }

    fn leaves(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => object.values().for_each(|value| leaves(value, found)),
            Value::Array(elements) => elements.iter().for_each(|value| leaves(value, found)),
            leaf => found.push(leaf.to_string()),
        }
    }
}
