//! What was skipped in a folder, and why: counted, with a few names of each.

use std::collections::BTreeMap;
use std::path::Path;

use super::selection::Selection;
use super::shown::shown;
use crate::cli::ingest::reader::Format;

/// How many names of each reason are kept.
const MAX_NAMES: usize = 3;

/// Why a file is skipped, in the order in which it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    TextBesideData,
    Json,
    NoEnding,
    UnknownEnding,
    /// It holds documents in a form that is not read.
    Unread,
    OtherFormat,
    OtherSplit,
    Hidden,
    HiddenFolder,
    NotRegular,
    Rejects,
    Own,
}

/// Files that are skipped, by the reason.
#[derive(Debug, Default)]
pub struct Skipped(BTreeMap<Reason, (usize, Vec<String>)>);

impl Skipped {
    /// Counts a file, by its path below the folder.
    pub fn add(&mut self, reason: Reason, name: &Path) {
        let (count, names) = self.0.entry(reason).or_default();
        *count += 1;
        if names.len() < MAX_NAMES {
            names.push(shown(name));
        }
    }

    /// Describes all of it in one line; `None` if there is nothing.
    pub fn to_words(&self, selection: &Selection) -> Option<String> {
        let groups = self.0.iter().map(|(reason, (count, names))| {
            let remedy = reason.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
            format!("{} {} ({}{remedy})", count, reason.words(selection), listed(*count, names))
        });
        let groups: Vec<_> = groups.collect();
        (!groups.is_empty()).then(|| groups.join(", "))
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.values().map(|(count, _)| count).sum()
    }

    #[cfg(test)]
    pub fn count_of(&self, reason: Reason) -> usize {
        self.0.get(&reason).map_or(0, |(count, _)| *count)
    }
}

/// The first names, and how many more there are.
pub fn listed(count: usize, names: &[String]) -> String {
    let more = count.saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

impl Reason {
    fn words(self, selection: &Selection) -> String {
        let words = match self {
            Self::TextBesideData => "plain text beside data",
            Self::Json => ".json",
            Self::NoEnding => "without an ending",
            Self::UnknownEnding => "with an unknown ending",
            Self::Unread => "of a format that is not read",
            Self::OtherFormat => {
                let format = selection.format.and_then(Format::flag).unwrap_or_default();
                return format!("without an ending of --format {format}");
            }
            Self::OtherSplit => {
                return format!("without the word `{}` (--split)", selection.split.as_deref().unwrap_or_default());
            }
            Self::Hidden => "hidden",
            Self::HiddenFolder => "hidden folder",
            Self::NotRegular => "no regular file",
            Self::Rejects => "of rejected lines",
            Self::Own => "written by this run",
        };
        words.to_owned()
    }

    fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("--format jsonl reads them as JSON lines"),
            Self::NoEnding | Self::UnknownEnding | Self::OtherFormat => {
                Some("give them by name or pattern, with --format, to read them")
            }
            Self::TextBesideData | Self::Hidden | Self::HiddenFolder => Some("give them by name to read them"),
            Self::Unread => Some("give one by name to see how to convert it"),
            _ => None,
        }
    }
}
