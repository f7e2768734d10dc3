//! What was skipped in a folder, and why: counted, with a few names of each.

use std::collections::BTreeMap;
use std::path::Path;

use super::path_display::display_path;
use super::selection::FileSelection;
use crate::cli::ingest::reader::InputFormat;

/// How many names of each reason are kept.
const MAX_NAMES: usize = 3;

/// Why a file is skipped, in the order in which it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    TextWithData,
    Json,
    NoExtension,
    UnknownExtension,
    /// It holds documents in a form that is not read.
    Unsupported,
    OtherFormat,
    OtherSplit,
    Hidden,
    HiddenDirectory,
    NotRegular,
    Rejects,
    OwnFile,
}

/// Files that are skipped, by the reason.
#[derive(Debug, Default)]
pub struct SkippedFiles(BTreeMap<SkipReason, (usize, Vec<String>)>);

impl SkippedFiles {
    /// Counts a file, by its path below the folder.
    pub fn add(&mut self, reason: SkipReason, name: &Path) {
        let (count, names) = self.0.entry(reason).or_default();
        *count += 1;
        if names.len() < MAX_NAMES {
            names.push(display_path(name));
        }
    }

    /// Describes all of it in one line; `None` if there is nothing.
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

/// The first names, and how many more there are.
pub fn list_names(count: usize, names: &[String]) -> String {
    let more = count.saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

impl SkipReason {
    fn describe(self, selection: &FileSelection) -> String {
        let description = match self {
            Self::TextWithData => "plain text beside data",
            Self::Json => ".json",
            Self::NoExtension => "without an ending",
            Self::UnknownExtension => "with an unknown ending",
            Self::Unsupported => "of a format that is not read",
            Self::OtherFormat => {
                let format = selection.format.and_then(InputFormat::flag_value).unwrap_or_default();
                return format!("without an ending of --format {format}");
            }
            Self::OtherSplit => {
                return format!("without the word `{}` (--split)", selection.split.as_deref().unwrap_or_default());
            }
            Self::Hidden => "hidden",
            Self::HiddenDirectory => "hidden folder",
            Self::NotRegular => "no regular file",
            Self::Rejects => "of rejected lines",
            Self::OwnFile => "written by this run",
        };
        description.to_owned()
    }

    fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("--format jsonl reads them as JSON lines"),
            Self::NoExtension | Self::UnknownExtension | Self::OtherFormat => {
                Some("give them by name or pattern, with --format, to read them")
            }
            Self::TextWithData | Self::Hidden | Self::HiddenDirectory => Some("give them by name to read them"),
            Self::Unsupported => Some("give one by name to see how to convert it"),
            _ => None,
        }
    }
}
