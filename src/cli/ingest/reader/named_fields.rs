//! Fields that the user named and that no record has: most likely a typo, and then what was meant would be lost silently.

use anyhow::bail;

use super::paths::InputSource;
use super::{InputFormat, ReadPlan};
use crate::cli::ingest::mapping::{MissingField, PAYLOAD_FLAG, TEXT_FLAG};

/// After so many records without them, fields are reported before the input ends.
const EARLY_RECORDS: u64 = 1_000;

const TYPES_FLAG: &str = "--csv-types";

/// Looks for the named fields in the records of an input.
pub struct NamedFieldCheck {
    /// Whether all of the input is read, so that what is in no record is nowhere.
    is_from_start: bool,
    /// How many records were read.
    record_count: u64,
}

impl NamedFieldCheck {
    pub fn new(is_from_start: bool) -> Self {
        Self { is_from_start, record_count: 0 }
    }

    /// Refuses an input of one file that has columns, as soon as they are known.
    ///
    /// # Errors
    /// If a field is none of them.
    pub fn check_columns(&self, plan: &ReadPlan, sources: &[InputSource]) -> anyhow::Result<()> {
        let [source] = sources else { return Ok(()) };
        if !self.is_from_start || !source.format.has_columns() || plan.follow.is_some() {
            return Ok(());
        }
        let named = plan.mapping.named_fields().filter(|named| named.flag == PAYLOAD_FLAG);
        let named = named.map(|named| MissingField { field: named.name.to_owned(), flag: named.flag });
        let types = plan.dialect.column_types.keys().map(|name| MissingField { field: name.clone(), flag: TYPES_FLAG });
        let unseen: Vec<_> =
            named.chain(types).filter(|field| !plan.mapping.seen_fields.contains(&field.field)).collect();
        reject_missing(&unseen)
    }

    /// Counts a record. Returns a remark about the input when [`EARLY_RECORDS`] were read.
    pub fn count_record(&mut self, plan: &ReadPlan, sources: &[InputSource]) -> Option<String> {
        self.record_count += 1;
        if self.record_count != EARLY_RECORDS || !self.is_from_start {
            return None;
        }
        let MissingField { field, flag } = find_missing(plan, sources).into_iter().next()?;
        Some(format!(
            "none of the first {EARLY_RECORDS} records has the field `{field}` that {flag} names; is it a typo?"
        ))
    }

    /// Refuses an input that was read to its end.
    ///
    /// # Errors
    /// If a field is in none of its records.
    pub fn check_end(&self, plan: &ReadPlan, sources: &[InputSource]) -> anyhow::Result<()> {
        if self.is_from_start { reject_missing(&find_missing(plan, sources)) } else { Ok(()) }
    }
}

/// Returns the fields that no record had so far. A single text field is no such: each record without it is rejected.
fn find_missing(plan: &ReadPlan, sources: &[InputSource]) -> Vec<MissingField> {
    let mut missing = plan.mapping.missing_fields();
    missing.retain(|field| field.flag != TEXT_FLAG || plan.mapping.text_fields.len() > 1);
    let has_types = sources.iter().any(|source| matches!(source.format, InputFormat::Csv | InputFormat::Tsv));
    if has_types && plan.mapping.seen_fields.has_records() {
        let types = plan.dialect.column_types.keys().filter(|name| !plan.mapping.seen_fields.contains(name));
        missing.extend(types.map(|name| MissingField { field: name.clone(), flag: TYPES_FLAG }));
    }
    missing
}

fn reject_missing(missing: &[MissingField]) -> anyhow::Result<()> {
    let Some(MissingField { field, flag }) = missing.first() else { return Ok(()) };
    bail!("no record has the field `{field}` that {flag} names; correct the name, or leave it out")
}
