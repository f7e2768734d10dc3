//! The rejects file: one JSON object per rejected line. `cli::rejects` reads it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncWriteExt, BufWriter};
use tonic::Code;

use super::file_error::with_file_context;
use super::ingest_line::IngestLine;
use crate::cli::errors::code_as_reject_str;
use crate::proto::ItemError;

/// An open rejects file. It is removed at the end if nothing was rejected.
#[derive(Debug)]
pub struct RejectFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// True for a regular file; other files, such as /dev/null, are not truncated, synced or removed.
    is_file: bool,
    bytes: u64,
    /// Length of the part that is synced to disk.
    synced_bytes: u64,
}

impl RejectFile {
    /// Opens the file and truncates it to its first `kept_bytes` bytes. Called before anything is sent, so that a wrong path is
    /// reported before any work is done.
    ///
    /// # Errors
    /// If the file is one of the inputs, or can't be written.
    pub async fn open<'a>(
        path: &Path,
        inputs: impl Iterator<Item = &'a Path>,
        kept_bytes: u64,
    ) -> anyhow::Result<Self> {
        if let Ok(canonical_path) = fs::canonicalize(path).await {
            let is_input =
                inputs.map(std::fs::canonicalize).any(|input| input.is_ok_and(|input| input == canonical_path));
            ensure!(!is_input, "--rejects is one of the input files; set another path");
        }
        let open = async {
            let file = OpenOptions::new().create(true).append(true).open(path).await?;
            let metadata = file.metadata().await?;
            let bytes = metadata.len().min(kept_bytes);
            if metadata.is_file() {
                file.set_len(bytes).await?;
            }
            Ok((file, metadata.is_file(), bytes))
        };
        let opened: std::io::Result<_> = open.await;
        let (file, is_file, bytes) = opened.with_context(|| {
            format!("can't write rejected lines to {}; set another path with --rejects", path.display())
        })?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), is_file, bytes, synced_bytes: bytes })
    }

    /// Appends a rejected line with its error.
    pub async fn write(&mut self, line: &IngestLine, error: &ItemError) -> anyhow::Result<()> {
        let entry = format!("{}\n", to_entry(line, error));
        self.bytes += entry.len() as u64;
        with_file_context(self.file.write_all(entry.as_bytes()).await, "write to", &self.path)
    }

    /// Syncs the file to disk and returns its length.
    pub async fn sync(&mut self) -> anyhow::Result<u64> {
        if self.synced_bytes < self.bytes {
            with_file_context(self.file.flush().await, "write to", &self.path)?;
            if self.is_file {
                with_file_context(self.file.get_ref().sync_data().await, "write to", &self.path)?;
            }
            self.synced_bytes = self.bytes;
        }
        Ok(self.bytes)
    }

    /// Flushes the file and returns its path, or removes it if it is empty.
    pub async fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        with_file_context(self.file.flush().await, "write to", &self.path)?;
        if self.is_file && self.bytes == 0 {
            with_file_context(fs::remove_file(&self.path).await, "remove", &self.path)?;
            return Ok(None);
        }
        Ok(Some(self.path))
    }
}

/// Returns the entry of a rejected line. The original record is in `line`, or in `line_base64` if it is not UTF-8; neither is
/// set if the record was too long to keep.
fn to_entry(line: &IngestLine, error: &ItemError) -> Value {
    let text = line.raw_bytes.as_deref().map(|bytes| str::from_utf8(bytes).map_err(|_| STANDARD.encode(bytes)));
    let mut entry = json!({
        "line_number": line.number,
        "reason": error.reason,
        "field": error.field,
        "message": error.message,
        "code": code_as_reject_str(Code::from_i32(error.code)),
        "line": text.as_ref().and_then(|text| text.as_ref().ok()),
    });
    if let Some(Err(base64)) = text {
        entry["line_base64"] = json!(base64);
    }
    if !line.file.name.is_empty() {
        entry["file"] = json!(line.file.name);
    }
    entry
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::ingest::InputPosition;
    use crate::cli::ingest::input_file::InputFile;
    use crate::cli::rejects::restore_records;

    fn line(text: Option<Vec<u8>>) -> IngestLine {
        let document = Err(ItemError::default());
        IngestLine {
            position: InputPosition::default(),
            file: InputFile { name: "docs.jsonl".to_owned(), ..InputFile::default() }.into(),
            number: 7,
            other_shard_lines: 0,
            raw_bytes: text,
            document,
        }
    }

    #[test]
    fn a_record_is_a_string_where_it_is_utf_8() {
        let entry = |text: &[u8]| to_entry(&line(Some(text.to_vec())), &ItemError::default());
        let utf8 = entry("é\0\r".as_bytes());
        assert_eq!((&utf8["line"], utf8.get("line_base64")), (&json!("é\0\r"), None));
        let latin1 = entry(b"\xe9");
        assert_eq!((&latin1["line"], &latin1["line_base64"]), (&Value::Null, &json!("6Q==")));
        let absent = to_entry(&line(None), &ItemError::default());
        assert_eq!((&absent["line"], absent.get("line_base64")), (&Value::Null, None));
    }

    proptest! {
        /// Law: `rejects` restores any rejected bytes, with a newline after each record.
        #[test]
        fn rejected_bytes_come_back(records: Vec<Vec<u8>>, texts in prop::collection::vec("\\PC*", 0..4)) {
            let records: Vec<_> = records.into_iter().chain(texts.into_iter().map(String::into_bytes)).collect();
            let entry = |record: &Vec<u8>| format!("{}\n", to_entry(&line(Some(record.clone())), &ItemError::default()));
            let file: String = records.iter().map(entry).collect();
            let mut out = Vec::new();
            let absent = restore_records(file.as_bytes(), "file", &mut out, |_| ()).unwrap();
            let expected: Vec<u8> = records.into_iter().flat_map(|record| [record, b"\n".to_vec()].concat()).collect();
            prop_assert_eq!((absent, out), (0, expected));
        }
    }
}
