//! Tracks which named fields occurred in any record, so that a misspelled name is reported.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::fields::Fields;
use super::select;

/// A field named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedField<'a> {
    pub name: &'a str,
    /// Flag that names the field.
    pub flag: &'static str,
}

/// A named field that no record had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingField {
    pub field: String,
    pub flag: &'static str,
}

/// Names of the fields seen so far. Clones share the set, so that it covers all files of a run.
#[derive(Debug, Clone, Default)]
pub struct SeenFields(Arc<SeenFieldsInner>);

#[derive(Debug, Default)]
struct SeenFieldsInner {
    names: Mutex<BTreeSet<String>>,
    /// Set once a record was checked; without records, no field is reported as missing.
    has_records: AtomicBool,
    /// Set once all named fields were seen, so that further records need no check.
    is_complete: AtomicBool,
}

impl SeenFields {
    /// Records which named fields occur in a record. Does nothing once all of them were seen.
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

    /// Records a field for which a file has a column.
    pub fn insert(&self, name: &str) {
        self.0.names.lock().insert(name.to_owned());
    }

    /// Returns whether a field was seen.
    pub fn contains(&self, name: &str) -> bool {
        self.0.names.lock().contains(name)
    }

    /// Returns whether any record was checked.
    pub fn has_records(&self) -> bool {
        self.0.has_records.load(Ordering::Relaxed)
    }

    /// Returns the fields without a column and without a value in any record; empty before the first record.
    pub fn find_missing<'a>(&self, named: impl Iterator<Item = NamedField<'a>>) -> Vec<MissingField> {
        if !self.0.has_records.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let names = self.0.names.lock();
        let named = named.filter(|named| !names.contains(named.name));
        named.map(|NamedField { name, flag }| MissingField { field: name.to_owned(), flag }).collect()
    }
}
