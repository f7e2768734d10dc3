//! Where a value lies in a nested one.

use std::fmt;

/// A path such as `payload.tags[3].name`, as links to the levels above.
///
/// It is written out only where something is wrong: texts for each value would take a field with a long name and many
/// elements the square of its size.
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
    /// The outermost field.
    pub fn new(field: &'a str) -> Self {
        Self { parent: None, segment: PathSegment::Field(field) }
    }

    /// A field of what is here.
    pub fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), segment: PathSegment::Field(name) }
    }

    /// An element of the list that is here.
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
    fn reads_from_the_outside_in() {
        let payload = FieldPath::new("payload");
        let (tags, other) = (payload.field("tags"), payload.field(""));
        assert_eq!(tags.element(3).field("name").to_string(), "payload.tags[3].name");
        assert_eq!((payload.to_string(), other.to_string()), ("payload".to_owned(), "payload.".to_owned()));
    }
}
