//! Counts the skipped files of a directory by reason, with a few names of each.

use std::collections::BTreeMap;
use std::path::Path;

use super::path_display::display_path;
use super::selection::FileSelection;
use crate::cli::ingest::reader::InputFormat;

/// Maximum number of names kept per reason.
const MAX_NAMES: usize = 3;

/// Reason for which a file is skipped; reported in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    TextWithData,
    Json,
    NoExtension,
    UnknownExtension,
    /// Holds documents in an unsupported format.
    Unsupported,
    OtherFormat,
    OtherSplit,
    Hidden,
    HiddenDirectory,
    NotRegular,
    Rejects,
    OwnFile,
}

/// Counts and names of skipped files by reason.
#[derive(Debug, Default)]
pub struct SkippedFiles(BTreeMap<SkipReason, (usize, Vec<String>)>);

impl SkippedFiles {
    /// Counts a skipped file; `name` is its path below the directory.
    pub fn add(&mut self, reason: SkipReason, name: &Path) {
        let (count, names) = self.0.entry(reason).or_default();
        *count += 1;
        if names.len() < MAX_NAMES {
            names.push(display_path(name));
        }
    }

    /// Describes all skipped files in one line; `None` if there are none.
    pub fn summarize(&self, selection: &FileSelection) -> Option<String> {
        let groups = self.0.iter().map(|(reason, (count, names))| {
            let remedy = reason.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
            format!("{} {} ({}{remedy})", count, reason.describe(selection), list_names(*count, names))
        });
        let groups: Vec<_> = groups.collect();
        (!groups.is_empty()).then(|| groups.join(", "))
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.values().map(|(count, _)| count).sum()
    }

    #[cfg(test)]
    pub fn count_of(&self, reason: SkipReason) -> usize {
        self.0.get(&reason).map_or(0, |(count, _)| *count)
    }
}

/// Formats the first names, and the number of further ones.
pub fn list_names(count: usize, names: &[String]) -> String {
    let more = count.saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

impl SkipReason {
    fn describe(self, selection: &FileSelection) -> String {
        let description = match self {
            Self::TextWithData => "plain text next to data files",
            Self::Json => ".json",
            Self::NoExtension => "without an extension",
            Self::UnknownExtension => "with an unknown extension",
            Self::Unsupported => "of an unsupported format",
            Self::OtherFormat => {
                let format = selection.format.and_then(InputFormat::flag_value).unwrap_or_default();
                return format!("without an extension of --format {format}");
            }
            Self::OtherSplit => {
                return format!("without the word `{}` (--split)", selection.split.as_deref().unwrap_or_default());
            }
            Self::Hidden => "hidden",
            Self::HiddenDirectory => "hidden directory",
            Self::NotRegular => "not a regular file",
            Self::Rejects => "with rejected lines",
            Self::OwnFile => "written by this run",
        };
        description.to_owned()
    }

    fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("--format jsonl reads them as JSON Lines"),
            Self::NoExtension | Self::UnknownExtension | Self::OtherFormat => {
                Some("pass them by name or pattern, with --format, to read them")
            }
            Self::TextWithData | Self::Hidden | Self::HiddenDirectory => Some("pass them by name to read them"),
            Self::Unsupported => Some("pass one by name to see how to convert it"),
            _ => None,
        }
    }
}
