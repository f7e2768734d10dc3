//! Opens the input files.

use std::sync::Arc;

use anyhow::{Context, ensure};

use super::open_file::{FollowedFile, OpenFile};
use super::open_records::open_records;
use crate::cli::ingest::input_file::{InputFile, canonicalize_path};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::byte_stream::ByteStream;
use crate::cli::ingest::reader::content_reader::ContentReader;
use crate::cli::ingest::reader::file_change::digest_file;
use crate::cli::ingest::reader::follow::{FollowControl, TailReader};
use crate::cli::ingest::reader::input_format::InputFormat;
use crate::cli::ingest::reader::paths::InputSource;
use crate::cli::ingest::reader::read_plan::ReadPlan;

/// Opens the file at a position of the input.
pub struct FileOpener<'a> {
    pub sources: &'a [InputSource],
    pub position: InputPosition,
    pub plan: &'a ReadPlan,
}

impl FileOpener<'_> {
    /// Opens the file at the position; for a rotated log, `rotated` holds its content and `named` the original path.
    ///
    /// # Errors
    /// If the file can't be read, or differs from what an earlier run read.
    pub fn open(&self, named: &InputSource, rotated: Option<InputSource>) -> anyhow::Result<OpenFile> {
        let is_rotated = rotated.is_some();
        let source = match rotated {
            Some(rotated) => InputSource { path: rotated.path, bytes: rotated.bytes, ..named.clone() },
            None => named.clone(),
        };
        let opened = if is_rotated { self.open_rotated(&source, named) } else { self.open_named(&source) };
        opened.with_context(|| format!("can't read {}", source.path.display()))
    }

    fn open_rotated(&self, source: &InputSource, named: &InputSource) -> anyhow::Result<OpenFile> {
        // Recorded under the original path, by which a later run finds it.
        let input_file = InputFile { path: canonicalize_path(&named.path), ..describe_input_file(source) };
        let opened = self.open_reader(source, self.open_bytes(source)?, input_file, self.preceding_bytes())?;
        Ok(OpenFile { is_rotated: true, ..opened })
    }

    fn open_named(&self, source: &InputSource) -> anyhow::Result<OpenFile> {
        if let Some(follow) = &self.plan.follow {
            return self.open_followed(source, follow);
        }
        let input_file = describe_input_file(source);
        self.open_reader(source, self.open_bytes(source)?, input_file, self.preceding_bytes())
    }

    /// Opens a followed file, waiting until it exists.
    fn open_followed(&self, source: &InputSource, follow: &FollowControl) -> anyhow::Result<OpenFile> {
        let tail = TailReader::open(&source.path, follow)?;
        let input_file = InputFile { inode: tail.inode(), ..describe_input_file(source) };
        let followed = Some(FollowedFile::new(&tail));
        let bytes_before = self.position.bytes.saturating_sub(self.position.offset);
        let opened = self.open_reader(source, Some(ByteStream::from_file(tail)), input_file, bytes_before)?;
        Ok(OpenFile { followed, ..opened })
    }

    /// Opens the byte stream of a file; `None` for Parquet, which is not read sequentially.
    fn open_bytes(&self, source: &InputSource) -> anyhow::Result<Option<ByteStream>> {
        if source.format == InputFormat::Parquet {
            Ok(None)
        } else {
            ByteStream::open(source, self.plan.encoding).map(Some)
        }
    }

    fn preceding_bytes(&self) -> u64 {
        self.sources.iter().take(self.position.file).filter_map(|source| source.bytes).sum()
    }

    fn open_reader(
        &self,
        source: &InputSource,
        bytes: Option<ByteStream>,
        input_file: InputFile,
        bytes_before: u64,
    ) -> anyhow::Result<OpenFile> {
        let Self { position, plan, .. } = self;
        let digest = if bytes.is_none() && plan.should_track_position() { Some(digest_file(source)?) } else { None };
        let content =
            bytes.map(|bytes| ContentReader::new(bytes, plan.should_track_position()).expect_prefix(*position));
        let records = open_records(source, content, *position, plan)?;
        let is_same = digest.is_none() || position.digest.is_none() || digest == position.digest;
        ensure!(is_same, "the file changed while it was being compared; run the command again");
        Ok(OpenFile {
            records,
            file_index: position.file,
            input_file: Arc::new(input_file),
            lines_before: position.lines - position.row.min(position.lines),
            bytes_before,
            digest,
            is_rotated: false,
            followed: None,
            partial_record_start: None,
        })
    }
}

fn describe_input_file(source: &InputSource) -> InputFile {
    InputFile::from_path(&source.path, &source.path.display().to_string())
}
