//! The files of a folder that was given.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use walkdir::{DirEntry, WalkDir};

use super::selection::Selection;
use super::shown::{shown, text_name};
use super::skipped::{Reason, Skipped};
use super::source::Source;
use super::unread::Role;
use super::{links, tables, unread};
use crate::cli::ingest::reader::Format;

/// What has been found in a folder so far.
pub struct Scan<'a> {
    folder: &'a Path,
    selection: &'a Selection,
    own_files: Vec<PathBuf>,
    sources: Vec<Source>,
    skipped: Skipped,
    /// The refusal of the first file of each role that is not read.
    unread: BTreeMap<Role, anyhow::Error>,
}

impl<'a> Scan<'a> {
    /// Lists the files to read, and describes in one line what was skipped. Blocks.
    ///
    /// # Errors
    /// If there are none, something can't be opened, or files would be missing without a word.
    pub fn run(folder: &'a Path, selection: &'a Selection) -> anyhow::Result<(Vec<Source>, Option<String>)> {
        let (sources, skipped) = Self::whole(folder, selection)?;
        let notice = skipped.to_words(selection).map(|words| format!("{}: skipped: {words}", shown(folder)));
        Ok((sources, notice))
    }

    pub(super) fn whole(folder: &'a Path, selection: &'a Selection) -> anyhow::Result<(Vec<Source>, Skipped)> {
        let own_files = selection.own_files.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let mut scan = Self {
            folder,
            selection,
            own_files,
            sources: Vec::new(),
            skipped: Skipped::default(),
            unread: BTreeMap::new(),
        };
        scan.walk()?;
        scan.finish()
    }

    fn walk(&mut self) -> anyhow::Result<()> {
        if self.may_be_table() {
            tables::refuse_with_parents(self.folder)?;
        }
        let mut walk = WalkDir::new(self.folder).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if entry.depth() == 0 => {}
                Ok(entry) if entry.file_type().is_dir() => {
                    if !self.enter(&entry)? {
                        walk.skip_current_dir();
                    }
                }
                Ok(entry) => self.file(&entry)?,
                Err(error) => self.unreadable(error)?,
            }
        }
        Ok(())
    }

    fn may_be_table(&self) -> bool {
        self.selection.format.is_none_or(|format| format == Format::Parquet)
    }

    /// Whether a folder's files are read.
    fn enter(&mut self, entry: &DirEntry) -> anyhow::Result<bool> {
        let path = entry.path();
        if is_hidden_folder(path) {
            self.skip(Reason::HiddenFolder, path);
            return Ok(false);
        }
        if entry.path_is_symlink() {
            links::refuse_loop(path)?;
        }
        if self.may_be_table() {
            tables::refuse(path)?;
        }
        Ok(true)
    }

    fn file(&mut self, entry: &DirEntry) -> anyhow::Result<()> {
        let path = entry.path();
        match self.classify(entry) {
            Verdict::Read(format) => {
                let bytes = Some(links::metadata(path)?.len());
                let name = text_name(self.below(path), path, format)?;
                self.sources.push(Source::new(path, name, format, bytes, self.selection)?);
            }
            Verdict::Skip(Reason::Unread) => self.unread(path),
            Verdict::Skip(reason) => self.skip(reason, path),
            Verdict::Ignore => {}
        }
        Ok(())
    }

    fn classify(&self, entry: &DirEntry) -> Verdict {
        let path = entry.path();
        let name = entry.file_name();
        if is_hidden(name) {
            // `.gitattributes` and `_SUCCESS` are of no interest to anybody here.
            return if has_known_ending(path) { Verdict::Skip(Reason::Hidden) } else { Verdict::Ignore };
        }
        let reason = if self.is_own(path) {
            Reason::Own
        } else if is_of_rejects(name) {
            Reason::Rejects
        } else if !entry.file_type().is_file() {
            Reason::NotRegular
        } else if !self.is_of_split(path) {
            Reason::OtherSplit
        } else {
            return by_ending(path, self.selection.format);
        };
        Verdict::Skip(reason)
    }

    /// What can't be opened might hold documents, unless its name says that they are not wanted.
    fn unreadable(&mut self, error: walkdir::Error) -> anyhow::Result<()> {
        let path = error.path().unwrap_or(self.folder).to_owned();
        if path == self.folder {
            return Err(links::explain_walk(self.folder, error));
        }
        if path.file_name().is_some_and(is_hidden) {
            self.skip(Reason::Hidden, &path);
        } else if Format::of(&path).is_some() && !self.is_of_split(&path) {
            self.skip(Reason::OtherSplit, &path);
        } else {
            return Err(links::explain_walk(self.folder, error));
        }
        Ok(())
    }

    fn unread(&mut self, path: &Path) {
        self.skip(Reason::Unread, path);
        let Some(unread) = unread::of(path) else { return };
        self.unread.entry(unread.role).or_insert_with(|| unread.refusal(path));
    }

    fn finish(mut self) -> anyhow::Result<(Vec<Source>, Skipped)> {
        let has_data = self.sources.iter().any(|source| !source.format.is_plain());
        let is_empty = self.sources.is_empty();
        let mut refusals = self.unread.into_iter().filter(|(role, _)| match role {
            Role::Data => true,
            Role::Table => has_data || is_empty,
            Role::Text => !has_data,
        });
        if let Some((_, refusal)) = refusals.next() {
            return Err(refusal);
        }
        if self.selection.format.is_none() && has_data {
            let texts = self.sources.extract_if(.., |source| source.format.is_plain());
            texts.for_each(|text| self.skipped.add(Reason::TextBesideData, text.name.as_ref()));
        }
        if is_empty {
            bail!(no_files(self.folder, self.selection, &self.skipped));
        }
        Ok((self.sources, self.skipped))
    }

    fn skip(&mut self, reason: Reason, path: &Path) {
        let name = path.strip_prefix(self.folder).unwrap_or(path);
        self.skipped.add(reason, name);
    }

    fn below<'b>(&self, path: &'b Path) -> &'b Path {
        path.strip_prefix(self.folder).unwrap_or(path)
    }

    fn is_own(&self, path: &Path) -> bool {
        !self.own_files.is_empty() && path.canonicalize().is_ok_and(|whole| self.own_files.contains(&whole))
    }

    fn is_of_split(&self, path: &Path) -> bool {
        let name = self.below(path).to_string_lossy();
        self.selection.split.as_ref().is_none_or(|split| has_word(&name, split))
    }
}

/// What becomes of a file.
enum Verdict {
    Read(Format),
    Skip(Reason),
    /// It is nobody's document, and not worth a word.
    Ignore,
}

fn by_ending(path: &Path, wanted: Option<Format>) -> Verdict {
    let found = Format::of(path);
    let unread = unread::of(path);
    match (wanted, found) {
        (Some(format), _) if format.is_plain() => Verdict::Read(format),
        (Some(format), Some(found)) if format == found => Verdict::Read(format),
        (Some(format), _) if unread.is_some_and(|unread| unread.inner == Some(format)) => Verdict::Skip(Reason::Unread),
        (Some(_), _) => Verdict::Skip(Reason::OtherFormat),
        (None, _) if unread.is_some() => Verdict::Skip(Reason::Unread),
        // Beside data, a .json file describes them; alone, it is seldom lines.
        (None, Some(_)) if has_ending(path, "json") => Verdict::Skip(Reason::Json),
        (None, Some(found)) => Verdict::Read(found),
        (None, None) if path.extension().is_none() => Verdict::Skip(Reason::NoEnding),
        (None, None) => Verdict::Skip(Reason::UnknownEnding),
    }
}

fn is_hidden(name: &OsStr) -> bool {
    [b".", b"_"].iter().any(|mark| name.as_encoded_bytes().starts_with(*mark))
}

/// A partition column may begin with `_`.
fn is_hidden_folder(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let is_partition = name.as_encoded_bytes().starts_with(b"_") && name.as_encoded_bytes().contains(&b'=');
    is_hidden(name) && !is_partition
}

fn is_of_rejects(name: &OsStr) -> bool {
    name == "rejects.jsonl" || name.as_encoded_bytes().ends_with(b".rejects.jsonl")
}

fn has_known_ending(path: &Path) -> bool {
    Format::of(path).is_some() || unread::of(path).is_some()
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// Whether a split is a word of a path: `train` of `data/train-00000-of-00002.parquet` and of `train/0000.parquet`, but not of
/// `train_sft.parquet`.
fn has_word(name: &str, split: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    name.match_indices(split).any(|(at, found)| {
        let before = name.get(..at).unwrap_or_default();
        let after = name.get(at + found.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

fn no_files(folder: &Path, selection: &Selection, skipped: &Skipped) -> String {
    let folder = shown(folder);
    let split = selection.split.as_ref();
    let split = split.map(|split| format!(" with the word `{split}` in their names (--split)")).unwrap_or_default();
    let found = skipped.to_words(selection).map(|words| format!(" (skipped: {words})")).unwrap_or_default();
    format!(
        "the folder {folder} has no files to read{split}{found}; those end in .jsonl, .ndjson, .csv, .tsv, .parquet, .txt or \
         .md, or, with --format jsonl, in .json"
    )
}
