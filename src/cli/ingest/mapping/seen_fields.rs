//! Tracks which of the fields that the user named were in any record, so that a wrong name is not a silent loss.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::fields::Fields;
use super::select;

/// A field that was named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedField<'a> {
    pub name: &'a str,
    /// The flag that named it.
    pub flag: &'static str,
}

/// A field that was named and that no record had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingField {
    pub field: String,
    pub flag: &'static str,
}

/// The names that were found. Clones share it, so that all files of a run do.
#[derive(Debug, Clone, Default)]
pub struct SeenFields(Arc<SeenFieldsInner>);

#[derive(Debug, Default)]
struct SeenFieldsInner {
    names: Mutex<BTreeSet<String>>,
    /// Whether any record was looked at: without one, nothing is missing.
    has_records: AtomicBool,
    /// Whether there is nothing left to look for.
    is_complete: AtomicBool,
}

impl SeenFields {
    /// Looks for the fields in a record; once all were seen that is no work.
    pub fn record<'a>(&self, fields: &Fields, named: impl Iterator<Item = NamedField<'a>>) {
        if self.0.is_complete.load(Ordering::Relaxed) {
            return;
        }
        self.0.has_records.store(true, Ordering::Relaxed);
        let mut names = self.0.names.lock();
        let mut is_complete = true;
        for NamedField { name, .. } in named {
            if names.contains(name) {
                continue;
            }
            match select::contains(fields, name) {
                true => drop(names.insert(name.to_owned())),
                false => is_complete = false,
            }
        }
        self.0.is_complete.store(is_complete, Ordering::Relaxed);
    }

    /// Notes a field that a file has a column for.
    pub fn insert(&self, name: &str) {
        self.0.names.lock().insert(name.to_owned());
    }

    /// Tells whether a field was found.
    pub fn contains(&self, name: &str) -> bool {
        self.0.names.lock().contains(name)
    }

    /// Tells whether any record was looked at.
    pub fn has_records(&self) -> bool {
        self.0.has_records.load(Ordering::Relaxed)
    }

    /// Returns the fields that neither a column nor a record had; none as long as there was no record.
    pub fn find_missing<'a>(&self, named: impl Iterator<Item = NamedField<'a>>) -> Vec<MissingField> {
        if !self.0.has_records.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let names = self.0.names.lock();
        let named = named.filter(|named| !names.contains(named.name));
        named.map(|NamedField { name, flag }| MissingField { field: name.to_owned(), flag }).collect()
    }
}
