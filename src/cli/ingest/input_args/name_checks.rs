//! Lists of names: none is empty, and none is given twice.

use std::collections::BTreeMap;

use anyhow::ensure;

use super::InputArgs;

impl InputArgs {
    /// Checks the names that flags list.
    ///
    /// # Errors
    /// If one is empty or given twice.
    pub fn check_names(&self) -> anyhow::Result<()> {
        ensure!(
            self.split.as_deref() != Some(""),
            "--split is empty; give a word of the files' names, such as train, or remove it"
        );
        // A single empty name is no field.
        let payload = self.payload_fields.as_deref().filter(|names| *names != [""]);
        let lists = [("--text-field", self.text_field.as_deref()), ("--payload-fields", payload)];
        for (flag, names) in lists.into_iter().chain([("--columns", self.columns.as_deref())]) {
            check_name_list(flag, names.unwrap_or_default())?;
        }
        self.check_characters()?;
        self.check_types()
    }

    /// A character has one meaning.
    fn check_characters(&self) -> anyhow::Result<()> {
        let delimiter = Some(self.delimiter.unwrap_or(b','));
        let quote = Some(self.quote.unwrap_or(b'"')).filter(|_| !self.no_quotes);
        for (first, second, flags) in [
            (delimiter, quote, "--delimiter and --quote"),
            (delimiter, self.escape, "--delimiter and --escape"),
            (quote, self.escape, "--quote and --escape"),
        ] {
            let is_same = first.is_some() && first == second;
            ensure!(!is_same, "{flags} are the same character; give two (a doubled quote is one without --escape)");
        }
        Ok(())
    }

    /// A column has one type. An empty name is that of a column without one.
    fn check_types(&self) -> anyhow::Result<()> {
        let mut types = BTreeMap::new();
        for (name, cell_type) in &self.csv_types {
            let other = types.insert(name, cell_type).filter(|other| *other != cell_type);
            ensure!(other.is_none(), "--csv-types gives `{name}` two types; give it one");
        }
        Ok(())
    }
}

fn check_name_list(flag: &str, names: &[String]) -> anyhow::Result<()> {
    for (index, name) in names.iter().enumerate() {
        ensure!(!name.is_empty(), "{flag} has an empty name; remove the comma beside it, or write the name");
        ensure!(!names.iter().take(index).any(|other| other == name), "{flag} has `{name}` twice; give it once");
    }
    Ok(())
}
