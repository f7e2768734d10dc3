//! Lists the files of an input directory.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use walkdir::{DirEntry, WalkDir};

use super::path_display::{display_path, to_source_name};
use super::selection::FileSelection;
use super::skipped_files::{SkipReason, SkippedFiles};
use super::source::InputSource;
use super::unsupported_files::FileRole;
use super::{links, table_formats, unsupported_files};
use crate::cli::ingest::reader::InputFormat;

/// Recursive scan of an input directory.
pub struct DirectoryScan<'a> {
    dir: &'a Path,
    selection: &'a FileSelection,
    own_files: Vec<PathBuf>,
    sources: Vec<InputSource>,
    skipped: SkippedFiles,
    /// Error of the first unsupported file of each role.
    unsupported: BTreeMap<FileRole, anyhow::Error>,
}

impl<'a> DirectoryScan<'a> {
    /// Lists the files to read, and returns a one-line notice about skipped files. Blocks.
    ///
    /// # Errors
    /// If there are no files to read, an entry can't be opened, or an unsupported file holds documents.
    pub fn run(dir: &'a Path, selection: &'a FileSelection) -> anyhow::Result<(Vec<InputSource>, Option<String>)> {
        let (sources, skipped) = Self::scan_all(dir, selection)?;
        let notice = skipped.summarize(selection).map(|summary| format!("{}: skipped: {summary}", display_path(dir)));
        Ok((sources, notice))
    }

    pub(super) fn scan_all(
        dir: &'a Path,
        selection: &'a FileSelection,
    ) -> anyhow::Result<(Vec<InputSource>, SkippedFiles)> {
        let own_files = selection.own_files.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let mut scan = Self {
            dir,
            selection,
            own_files,
            sources: Vec::new(),
            skipped: SkippedFiles::default(),
            unsupported: BTreeMap::new(),
        };
        scan.walk()?;
        scan.finish()
    }

    fn walk(&mut self) -> anyhow::Result<()> {
        if self.may_be_table() {
            table_formats::reject_table_or_descendant(self.dir)?;
        }
        let mut walk = WalkDir::new(self.dir).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if entry.depth() == 0 => {}
                Ok(entry) if entry.file_type().is_dir() => {
                    if !self.should_enter(&entry)? {
                        walk.skip_current_dir();
                    }
                }
                Ok(entry) => self.add_file(&entry)?,
                Err(error) => self.handle_walk_error(error)?,
            }
        }
        Ok(())
    }

    fn may_be_table(&self) -> bool {
        self.selection.format.is_none_or(|format| format == InputFormat::Parquet)
    }

    /// Returns whether to descend into a directory.
    fn should_enter(&mut self, entry: &DirEntry) -> anyhow::Result<bool> {
        let path = entry.path();
        if is_hidden_dir(path) {
            self.add_skipped(SkipReason::HiddenDirectory, path);
            return Ok(false);
        }
        if entry.path_is_symlink() {
            links::reject_loop(path)?;
        }
        if self.may_be_table() {
            table_formats::reject_table(path)?;
        }
        Ok(true)
    }

    fn add_file(&mut self, entry: &DirEntry) -> anyhow::Result<()> {
        let path = entry.path();
        match self.classify(entry) {
            FileAction::Read(format) => {
                let bytes = Some(links::read_metadata(path)?.len());
                let name = to_source_name(self.relative_path(path), path, format)?;
                self.sources.push(InputSource::new(path, name, format, bytes, self.selection)?);
            }
            FileAction::Skip(SkipReason::Unsupported) => self.add_unsupported(path),
            FileAction::Skip(reason) => self.add_skipped(reason, path),
            FileAction::Ignore => {}
        }
        Ok(())
    }

    fn classify(&self, entry: &DirEntry) -> FileAction {
        let path = entry.path();
        let name = entry.file_name();
        if is_hidden(name) {
            // Hidden files without a data extension, such as `.gitattributes` and `_SUCCESS`, are not worth a notice.
            return if has_known_extension(path) { FileAction::Skip(SkipReason::Hidden) } else { FileAction::Ignore };
        }
        let reason = if self.is_own_file(path) {
            SkipReason::OwnFile
        } else if is_rejects_file(name) {
            SkipReason::Rejects
        } else if !entry.file_type().is_file() {
            SkipReason::NotRegular
        } else if !self.is_in_split(path) {
            SkipReason::OtherSplit
        } else {
            return classify_by_extension(path, self.selection.format);
        };
        FileAction::Skip(reason)
    }

    /// Skips an unreadable entry if its name would be skipped anyway; any other one may hold documents and is an error.
    fn handle_walk_error(&mut self, error: walkdir::Error) -> anyhow::Result<()> {
        let path = error.path().unwrap_or(self.dir).to_owned();
        if path == self.dir {
            return Err(links::explain_walk_error(self.dir, error));
        }
        if path.file_name().is_some_and(is_hidden) {
            self.add_skipped(SkipReason::Hidden, &path);
        } else if InputFormat::from_path(&path).is_some() && !self.is_in_split(&path) {
            self.add_skipped(SkipReason::OtherSplit, &path);
        } else {
            return Err(links::explain_walk_error(self.dir, error));
        }
        Ok(())
    }

    fn add_unsupported(&mut self, path: &Path) {
        self.add_skipped(SkipReason::Unsupported, path);
        let Some(unsupported) = unsupported_files::detect(path) else { return };
        self.unsupported.entry(unsupported.role).or_insert_with(|| unsupported.to_error(path));
    }

    fn finish(mut self) -> anyhow::Result<(Vec<InputSource>, SkippedFiles)> {
        let has_data = self.sources.iter().any(|source| !source.format.is_plain_text());
        let is_empty = self.sources.is_empty();
        let mut errors = self.unsupported.into_iter().filter(|(role, _)| match role {
            FileRole::Data => true,
            FileRole::Table => has_data || is_empty,
            FileRole::Text => !has_data,
        });
        if let Some((_, error)) = errors.next() {
            return Err(error);
        }
        if self.selection.format.is_none() && has_data {
            let texts = self.sources.extract_if(.., |source| source.format.is_plain_text());
            texts.for_each(|text| self.skipped.add(SkipReason::TextWithData, text.name.as_ref()));
        }
        if is_empty {
            bail!(describe_no_files(self.dir, self.selection, &self.skipped));
        }
        Ok((self.sources, self.skipped))
    }

    fn add_skipped(&mut self, reason: SkipReason, path: &Path) {
        let name = path.strip_prefix(self.dir).unwrap_or(path);
        self.skipped.add(reason, name);
    }

    fn relative_path<'b>(&self, path: &'b Path) -> &'b Path {
        path.strip_prefix(self.dir).unwrap_or(path)
    }

    fn is_own_file(&self, path: &Path) -> bool {
        !self.own_files.is_empty() && path.canonicalize().is_ok_and(|absolute| self.own_files.contains(&absolute))
    }

    fn is_in_split(&self, path: &Path) -> bool {
        let name = self.relative_path(path).to_string_lossy();
        self.selection.split.as_ref().is_none_or(|split| contains_word(&name, split))
    }
}

/// Action for a file of the directory.
enum FileAction {
    Read(InputFormat),
    Skip(SkipReason),
    /// Skip the file without counting it.
    Ignore,
}

fn classify_by_extension(path: &Path, wanted: Option<InputFormat>) -> FileAction {
    let found = InputFormat::from_path(path);
    let unsupported = unsupported_files::detect(path);
    match (wanted, found) {
        (Some(format), _) if format.is_plain_text() => FileAction::Read(format),
        (Some(format), Some(found)) if format == found => FileAction::Read(format),
        (Some(format), _) if unsupported.is_some_and(|unread| unread.inner_format == Some(format)) => {
            FileAction::Skip(SkipReason::Unsupported)
        }
        (Some(_), _) => FileAction::Skip(SkipReason::OtherFormat),
        (None, _) if unsupported.is_some() => FileAction::Skip(SkipReason::Unsupported),
        // Next to data files, a .json file usually holds metadata; alone, it is rarely JSON Lines.
        (None, Some(_)) if has_extension(path, "json") => FileAction::Skip(SkipReason::Json),
        (None, Some(found)) => FileAction::Read(found),
        (None, None) if path.extension().is_none() => FileAction::Skip(SkipReason::NoExtension),
        (None, None) => FileAction::Skip(SkipReason::UnknownExtension),
    }
}

fn is_hidden(name: &OsStr) -> bool {
    [b".", b"_"].iter().any(|mark| name.as_encoded_bytes().starts_with(*mark))
}

/// Returns whether a directory is hidden. A partition directory (`_key=value`) may start with `_`.
fn is_hidden_dir(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let is_partition = name.as_encoded_bytes().starts_with(b"_") && name.as_encoded_bytes().contains(&b'=');
    is_hidden(name) && !is_partition
}

fn is_rejects_file(name: &OsStr) -> bool {
    name == "rejects.jsonl" || name.as_encoded_bytes().ends_with(b".rejects.jsonl")
}

fn has_known_extension(path: &Path) -> bool {
    InputFormat::from_path(path).is_some() || unsupported_files::detect(path).is_some()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Returns whether a split is a word of a path: `train` is one of `data/train-00000-of-00002.parquet` and
/// `train/0000.parquet`, but not of `train_sft.parquet`.
fn contains_word(name: &str, split: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    name.match_indices(split).any(|(at, found)| {
        let before = name.get(..at).unwrap_or_default();
        let after = name.get(at + found.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

fn describe_no_files(dir: &Path, selection: &FileSelection, skipped: &SkippedFiles) -> String {
    let dir = display_path(dir);
    let split = selection.split.as_ref();
    let split = split.map(|split| format!(" with the word `{split}` in their names (--split)")).unwrap_or_default();
    let found = skipped.summarize(selection).map(|summary| format!(" (skipped: {summary})")).unwrap_or_default();
    format!(
        "the directory {dir} has no files to read{split}{found}; supported extensions are .jsonl, .ndjson, .csv, .tsv, \
         .parquet, .txt and .md, and with --format jsonl also .json"
    )
}
