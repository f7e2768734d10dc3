//! Reads the input files one after another.

use std::sync::Arc;

use anyhow::{Context, ensure};

use super::event_sink::{EventSink, ReadError, ReceiverClosed};
use super::file_opener::FileOpener;
use super::open_file::OpenFile;
use super::rotation::RotationTracker;
use crate::cli::ingest::input_file::{FileRecord, InputFile, RecordStart};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::follow::FollowControl;
use crate::cli::ingest::reader::input_event::{FileEnd, HeldBackRecord, InputEnd, InputEvent};
use crate::cli::ingest::reader::named_fields::NamedFieldCheck;
use crate::cli::ingest::reader::paths::InputSource;
use crate::cli::ingest::reader::read_plan::ReadPlan;
use crate::cli::ingest::reader::record::Record;
use crate::cli::ingest::reader::record_reader::NextRecord;
use crate::cli::ingest::reader::resume::ResumePoint;

/// Input files, read from the position that an earlier run reached.
pub struct Input {
    sources: Arc<[InputSource]>,
    position: InputPosition,
    /// Number of lines of the whole input to skip.
    skip_lines: u64,
    rotation: RotationTracker,
    open_file: Option<OpenFile>,
    field_check: NamedFieldCheck,
}

impl Input {
    /// Opens the file at the resume point. Blocks.
    ///
    /// # Errors
    /// If the file can't be read, differs from what an earlier run read, or lacks a named column.
    pub fn open(sources: Arc<[InputSource]>, start: ResumePoint, plan: &ReadPlan) -> anyhow::Result<Self> {
        let ResumePoint { position, skip_lines, rotated_files, should_restart, .. } = start;
        // Formats that can't seek to the exact row (Parquet) read some rows again, which are skipped by count.
        let skip_lines = if position.row > 0 { position.lines } else { skip_lines };
        let is_from_start = position == InputPosition::default() && skip_lines == 0;
        let field_check = NamedFieldCheck::new(is_from_start);
        let rotation = RotationTracker::new(rotated_files, should_restart);
        let mut input = Self { sources, position, skip_lines, rotation, open_file: None, field_check };
        input.open_current(plan)?;
        input.field_check.check_columns(plan, &input.sources).with_context(|| input.current_name())?;
        Ok(input)
    }

    fn current_name(&self) -> String {
        self.sources.get(self.position.file).map(|source| source.path.display().to_string()).unwrap_or_default()
    }

    /// Returns the file that is currently open.
    pub fn current_file(&self) -> Option<Arc<InputFile>> {
        self.open_file.as_ref().map(|opened| Arc::clone(&opened.input_file))
    }

    /// Reads the whole input in batches. Returns `None` if `send` returns false, which stops reading. An incomplete batch is sent
    /// as soon as the next read may block, so that lines of a slow producer are not delayed.
    ///
    /// # Errors
    /// If a file can't be read; the message names the file.
    pub fn read(self, plan: &ReadPlan, mut send: impl FnMut(InputEvent) -> bool) -> anyhow::Result<Option<InputEnd>> {
        match self.read_files(plan, &mut EventSink::new(&mut send)) {
            Ok(end) => Ok(Some(end)),
            Err(ReadError::ReceiverClosed) => Ok(None),
            Err(ReadError::Failed(error)) => Err(error),
        }
    }

    fn read_files(mut self, plan: &ReadPlan, sink: &mut EventSink<'_>) -> Result<InputEnd, ReadError> {
        let is_stopped = || plan.follow.as_ref().is_some_and(FollowControl::is_stopped);
        while let Some(mut open_file) = self.open_file.take() {
            let held_back = self.read_file(&mut open_file, plan, sink)?;
            self.leave_file(&mut open_file, held_back, plan, sink)?;
            if is_stopped() && self.rotation.is_empty() {
                break;
            }
            match self.open_next(open_file.is_rotated || plan.follow.is_some(), sink, plan) {
                // Following was stopped while waiting for the file to exist.
                Err(_) if is_stopped() => break,
                outcome => outcome?,
            }
        }
        let other_shard_lines = sink.other_shard_lines();
        self.rotation.report_late_lines(sink);
        self.check_skip(plan)?;
        sink.flush()?;
        Ok(InputEnd { position: self.position, other_shard_lines })
    }

    fn check_skip(&self, plan: &ReadPlan) -> anyhow::Result<()> {
        ensure!(
            self.position.lines >= self.skip_lines || plan.has_checkpoint,
            "--skip {} is more than the {} lines or rows of the input; pass the number of lines or rows that were ingested",
            self.skip_lines,
            self.position.lines
        );
        Ok(())
    }

    /// Reads an open file to its end. Returns its last record if that is held back.
    fn read_file(
        &mut self,
        open_file: &mut OpenFile,
        plan: &ReadPlan,
        sink: &mut EventSink<'_>,
    ) -> Result<Option<HeldBackRecord>, ReadError> {
        let file = Arc::clone(&open_file.input_file);
        loop {
            sink.send_file_notices(&file.name, open_file.records.take_notices())?;
            if open_file.records.may_block() {
                sink.flush()?;
            }
            let row = self.position.row;
            let next =
                open_file.records.next_record().with_context(|| format!("{}, after line or row {row}", file.name))?;
            match next {
                NextRecord::Record(record) if !record.is_terminated && plan.should_hold_back() => {
                    return Ok(Some(HeldBackRecord { file: file.name.clone(), number: record.number }));
                }
                NextRecord::Record(record) => self.take_record(record, open_file, plan, sink)?,
                NextRecord::Blank => self.position = open_file.position(),
                NextRecord::UnterminatedBlank if plan.should_hold_back() => return Ok(None),
                NextRecord::UnterminatedBlank | NextRecord::End => {
                    self.position = open_file.position();
                    return Ok(None);
                }
            }
        }
    }

    fn take_record(
        &mut self,
        record: Record,
        open_file: &mut OpenFile,
        plan: &ReadPlan,
        sink: &mut EventSink<'_>,
    ) -> Result<(), ReceiverClosed> {
        let previous_position = self.position;
        self.position = open_file.position();
        let notice = self.field_check.count_record(plan, &self.sources);
        let _closed = sink.send_file_notices(&open_file.input_file.name, notice);
        let mut position = self.position;
        if !record.is_terminated {
            // If the file grows, the record may change; so a checkpoint keeps the position before it.
            position = InputPosition {
                row: previous_position.row,
                offset: previous_position.offset,
                digest: previous_position.digest,
                ..position
            };
            open_file.partial_record_start = Some(previous_position);
        }
        if self.position.lines > self.skip_lines {
            sink.push_record(record, position, &open_file.input_file, &plan.shard_filter)?;
        }
        Ok(())
    }

    /// Reports the end of a file, and looks for rotated files that had its name.
    fn leave_file(
        &mut self,
        open_file: &mut OpenFile,
        held_back: Option<HeldBackRecord>,
        plan: &ReadPlan,
        sink: &mut EventSink<'_>,
    ) -> Result<(), ReadError> {
        let source = self.sources.get(self.position.file);
        let has_copy = open_file.is_overwritten()
            && source.is_some_and(|source| self.rotation.find_copy(source, open_file, self.position, sink));
        let is_last = self.position.file + 1 >= self.sources.len() && plan.follow.is_none();
        if is_last && held_back.is_none() {
            self.field_check.check_end(plan, &self.sources)?;
        }
        // The copy contains the held-back record too.
        let held_back = held_back.filter(|_| !has_copy);
        self.report_file_end(open_file, held_back, plan, sink)?;
        if !has_copy
            && self.rotation.leave_rotated(open_file, sink)
            && let Some(source) = source
        {
            self.rotation.find_newer(source, open_file, self.position, sink);
        }
        Ok(())
    }

    /// Reports the end of a file.
    fn report_file_end(
        &self,
        open_file: &OpenFile,
        held_back: Option<HeldBackRecord>,
        plan: &ReadPlan,
        sink: &mut EventSink<'_>,
    ) -> Result<(), ReceiverClosed> {
        let has_name = !open_file.is_rotated && plan.follow.is_none();
        let last_record = open_file.partial_record_start.map(RecordStart::from);
        let record = (has_name && plan.should_track_position())
            .then(|| FileRecord { last_record, ..open_file.input_file.to_record(self.position) });
        if record.is_none() && held_back.is_none() {
            return Ok(());
        }
        sink.flush()?;
        sink.send(InputEvent::FileEnd(FileEnd {
            lines_read: self.position.lines,
            file_index: open_file.file_index,
            record,
            held_back,
        }))
    }

    /// Opens the next file: a rotated one, the file that now has the same path, or the next input. After the last file, the
    /// position stays at its end, because it may grow.
    fn open_next(&mut self, keeps_name: bool, sink: &mut EventSink<'_>, plan: &ReadPlan) -> anyhow::Result<()> {
        if !self.rotation.is_empty() {
            if !self.rotation.is_next_resumed() {
                self.position = InputPosition { row: 0, offset: 0, digest: None, ..self.position };
            }
            return self.open_current(plan);
        }
        let mut file = if keeps_name { self.position.file } else { self.position.file + 1 };
        if self.rotation.take_restart() {
            file = 0;
            let _closed = sink.flush().and_then(|()| sink.send(InputEvent::Restart(self.position.lines)));
        }
        if file < self.sources.len() {
            self.position = InputPosition { file, row: 0, offset: 0, digest: None, ..self.position };
            self.open_current(plan)?;
        }
        Ok(())
    }

    fn open_current(&mut self, plan: &ReadPlan) -> anyhow::Result<()> {
        let Some(source) = self.sources.get(self.position.file) else { return Ok(()) };
        let rotated = self.rotation.take_next();
        let opening = FileOpener { sources: &self.sources, position: self.position, plan };
        self.open_file = Some(opening.open(source, rotated)?);
        Ok(())
    }
}
