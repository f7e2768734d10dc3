//! Flags that have no effect on any input: refused, whether they are given on the command line or by the environment.

use super::InputArgs;
use crate::cli::flags::Flag;
use crate::cli::ingest::reader::Format;
use crate::cli::ingest::reader::paths::Source;

/// A flag, whether it is given, whether it has an effect on the input, and why it might not.
struct Effect {
    flag: Flag,
    is_given: bool,
    has_effect: bool,
    why: &'static str,
}

const NO_CSV: &str = "no input is CSV or TSV; remove it, or name the format with --format";

impl InputArgs {
    /// Checks that each flag that is given has an effect.
    ///
    /// # Errors
    /// If one has none.
    pub fn check_effects(&self, sources: &[Source]) -> anyhow::Result<()> {
        let effects = self.effects_on_files(sources).into_iter().chain(self.effects_on_csv(sources));
        let useless = effects.into_iter().find(|effect| effect.is_given && !effect.has_effect);
        useless.map_or(Ok(()), |effect| Err(effect.flag.without_effect(effect.why)))
    }

    fn effects_on_files(&self, sources: &[Source]) -> [Effect; 4] {
        let has_fields = sources.iter().any(|source| !source.format.is_plain());
        let has_paths = sources.iter().any(|source| source.format == Format::Text && !source.is_stdin());
        let id_prefix = self.id_prefix.as_ref().is_some_and(|prefix| !prefix.is_empty());
        [
            effect(
                ("--follow-interval", "SPLADE_INGEST_FOLLOW_INTERVAL"),
                (self.follow_interval.is_some(), self.follow),
                "nothing is followed; add --follow, or remove it",
            ),
            effect(
                ("--id-prefix", "SPLADE_INGEST_ID_PREFIX"),
                (id_prefix, has_paths),
                "it is for ids that are paths, and no input is a file of the format text; remove it, or add --format text",
            ),
            effect(
                ("--text-field", "SPLADE_INGEST_TEXT_FIELD"),
                (self.text_field.is_some(), has_fields),
                "plain texts have no fields; remove it",
            ),
            effect(
                ("--id-field", "SPLADE_INGEST_ID_FIELD"),
                (self.id_field.is_some(), has_fields),
                "plain texts have no fields; remove it",
            ),
        ]
    }

    fn effects_on_csv(&self, sources: &[Source]) -> [Effect; 7] {
        let has_csv = sources.iter().any(|source| source.format == Format::Csv);
        let has_rows = has_csv || sources.iter().any(|source| source.format == Format::Tsv);
        [
            effect(
                ("--delimiter", "SPLADE_INGEST_DELIMITER"),
                (self.delimiter.is_some(), has_csv),
                "no input is CSV, and the delimiter of TSV is the tab; remove it, or add --format csv",
            ),
            effect(("--columns", "SPLADE_INGEST_COLUMNS"), (self.columns.is_some(), has_rows), NO_CSV),
            effect(
                ("--quote", "SPLADE_INGEST_QUOTE"),
                (self.quote.is_some(), has_rows && !self.no_quotes),
                if self.no_quotes { "--no-quotes takes quotes as text; remove one of the two" } else { NO_CSV },
            ),
            effect(("--escape", "SPLADE_INGEST_ESCAPE"), (self.escape.is_some(), has_rows), NO_CSV),
            effect(("--null-value", "SPLADE_INGEST_NULL_VALUE"), (!self.null_value.is_empty(), has_rows), NO_CSV),
            effect(("--no-quotes", "SPLADE_INGEST_NO_QUOTES"), (self.no_quotes, has_rows), NO_CSV),
            effect(("--csv-types", "SPLADE_INGEST_CSV_TYPES"), (!self.csv_types.is_empty(), has_rows), NO_CSV),
        ]
    }
}

fn effect(
    (name, variable): (&'static str, &'static str),
    (is_given, has_effect): (bool, bool),
    why: &'static str,
) -> Effect {
    Effect { flag: Flag { name, variable }, is_given, has_effect, why }
}
