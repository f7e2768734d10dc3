//! What becomes of a file that is followed, when its name is another file's or its content is gone.

use super::super::rotated::{self, Rotated};
use super::super::{Batch, TextEncoding};
use super::outlet::Outlet;
use super::{Input, Opened};

impl Input {
    /// Looks for the copy of a log that was emptied while it was followed. Returns whether there is more in it.
    pub(super) fn find_copy(&mut self, ended: &Opened, outlet: &mut Outlet<'_>) -> bool {
        let name = &ended.info.name;
        let Some(found) = self.find_rotated(ended) else {
            let words = "was emptied or overwritten, and no copy of it is beside it; lines that were added just before are not read";
            let _unwanted = outlet.send(Batch::Notice(format!("{name} {words}")));
            return false;
        };
        let notice = format!("{name} was emptied; what was read of it is in {}", found.file.path.display());
        // Then there is nobody to tell.
        let _unwanted = outlet.send(Batch::Notice(notice));
        self.rotated = found.unread(|_| false).into();
        self.rest_of = Some(found.file.path);
        self.rotated.front().is_some_and(|file| self.rest_of.as_ref() == Some(&file.path))
    }

    /// Looks for files that were rotated after one that was followed, before the log was looked at again.
    pub(super) fn find_newer(&mut self, ended: &Opened, outlet: &mut Outlet<'_>) {
        let Some(found) = self.find_rotated(ended) else { return };
        self.rest_of = None;
        self.rotated = found.unread(|file| file.path == found.file.path).into();
        for file in &self.rotated {
            let notice = format!("{} was rotated in the meantime, and is read", file.path.display());
            let _unwanted = outlet.send(Batch::Notice(notice));
        }
    }

    fn find_rotated(&self, ended: &Opened) -> Option<Rotated> {
        let record = ended.info.read_up_to(self.place);
        let source = self.sources.get(self.place.file)?;
        rotated::find(source, &record, TextEncoding::Utf8)
    }

    /// Leaves a file that was followed and rotated. Returns whether it is one.
    pub(super) fn leave(&mut self, ended: &mut Opened, outlet: &mut Outlet<'_>) -> bool {
        let Some(file) = ended.tail.take().filter(|_| !ended.is_rotated && !ended.is_overwritten()) else {
            return false;
        };
        self.look_back(outlet);
        let read = file.metadata().map_or(0, |metadata| metadata.len());
        self.left = Some((file, read, ended.info.name.clone()));
        true
    }

    /// Reports lines that a rotated file got after it was left.
    pub(super) fn look_back(&mut self, outlet: &mut Outlet<'_>) {
        let Some((file, read, name)) = self.left.take() else { return };
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        if bytes > read {
            let words = "got more lines after it was rotated and read to its end; they are not read";
            let _unwanted = outlet.send(Batch::Notice(format!("the file that {name} was {words}")));
        }
    }
}
