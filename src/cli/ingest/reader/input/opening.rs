//! Opens the files of the input.

use std::sync::Arc;

use anyhow::{Context, ensure};

use super::open_records::open_records;
use super::opened::{Followed, Opened};
use crate::cli::ingest::input_file::{InputFile, whole_path};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::compare::digest_file;
use crate::cli::ingest::reader::compressed::Bytes;
use crate::cli::ingest::reader::content::Content;
use crate::cli::ingest::reader::follow::{Follow, Tail};
use crate::cli::ingest::reader::format::Format;
use crate::cli::ingest::reader::paths::Source;
use crate::cli::ingest::reader::plan::Plan;

/// A place in the input, at which a file is opened.
pub struct Opening<'a> {
    pub sources: &'a [Source],
    pub place: InputPosition,
    pub plan: &'a Plan,
}

impl Opening<'_> {
    /// Opens the file at the place. A file that was rotated has another content, and the name that the place is about.
    ///
    /// # Errors
    /// If it can't be read, or is not what an earlier run read.
    pub fn open(&self, named: &Source, rotated: Option<Source>) -> anyhow::Result<Opened> {
        let is_rotated = rotated.is_some();
        let source = match rotated {
            Some(rotated) => Source { path: rotated.path, bytes: rotated.bytes, ..named.clone() },
            None => named.clone(),
        };
        let opened = if is_rotated { self.open_rotated(&source, named) } else { self.open_named(&source) };
        opened.with_context(|| format!("can't read {}", source.path.display()))
    }

    fn open_rotated(&self, source: &Source, named: &Source) -> anyhow::Result<Opened> {
        // A later run looks for it by the name that it had.
        let info = InputFile { path: whole_path(&named.path), ..describe(source) };
        let opened = self.read(source, self.open_bytes(source)?, info, self.bytes_of_files_before())?;
        Ok(Opened { is_rotated: true, ..opened })
    }

    fn open_named(&self, source: &Source) -> anyhow::Result<Opened> {
        if let Some(follow) = &self.plan.follow {
            return self.open_followed(source, follow);
        }
        let info = describe(source);
        self.read(source, self.open_bytes(source)?, info, self.bytes_of_files_before())
    }

    /// Opens a file that is followed, when it is there.
    fn open_followed(&self, source: &Source, follow: &Follow) -> anyhow::Result<Opened> {
        let tail = Tail::open(&source.path, follow)?;
        let info = InputFile { inode: tail.inode(), ..describe(source) };
        let followed = Some(Followed::new(&tail));
        let before = self.place.bytes.saturating_sub(self.place.offset);
        let opened = self.read(source, Some(Bytes::plain_file(tail)), info, before)?;
        Ok(Opened { followed, ..opened })
    }

    /// Opens the bytes of a file; Parquet has none that are read in their order.
    fn open_bytes(&self, source: &Source) -> anyhow::Result<Option<Bytes>> {
        if source.format == Format::Parquet { Ok(None) } else { Bytes::open(source, self.plan.encoding).map(Some) }
    }

    fn bytes_of_files_before(&self) -> u64 {
        self.sources.iter().take(self.place.file).filter_map(|source| source.bytes).sum()
    }

    fn read(&self, source: &Source, bytes: Option<Bytes>, info: InputFile, before: u64) -> anyhow::Result<Opened> {
        let Self { place, plan, .. } = self;
        let digest = if bytes.is_none() && plan.keeps_place() { Some(digest_file(source)?) } else { None };
        let content = bytes.map(|bytes| Content::new(bytes, plan.keeps_place()).expect(*place));
        let records = open_records(source, content, *place, plan)?;
        let is_same = digest.is_none() || place.digest.is_none() || digest == place.digest;
        ensure!(is_same, "it changed while it was compared; run the same command again");
        Ok(Opened {
            records,
            file: place.file,
            info: Arc::new(info),
            lines: place.lines - place.row.min(place.lines),
            bytes: before,
            digest,
            is_rotated: false,
            followed: None,
            partial: None,
        })
    }
}

fn describe(source: &Source) -> InputFile {
    InputFile::of(&source.path, &source.path.display().to_string())
}
