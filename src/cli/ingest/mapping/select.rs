//! Selects values of nested fields by dotted names such as `meta.year` and `paragraphs.text`.
//!
//! A name is matched level by level. A key that is the whole rest of the name wins over one that is only its beginning, and a
//! longer beginning over a shorter one, so a key with a dot in it is found as it is written. Lists are transparent: a name goes
//! on in each element.

use serde_json::Value;

use super::fields::Fields;

/// The end of a name that goes beyond one key; `None` where the key is all of it.
type RemainingName<'n> = Option<&'n str>;

/// Returns the key of an object that a name begins with, its value, and the rest of the name.
pub fn match_key<'o, 'n>(object: &'o Fields, name: &'n str) -> Option<(&'n str, &'o Value, RemainingName<'n>)> {
    split_name(name).find_map(|(key, remaining)| Some((key, object.get(key)?, remaining)))
}

/// Whether a name is that of a column, or of a value inside it.
pub fn is_within(name: &str, column: &str) -> bool {
    name.strip_prefix(column).is_some_and(|remaining| remaining.is_empty() || remaining.starts_with('.'))
}

/// Whether a value of a name is there, be it null.
pub fn contains(object: &Fields, name: &str) -> bool {
    match match_key(object, name) {
        Some((_, value, Some(remaining))) => contains_nested(value, remaining),
        Some((_, _, None)) => true,
        None => false,
    }
}

/// Keeps only what the names select.
pub fn retain_selected(object: &mut Fields, names: &[&str]) {
    retain_by_match(object, names, |value, name_match| match name_match {
        NameMatch::Whole => true,
        NameMatch::None => false,
        NameMatch::Nested(names) => retain_nested(value, names),
    });
}

/// Removes what the names select, and the objects and lists that are empty without it.
pub fn remove_selected(object: &mut Fields, names: &[&str]) {
    retain_by_match(object, names, |value, name_match| match name_match {
        NameMatch::Whole => false,
        NameMatch::None => true,
        NameMatch::Nested(names) => !remove_nested(value, names),
    });
}

/// What some names select of a value.
enum NameMatch<'a> {
    Whole,
    None,
    Nested(&'a [&'a str]),
}

fn retain_by_match(object: &mut Fields, names: &[&str], should_keep: impl Fn(&mut Value, NameMatch<'_>) -> bool) {
    let matched_keys: Vec<_> =
        names.iter().filter_map(|name| match_key(object, name).map(|(key, _, remaining)| (key, remaining))).collect();
    object.retain(|key, value| {
        let remaining_names =
            || matched_keys.iter().filter(|(selected, _)| selected == key).map(|(_, remaining)| remaining);
        if remaining_names().any(Option::is_none) {
            return should_keep(value, NameMatch::Whole);
        }
        match remaining_names().flatten().copied().collect::<Vec<_>>().as_slice() {
            [] => should_keep(value, NameMatch::None),
            names => should_keep(value, NameMatch::Nested(names)),
        }
    });
}

fn contains_nested(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(object) => contains(object, name),
        Value::Array(elements) => elements.iter().any(|element| contains_nested(element, name)),
        _ => false,
    }
}

/// Keeps what the names select inside a value; whether anything is left.
fn retain_nested(value: &mut Value, names: &[&str]) -> bool {
    match value {
        Value::Object(object) => {
            retain_selected(object, names);
            !object.is_empty()
        }
        Value::Array(elements) => {
            elements.retain_mut(|element| retain_nested(element, names));
            !elements.is_empty()
        }
        _ => false,
    }
}

/// Removes what the names select inside a value; whether that was all there was.
fn remove_nested(value: &mut Value, names: &[&str]) -> bool {
    match value {
        Value::Object(object) => {
            let was_empty = object.is_empty();
            remove_selected(object, names);
            object.is_empty() && !was_empty
        }
        Value::Array(elements) => {
            let was_empty = elements.is_empty();
            elements.retain_mut(|element| !remove_nested(element, names));
            elements.is_empty() && !was_empty
        }
        _ => false,
    }
}

/// Returns the ways to take a name apart into a key and a rest, the longest key first.
fn split_name(name: &str) -> impl Iterator<Item = (&str, RemainingName<'_>)> {
    let parts = name.rmatch_indices('.').filter_map(|(dot, _)| Some((name.get(..dot)?, name.get(dot + 1..))));
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
        retain_selected(&mut object, names);
        object.into()
    }

    fn without(value: Value, names: &[&str]) -> Value {
        let mut object = object(value);
        remove_selected(&mut object, names);
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
        assert_eq!(match_key(&object(record.clone()), "a.b").unwrap().1, &json!(1));
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
            retain_selected(&mut kept, &names);
            remove_selected(&mut rest, &names);
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
