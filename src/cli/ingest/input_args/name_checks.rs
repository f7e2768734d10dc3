//! Checks names and characters given by flags for empty values, duplicates and conflicts.

use std::collections::BTreeMap;

use anyhow::ensure;

use super::InputArgs;

impl InputArgs {
    /// Checks the lists of names, the CSV characters and the column types.
    ///
    /// # Errors
    /// If a name is empty or listed twice, two CSV characters are equal, or a column has two types.
    pub fn check_names(&self) -> anyhow::Result<()> {
        ensure!(
            self.split.as_deref() != Some(""),
            "--split is empty; pass a word of the file paths, such as train, or remove the flag"
        );
        // `--payload-fields ''` selects no fields.
        let payload = self.payload_fields.as_deref().filter(|names| *names != [""]);
        let lists = [("--text-field", self.text_field.as_deref()), ("--payload-fields", payload)];
        for (flag, names) in lists.into_iter().chain([("--columns", self.columns.as_deref())]) {
            check_name_list(flag, names.unwrap_or_default())?;
        }
        self.check_characters()?;
        self.check_types()
    }

    /// Checks that the delimiter, the quote and the escape character differ.
    fn check_characters(&self) -> anyhow::Result<()> {
        let delimiter = Some(self.delimiter.unwrap_or(b','));
        let quote = Some(self.quote.unwrap_or(b'"')).filter(|_| !self.no_quotes);
        for (first, second, flags) in [
            (delimiter, quote, "--delimiter and --quote"),
            (delimiter, self.escape, "--delimiter and --escape"),
            (quote, self.escape, "--quote and --escape"),
        ] {
            let is_same = first.is_some() && first == second;
            ensure!(
                !is_same,
                "{flags} are the same character; use different ones, or omit --escape for doubled quotes"
            );
        }
        Ok(())
    }

    /// Checks that no column has two types. An empty name is allowed: it refers to a column without a name.
    fn check_types(&self) -> anyhow::Result<()> {
        let mut types = BTreeMap::new();
        for (name, cell_type) in &self.csv_types {
            let other = types.insert(name, cell_type).filter(|other| *other != cell_type);
            ensure!(other.is_none(), "--csv-types gives `{name}` two types; keep one of them");
        }
        Ok(())
    }
}

fn check_name_list(flag: &str, names: &[String]) -> anyhow::Result<()> {
    for (index, name) in names.iter().enumerate() {
        ensure!(!name.is_empty(), "{flag} has an empty name; remove the extra comma, or add the name");
        ensure!(
            !names.iter().take(index).any(|other| other == name),
            "{flag} has `{name}` twice; remove the duplicate"
        );
    }
    Ok(())
}
