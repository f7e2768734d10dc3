//! Formats names for messages, and suggests similar ones.

/// Maximum number of characters of a name or value in a message.
const MAX_SHOWN_CHARS: usize = 40;

/// Maximum length of names that are compared: the edit distance takes quadratic time.
const MAX_COMPARED_CHARS: usize = 64;

/// Truncates a name or a value for a message.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Lists at most `max_names` names, followed by the number of further ones.
pub fn format_names<'a>(names: impl Iterator<Item = &'a str> + Clone, max_names: usize) -> String {
    let mut text = names.clone().take(max_names).map(shorten).collect::<Vec<_>>().join(", ");
    match names.skip(max_names).count() {
        0 if text.is_empty() => "none".to_owned(),
        0 => text,
        more => {
            text.push_str(&format!(" and {more} more"));
            text
        }
    }
}

/// Returns a question that suggests the nearest candidate; empty if none is similar.
pub fn format_suggestion<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let matches = candidates.filter_map(|candidate| Some((compute_distance(name, candidate)?, candidate)));
    matches.min().map(|(_, candidate)| format!("did you mean `{candidate}`? ")).unwrap_or_default()
}

/// Returns the edit distance of a similar candidate; `None` if more than a third of the characters, or more than three, differ.
fn compute_distance(name: &str, candidate: &str) -> Option<usize> {
    if [name, candidate].iter().any(|text| text.chars().count() > MAX_COMPARED_CHARS) {
        return None;
    }
    let (name, candidate) = (name.to_lowercase(), candidate.to_lowercase());
    // Nested fields are often given without the name of their column.
    if candidate.rsplit('.').next() == Some(name.as_str()) {
        return Some(usize::from(candidate != name));
    }
    let distance = strsim::osa_distance(name.trim(), candidate.trim());
    (distance <= name.chars().count().div_ceil(3).min(3)).then_some(distance + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let columns = ["id", "Text", "article.body", "year", " title"];
        for (name, meant) in [
            ("text", "Text"),
            ("txet", "Text"),
            ("body", "article.body"),
            ("article.bdy", "article.body"),
            ("years", "year"),
            ("title", " title"),
        ] {
            assert_eq!(format_suggestion(name, columns.into_iter()), format!("did you mean `{meant}`? "), "{name}");
        }
        let long = "x".repeat(10_000);
        for name in ["price", "", "zz", &long] {
            assert_eq!(format_suggestion(name, columns.into_iter().chain([&long[1..]])), "", "{name}");
        }
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(format_names(["a", "b"].into_iter(), 2), "a, b");
        assert_eq!(format_names(["a", "b", "c"].into_iter(), 1), "a and 2 more");
        assert_eq!(format_names(std::iter::empty(), 1), "none");
        assert!(format_names(["é".repeat(900).as_str()].into_iter(), 1).chars().count() < 100);
    }
}
