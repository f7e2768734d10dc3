//! Paths of fields in nested values.

use std::fmt;

/// Path such as `payload.tags[3].name`, as a linked list of references to the parent levels.
///
/// The path is formatted only for errors. Building a string for each value would need quadratic memory for a field with
/// a long name and many elements.
///
/// # Examples
///
/// ```
/// use splade_sidecar::types::FieldPath;
///
/// let payload = FieldPath::new("payload");
/// let tags = payload.field("tags");
/// assert_eq!(tags.element(3).field("name").to_string(), "payload.tags[3].name");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FieldPath<'a> {
    parent: Option<&'a FieldPath<'a>>,
    segment: PathSegment<'a>,
}

#[derive(Debug, Clone, Copy)]
enum PathSegment<'a> {
    Field(&'a str),
    Element(usize),
}

impl<'a> FieldPath<'a> {
    /// Creates the path of a top-level field.
    pub fn new(field: &'a str) -> Self {
        Self { parent: None, segment: PathSegment::Field(field) }
    }

    /// Appends a field name.
    pub fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), segment: PathSegment::Field(name) }
    }

    /// Appends the index of a list element.
    pub fn element(&'a self, index: usize) -> Self {
        Self { parent: Some(self), segment: PathSegment::Element(index) }
    }
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.segment {
            PathSegment::Field(name) if self.parent.is_none() => f.write_str(name),
            PathSegment::Field(name) => write!(f, ".{name}"),
            PathSegment::Element(index) => write!(f, "[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_from_the_outermost_field() {
        let payload = FieldPath::new("payload");
        let (tags, other) = (payload.field("tags"), payload.field(""));
        assert_eq!(tags.element(3).field("name").to_string(), "payload.tags[3].name");
        assert_eq!((payload.to_string(), other.to_string()), ("payload".to_owned(), "payload.".to_owned()));
    }
}
