//! Selects values of nested fields by dotted names such as `meta.year` and `paragraphs.text`.
//!
//! A name is matched level by level. At each level the longest matching key wins, so that a key that contains a dot is found by
//! its own name. Lists are transparent: the rest of the name is matched in each element.

use serde_json::Value;

use super::fields::Fields;

/// Rest of a name after its first key; `None` if the key is the whole name.
type RemainingName<'n> = Option<&'n str>;

/// Returns the longest key of an object with which a name begins, its value, and the rest of the name.
pub fn match_key<'o, 'n>(object: &'o Fields, name: &'n str) -> Option<(&'n str, &'o Value, RemainingName<'n>)> {
    split_name(name).find_map(|(key, remaining)| Some((key, object.get(key)?, remaining)))
}

/// Returns whether a name refers to a column or to a field inside it.
pub fn is_within(name: &str, column: &str) -> bool {
    name.strip_prefix(column).is_some_and(|remaining| remaining.is_empty() || remaining.starts_with('.'))
}

/// Returns whether an object has a value, which may be null, for a name.
pub fn contains(object: &Fields, name: &str) -> bool {
    match match_key(object, name) {
        Some((_, value, Some(remaining))) => contains_nested(value, remaining),
        Some((_, _, None)) => true,
        None => false,
    }
}

/// Keeps only the values that the names select.
pub fn retain_selected(object: &mut Fields, names: &[&str]) {
    retain_by_match(object, names, |value, name_match| match name_match {
        NameMatch::Whole => true,
        NameMatch::None => false,
        NameMatch::Nested(names) => retain_nested(value, names),
    });
}

/// Removes the values that the names select, and the objects and lists that become empty.
pub fn remove_selected(object: &mut Fields, names: &[&str]) {
    retain_by_match(object, names, |value, name_match| match name_match {
        NameMatch::Whole => false,
        NameMatch::None => true,
        NameMatch::Nested(names) => !remove_nested(value, names),
    });
}

/// Part of a value that is selected by names.
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

/// Keeps what the names select inside a value. Returns whether anything is left.
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

/// Removes what the names select inside a value. Returns whether the value became empty.
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

/// Returns all ways to split a name into a key and a rest, longest key first.
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
        /// Law: each leaf is either kept or removed, never both.
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
