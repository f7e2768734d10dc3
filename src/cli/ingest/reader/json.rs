//! JSON: an object a line, or one array of objects.

use super::content::Content;
use super::json_array::JsonArray;
use super::jsonl::JsonLines;
use super::pieces::Pieces;
use super::{FilePosition, Next, Records};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::Mapping;

/// The records of a file whose first byte tells which of the two it is.
pub enum Json {
    /// Nothing was read yet: the first byte may have to be waited for.
    Unread(Option<(Content, Mapping)>),
    Lines(JsonLines),
    Array(JsonArray),
}

impl Json {
    /// Takes content, and skips the records that an earlier run read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn open(content: Content, mapping: Mapping, done: InputPosition) -> std::io::Result<Self> {
        if done.offset == 0 { Ok(Self::Unread(Some((content, mapping)))) } else { Self::read(content, mapping, done) }
    }

    fn read(mut content: Content, mapping: Mapping, done: InputPosition) -> std::io::Result<Self> {
        content.skip_mark()?;
        if content.fill()?.trim_ascii_start().starts_with(b"[") {
            return JsonArray::open(content, mapping, done).map(Self::Array);
        }
        let pieces = Pieces::after(content, done)?;
        Ok(Self::Lines(JsonLines { pieces, mapping }))
    }
}

impl Records for Json {
    fn next(&mut self) -> anyhow::Result<Next> {
        if let Self::Unread(unread) = self
            && let Some((content, mapping)) = unread.take()
        {
            *self = Self::read(content, mapping, InputPosition::default())?;
        }
        match self {
            Self::Unread(_) => Ok(Next::End),
            Self::Lines(lines) => lines.next(),
            Self::Array(array) => array.next(),
        }
    }

    fn at(&self) -> FilePosition {
        match self {
            Self::Unread(_) => FilePosition::default(),
            Self::Lines(lines) => lines.at(),
            Self::Array(array) => array.at(),
        }
    }

    fn may_wait(&self) -> bool {
        match self {
            Self::Unread(unread) => unread.as_ref().is_some_and(|(content, _)| content.may_wait()),
            Self::Lines(lines) => lines.may_wait(),
            Self::Array(array) => array.may_wait(),
        }
    }
}
