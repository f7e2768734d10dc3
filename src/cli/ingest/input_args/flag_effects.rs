//! Rejects flags that have no effect on any input, given on the command line or by an environment variable.

use super::InputArgs;
use crate::cli::flags::Flag;
use crate::cli::ingest::reader::InputFormat;
use crate::cli::ingest::reader::paths::InputSource;

/// Effect of a flag on the input, with the reason to report if it has none.
struct FlagEffect {
    flag: Flag,
    is_given: bool,
    has_effect: bool,
    reason: &'static str,
}

const NO_CSV_INPUT: &str = "no input is CSV or TSV; remove it, or set the format with --format";

impl InputArgs {
    /// Checks that each given flag has an effect.
    ///
    /// # Errors
    /// If a given flag has no effect on any of the files.
    pub fn check_effects(&self, sources: &[InputSource]) -> anyhow::Result<()> {
        let effects = self.effects_on_files(sources).into_iter().chain(self.effects_on_csv(sources));
        let ineffective = effects.into_iter().find(|effect| effect.is_given && !effect.has_effect);
        ineffective.map_or(Ok(()), |effect| Err(effect.flag.no_effect_error(effect.reason)))
    }

    fn effects_on_files(&self, sources: &[InputSource]) -> [FlagEffect; 4] {
        let has_fields = sources.iter().any(|source| !source.format.is_plain_text());
        let has_paths = sources.iter().any(|source| source.format == InputFormat::Text && !source.is_stdin());
        let has_id_prefix = self.id_prefix.as_ref().is_some_and(|prefix| !prefix.is_empty());
        [
            build_effect(
                ("--follow-interval", "SPLADE_INGEST_FOLLOW_INTERVAL"),
                (self.follow_interval.is_some(), self.follow),
                "it requires --follow; add --follow, or remove it",
            ),
            build_effect(
                ("--id-prefix", "SPLADE_INGEST_ID_PREFIX"),
                (has_id_prefix, has_paths),
                "it applies only to files of the format text, and no input is one; remove it, or add --format text",
            ),
            build_effect(
                ("--text-field", "SPLADE_INGEST_TEXT_FIELD"),
                (self.text_field.is_some(), has_fields),
                "all inputs are plain text, which has no fields; remove it",
            ),
            build_effect(
                ("--id-field", "SPLADE_INGEST_ID_FIELD"),
                (self.id_field.is_some(), has_fields),
                "all inputs are plain text, which has no fields; remove it",
            ),
        ]
    }

    fn effects_on_csv(&self, sources: &[InputSource]) -> [FlagEffect; 7] {
        let has_csv = sources.iter().any(|source| source.format == InputFormat::Csv);
        let has_rows = has_csv || sources.iter().any(|source| source.format == InputFormat::Tsv);
        [
            build_effect(
                ("--delimiter", "SPLADE_INGEST_DELIMITER"),
                (self.delimiter.is_some(), has_csv),
                "no input is CSV, and the delimiter of TSV is the tab; remove it, or add --format csv",
            ),
            build_effect(("--columns", "SPLADE_INGEST_COLUMNS"), (self.columns.is_some(), has_rows), NO_CSV_INPUT),
            build_effect(
                ("--quote", "SPLADE_INGEST_QUOTE"),
                (self.quote.is_some(), has_rows && !self.no_quotes),
                if self.no_quotes { "--no-quotes disables quoting; remove one of the two flags" } else { NO_CSV_INPUT },
            ),
            build_effect(("--escape", "SPLADE_INGEST_ESCAPE"), (self.escape.is_some(), has_rows), NO_CSV_INPUT),
            build_effect(
                ("--null-value", "SPLADE_INGEST_NULL_VALUE"),
                (!self.null_value.is_empty(), has_rows),
                NO_CSV_INPUT,
            ),
            build_effect(("--no-quotes", "SPLADE_INGEST_NO_QUOTES"), (self.no_quotes, has_rows), NO_CSV_INPUT),
            build_effect(
                ("--csv-types", "SPLADE_INGEST_CSV_TYPES"),
                (!self.csv_types.is_empty(), has_rows),
                NO_CSV_INPUT,
            ),
        ]
    }
}

fn build_effect(
    (name, env_var): (&'static str, &'static str),
    (is_given, has_effect): (bool, bool),
    reason: &'static str,
) -> FlagEffect {
    FlagEffect { flag: Flag { name, env_var }, is_given, has_effect, reason }
}
