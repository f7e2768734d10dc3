//! Looks for the named fields among the columns of a file, so that a wrong name is reported once and not for each row.

use anyhow::bail;

use super::{DEFAULT_ID_FIELD, ID_FLAG, Mapping, NamedField, TEXT_FLAG, select, shorten};

/// How many columns a message lists.
const MAX_LISTED: usize = 20;

/// Longer names are compared with nothing.
const MAX_COMPARED_CHARS: usize = 64;

/// A column of a file, or a field inside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its dotted name. Lists are no part of it, so it is `paragraphs.text` for each paragraph's text.
    pub name: String,
    /// Whether its values may hold fields that the file doesn't declare, such as JSON or a map.
    pub is_open: bool,
    /// Whether it is inside another column.
    pub is_nested: bool,
}

impl Mapping {
    /// Looks for the fields in columns that don't say what is inside them.
    ///
    /// # Errors
    /// If the id or the text has no column.
    pub fn check_columns<'a>(&self, columns: impl Iterator<Item = &'a str> + Clone) -> anyhow::Result<()> {
        let columns: Vec<_> =
            columns.map(|name| Column { name: name.to_owned(), is_open: true, is_nested: false }).collect();
        self.check_schema(&columns)
    }

    /// Looks for the fields in all columns and what they declare to be inside them. Notes the payload fields that are there.
    ///
    /// # Errors
    /// If the id or the text has no column.
    pub fn check_schema(&self, columns: &[Column]) -> anyhow::Result<()> {
        let is_default_id = self.id_field == DEFAULT_ID_FIELD;
        let id = (!is_default_id).then_some(NamedField { name: &self.id_field, flag: ID_FLAG });
        let texts = self.text_fields.iter().map(|name| NamedField { name, flag: TEXT_FLAG });
        if let Some(missing) = texts.chain(id).find(|named| !self.has_column(columns, named.name)) {
            bail!("{}", describe_missing(missing, columns));
        }
        for named in self.named_fields().filter(|named| columns.iter().any(|column| column.name == named.name)) {
            self.seen.insert(named.name);
        }
        Ok(())
    }

    fn has_column(&self, columns: &[Column], name: &str) -> bool {
        let is_in = |column: &Column| column.name == name || (column.is_open && select::is_within(name, &column.name));
        columns.iter().any(is_in) || self.partitions.keys().any(|partition| partition == name)
    }
}

fn describe_missing(NamedField { name, flag }: NamedField<'_>, columns: &[Column]) -> String {
    let listed = list(columns.iter().filter(|column| !column.is_nested).map(|column| column.name.as_str()), MAX_LISTED);
    let suggestion = suggest(name, columns.iter().map(|column| column.name.as_str()));
    format!("it has no column `{name}`, but {listed}; {suggestion}name the right one with {flag}")
}

/// Lists names up to a number of them, and says how many more there are.
pub fn list<'a>(names: impl Iterator<Item = &'a str> + Clone, max: usize) -> String {
    let mut listed = names.clone().take(max).map(shorten).collect::<Vec<_>>().join(", ");
    match names.skip(max).count() {
        0 if listed.is_empty() => "none".to_owned(),
        0 => listed,
        more => {
            listed.push_str(&format!(" and {more} more"));
            listed
        }
    }
}

/// Asks for the name that was probably meant; empty if none is near.
pub fn suggest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let near = candidates.filter_map(|candidate| Some((distance(name, candidate)?, candidate)));
    near.min().map(|(_, candidate)| format!("did you mean `{candidate}`? ")).unwrap_or_default()
}

/// How far a candidate is from a name; `None` if it is another word.
fn distance(name: &str, candidate: &str) -> Option<usize> {
    if [name, candidate].iter().any(|text| text.chars().count() > MAX_COMPARED_CHARS) {
        return None;
    }
    let (name, candidate) = (name.to_lowercase(), candidate.to_lowercase());
    // What is inside a column is often named without it.
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
            assert_eq!(suggest(name, columns.into_iter()), format!("did you mean `{meant}`? "), "{name}");
        }
        let long = "x".repeat(10_000);
        for name in ["price", "", "zz", &long] {
            assert_eq!(suggest(name, columns.into_iter().chain([&long[1..]])), "", "{name}");
        }
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(list(["a", "b"].into_iter(), 2), "a, b");
        assert_eq!(list(["a", "b", "c"].into_iter(), 1), "a and 2 more");
        assert_eq!(list(std::iter::empty(), 1), "none");
        assert!(list(["é".repeat(900).as_str()].into_iter(), 1).chars().count() < 100);
    }
}
