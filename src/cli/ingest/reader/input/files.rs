//! One file of the input after the other.

use std::sync::Arc;

use anyhow::{Context, ensure};

use super::opened::Opened;
use super::opening::Opening;
use super::outlet::{Outlet, ReadError, Unwanted};
use super::rotation::Rotation;
use crate::cli::ingest::input_file::{FileRecord, InputFile, RecordStart};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::batch::{Batch, End, FileEnd, HeldBack};
use crate::cli::ingest::reader::follow::Follow;
use crate::cli::ingest::reader::named_fields::NamedFieldCheck;
use crate::cli::ingest::reader::paths::Source;
use crate::cli::ingest::reader::plan::Plan;
use crate::cli::ingest::reader::record::Record;
use crate::cli::ingest::reader::records::Next;
use crate::cli::ingest::reader::resume::Start;

/// The files, from where an earlier run was done with them.
pub struct Input {
    sources: Arc<[Source]>,
    place: InputPosition,
    /// How many lines of the whole are done with.
    skip: u64,
    rotation: Rotation,
    opened: Option<Opened>,
    named_fields: NamedFieldCheck,
}

impl Input {
    /// Opens the first file, where reading starts. Blocks.
    ///
    /// # Errors
    /// If it can't be read, or is not what an earlier run read.
    pub fn open(sources: Arc<[Source]>, start: Start, plan: &Plan) -> anyhow::Result<Self> {
        let Start { place, skip, rotated, begins_anew, .. } = start;
        // Where no place in a file can be sought, what was read is counted again.
        let skip = if place.row > 0 { place.lines } else { skip };
        let is_from_start = place == InputPosition::default() && skip == 0;
        let named_fields = NamedFieldCheck::new(is_from_start);
        let rotation = Rotation::new(rotated, begins_anew);
        let mut input = Self { sources, place, skip, rotation, opened: None, named_fields };
        input.open_here(plan)?;
        input.named_fields.check_columns(plan, &input.sources).with_context(|| input.name())?;
        Ok(input)
    }

    fn name(&self) -> String {
        self.sources.get(self.place.file).map(|source| source.path.display().to_string()).unwrap_or_default()
    }

    /// Returns the file that is open.
    pub fn file(&self) -> Option<Arc<InputFile>> {
        self.opened.as_ref().map(|opened| Arc::clone(&opened.info))
    }

    /// Reads all there is, in batches, until `send` says that nobody wants more: then there is no end. A batch is sent as
    /// soon as the next read might block, so a slow producer's lines don't wait for each other.
    ///
    /// # Errors
    /// If a file can't be read on; the message names it.
    pub fn read(self, plan: &Plan, mut send: impl FnMut(Batch) -> bool) -> anyhow::Result<Option<End>> {
        match self.read_files(plan, &mut Outlet::new(&mut send)) {
            Ok(end) => Ok(Some(end)),
            Err(ReadError::Unwanted) => Ok(None),
            Err(ReadError::Failed(error)) => Err(error),
        }
    }

    fn read_files(mut self, plan: &Plan, outlet: &mut Outlet<'_>) -> Result<End, ReadError> {
        let is_stopped = || plan.follow.as_ref().is_some_and(Follow::is_stopped);
        while let Some(mut opened) = self.opened.take() {
            let held_back = self.read_file(&mut opened, plan, outlet)?;
            self.leave_file(&mut opened, held_back, plan, outlet)?;
            if is_stopped() && self.rotation.is_empty() {
                break;
            }
            match self.open_next(opened.is_rotated || plan.follow.is_some(), outlet, plan) {
                // It waited for a file to be there.
                Err(_) if is_stopped() => break,
                outcome => outcome?,
            }
        }
        let passed = outlet.passed();
        self.rotation.look_back(outlet);
        self.check_skip(plan)?;
        outlet.flush()?;
        Ok(End { place: self.place, passed })
    }

    fn check_skip(&self, plan: &Plan) -> anyhow::Result<()> {
        ensure!(
            self.place.lines >= self.skip || plan.has_checkpoint,
            "--skip {} is more than the {} lines or rows of the input; give how many were done with",
            self.skip,
            self.place.lines
        );
        Ok(())
    }

    /// Reads an open file to its end. Returns its last record, if that is held back.
    fn read_file(
        &mut self,
        opened: &mut Opened,
        plan: &Plan,
        outlet: &mut Outlet<'_>,
    ) -> Result<Option<HeldBack>, ReadError> {
        let info = Arc::clone(&opened.info);
        loop {
            outlet.notice_file(&info.name, opened.records.take_notices())?;
            if opened.records.may_wait() {
                outlet.flush()?;
            }
            let row = self.place.row;
            let next = opened.records.next().with_context(|| format!("{}, after line or row {row}", info.name))?;
            match next {
                Next::Record(record) if !record.is_ended && plan.holds_back() => {
                    return Ok(Some(HeldBack { file: info.name.clone(), number: record.number }));
                }
                Next::Record(record) => self.take_record(record, opened, plan, outlet)?,
                Next::Blank => self.place = opened.place(),
                Next::UnendedBlank if plan.holds_back() => return Ok(None),
                Next::UnendedBlank | Next::End => {
                    self.place = opened.place();
                    return Ok(None);
                }
            }
        }
    }

    fn take_record(
        &mut self,
        record: Record,
        opened: &mut Opened,
        plan: &Plan,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), Unwanted> {
        let before = self.place;
        self.place = opened.place();
        let notice = self.named_fields.count_record(plan, &self.sources);
        let _unwanted = outlet.notice_file(&opened.info.name, notice);
        let mut place = self.place;
        if !record.is_ended {
            // If the file grows, the record is another one.
            place = InputPosition { row: before.row, offset: before.offset, digest: before.digest, ..place };
            opened.partial = Some(before);
        }
        if self.place.lines > self.skip {
            outlet.push(record, place, &opened.info, &plan.part)?;
        }
        Ok(())
    }

    /// Reports the end of a file, and looks for what else had its name.
    fn leave_file(
        &mut self,
        opened: &mut Opened,
        held_back: Option<HeldBack>,
        plan: &Plan,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), ReadError> {
        let source = self.sources.get(self.place.file);
        let has_copy = opened.is_overwritten()
            && source.is_some_and(|source| self.rotation.find_copy(source, opened, self.place, outlet));
        let is_last = self.place.file + 1 >= self.sources.len() && plan.follow.is_none();
        if is_last && held_back.is_none() {
            self.named_fields.check_end(plan, &self.sources)?;
        }
        // The copy has it again.
        let held_back = held_back.filter(|_| !has_copy);
        self.end_file(opened, held_back, plan, outlet)?;
        if !has_copy
            && self.rotation.leave(opened, outlet)
            && let Some(source) = source
        {
            self.rotation.find_newer(source, opened, self.place, outlet);
        }
        Ok(())
    }

    /// Reports the end of a file.
    fn end_file(
        &self,
        opened: &Opened,
        held_back: Option<HeldBack>,
        plan: &Plan,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), Unwanted> {
        let has_name = !opened.is_rotated && plan.follow.is_none();
        let last_record = opened.partial.map(RecordStart::from);
        let record =
            (has_name && plan.keeps_place()).then(|| FileRecord { last_record, ..opened.info.read_up_to(self.place) });
        if record.is_none() && held_back.is_none() {
            return Ok(());
        }
        outlet.flush()?;
        outlet.send(Batch::FileEnd(FileEnd { lines: self.place.lines, file: opened.file, record, held_back }))
    }

    /// Opens what comes after a file: what was rotated, the file that has its name now, or the next one. After the last one
    /// the place stays at its end, for it may grow.
    fn open_next(&mut self, keeps_name: bool, outlet: &mut Outlet<'_>, plan: &Plan) -> anyhow::Result<()> {
        if !self.rotation.is_empty() {
            if !self.rotation.is_next_rest() {
                self.place = InputPosition { row: 0, offset: 0, digest: None, ..self.place };
            }
            return self.open_here(plan);
        }
        let mut file = if keeps_name { self.place.file } else { self.place.file + 1 };
        if self.rotation.begins_anew() {
            file = 0;
            let _unwanted = outlet.flush().and_then(|()| outlet.send(Batch::Restart(self.place.lines)));
        }
        if file < self.sources.len() {
            self.place = InputPosition { file, row: 0, offset: 0, digest: None, ..self.place };
            self.open_here(plan)?;
        }
        Ok(())
    }

    fn open_here(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let Some(source) = self.sources.get(self.place.file) else { return Ok(()) };
        let rotated = self.rotation.take_next();
        let opening = Opening { sources: &self.sources, place: self.place, plan };
        self.opened = Some(opening.open(source, rotated)?);
        Ok(())
    }
}
