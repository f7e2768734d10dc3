//! What becomes of a file that is followed, when its name is another file's or its content is gone.

use std::collections::VecDeque;
use std::fs::File;
use std::mem::take;
use std::path::PathBuf;

use super::opened::Opened;
use super::outlet::Outlet;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::compressed::TextEncoding;
use crate::cli::ingest::reader::paths::Source;
use crate::cli::ingest::reader::rotated::{self, Rotated};

/// Files that had the name of one that is read.
#[derive(Default)]
pub struct Rotation {
    /// The rest of a file that was rotated, and what came between, which is read before the file that has its name now.
    unread: VecDeque<Source>,
    /// Whether all files are read again after that.
    begins_anew: bool,
    /// The copy of a log that was emptied: it is read on where the log was left.
    rest_of: Option<PathBuf>,
    left: Option<LeftFile>,
}

/// The file that was followed before, to be looked at again.
struct LeftFile {
    file: File,
    /// How much was read of it.
    bytes: u64,
    name: String,
}

impl Rotation {
    /// Begins with files that an earlier run did not read.
    pub fn new(unread: VecDeque<Source>, begins_anew: bool) -> Self {
        Self { unread, begins_anew, ..Self::default() }
    }

    /// Tells whether no file waits that had the name before.
    pub fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }

    /// Tells whether the next file is read on where another one was left.
    pub fn is_next_rest(&self) -> bool {
        self.unread.front().is_some_and(|file| self.rest_of.as_ref() == Some(&file.path))
    }

    /// Takes the next file that had the name before.
    pub fn take_next(&mut self) -> Option<Source> {
        self.unread.pop_front()
    }

    /// Tells once whether all files are read again now.
    pub fn begins_anew(&mut self) -> bool {
        take(&mut self.begins_anew)
    }

    /// Looks for the copy of a log that was emptied while it was followed. Returns whether there is more in it.
    pub fn find_copy(
        &mut self,
        source: &Source,
        ended: &Opened,
        place: InputPosition,
        outlet: &mut Outlet<'_>,
    ) -> bool {
        let name = &ended.info.name;
        // If a notice can't be sent, there is nobody to read it.
        let Some(found) = find_rotated(source, ended, place) else {
            let words = "was emptied or overwritten, and no copy of it is beside it; lines that were added just before are not read";
            let _unwanted = outlet.notice(format!("{name} {words}"));
            return false;
        };
        let _unwanted =
            outlet.notice(format!("{name} was emptied; what was read of it is in {}", found.file.path.display()));
        self.unread = found.unread(|_| false).into();
        self.rest_of = Some(found.file.path);
        self.is_next_rest()
    }

    /// Looks for files that were rotated after one that was followed, before the log was looked at again.
    pub fn find_newer(&mut self, source: &Source, ended: &Opened, place: InputPosition, outlet: &mut Outlet<'_>) {
        let Some(found) = find_rotated(source, ended, place) else { return };
        self.rest_of = None;
        self.unread = found.unread(|file| file.path == found.file.path).into();
        for file in &self.unread {
            let _unwanted = outlet.notice(format!("{} was rotated in the meantime, and is read", file.path.display()));
        }
    }

    /// Leaves a file that was followed and rotated. Returns whether it is one.
    pub fn leave(&mut self, ended: &mut Opened, outlet: &mut Outlet<'_>) -> bool {
        let Some(file) = ended.take_rotated_file() else { return false };
        self.look_back(outlet);
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        self.left = Some(LeftFile { file, bytes, name: ended.info.name.clone() });
        true
    }

    /// Reports lines that a rotated file got after it was left.
    pub fn look_back(&mut self, outlet: &mut Outlet<'_>) {
        let Some(LeftFile { file, bytes, name }) = self.left.take() else { return };
        if file.metadata().map_or(0, |metadata| metadata.len()) > bytes {
            let words = "got more lines after it was rotated and read to its end; they are not read";
            let _unwanted = outlet.notice(format!("the file that {name} was {words}"));
        }
    }
}

fn find_rotated(source: &Source, ended: &Opened, place: InputPosition) -> Option<Rotated> {
    rotated::find(source, &ended.info.read_up_to(place), TextEncoding::Utf8)
}
