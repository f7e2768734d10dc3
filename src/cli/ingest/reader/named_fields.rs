//! Detects fields that a flag names but no record has: most likely a typo, which would silently drop data.

use anyhow::bail;

use super::paths::InputSource;
use super::{InputFormat, ReadPlan};
use crate::cli::ingest::mapping::{MissingField, PAYLOAD_FLAG, TEXT_FLAG};

/// Number of records after which a missing field is reported early, before the input ends.
const EARLY_RECORDS: u64 = 1_000;

const TYPES_FLAG: &str = "--csv-types";

/// Checks that the fields named by flags exist in the records of an input.
pub struct NamedFieldCheck {
    /// True if the input is read from its start, so that an unseen field is really missing.
    is_from_start: bool,
    /// Number of records read so far.
    record_count: u64,
}

impl NamedFieldCheck {
    pub fn new(is_from_start: bool) -> Self {
        Self { is_from_start, record_count: 0 }
    }

    /// Checks the named fields against the columns of a single input file, before its first record.
    ///
    /// # Errors
    /// If a named field is not a column of the file.
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

    /// Counts a record. Returns a notice about a missing field when [`EARLY_RECORDS`] were read.
    pub fn count_record(&mut self, plan: &ReadPlan, sources: &[InputSource]) -> Option<String> {
        self.record_count += 1;
        if self.record_count != EARLY_RECORDS || !self.is_from_start {
            return None;
        }
        let MissingField { field, flag } = find_missing(plan, sources).into_iter().next()?;
        Some(format!(
            "none of the first {EARLY_RECORDS} records has the field `{field}` named by {flag}; check its spelling"
        ))
    }

    /// Checks the named fields after the whole input was read.
    ///
    /// # Errors
    /// If no record has one of the named fields.
    pub fn check_end(&self, plan: &ReadPlan, sources: &[InputSource]) -> anyhow::Result<()> {
        if self.is_from_start { reject_missing(&find_missing(plan, sources)) } else { Ok(()) }
    }
}

/// Returns the named fields that no record had so far. A single text field is left out: records without it are rejected.
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
    bail!("no record has the field `{field}` named by {flag}; correct the name or remove it")
}
