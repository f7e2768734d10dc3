//! The file of rejected lines: one JSON object for each.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde_json::json;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncWriteExt, BufWriter};
use tonic::Code;

use super::batch::Line;
use super::on_file;
use crate::cli::errors::code_in_rejects;
use crate::proto::ItemError;

/// An open reject file. It is removed at the end if nothing was rejected.
#[derive(Debug)]
pub struct RejectFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// Not everything is a file that can be cut, flushed or removed: there is /dev/null.
    is_file: bool,
    bytes: u64,
    /// How much of that is on the disk.
    synced: u64,
}

impl RejectFile {
    /// Opens the file, to add to the first `keep` bytes of it. Done before anything is sent, so that a wrong path costs
    /// nothing.
    pub async fn open<'a>(path: &Path, inputs: impl Iterator<Item = &'a Path>, keep: u64) -> anyhow::Result<Self> {
        if let Ok(whole) = fs::canonicalize(path).await {
            let is_input = inputs.map(std::fs::canonicalize).any(|input| input.is_ok_and(|input| input == whole));
            ensure!(!is_input, "--rejects names the input itself; name another file");
        }
        let open = async {
            let file = OpenOptions::new().create(true).append(true).open(path).await?;
            let metadata = file.metadata().await?;
            let bytes = metadata.len().min(keep);
            if metadata.is_file() {
                file.set_len(bytes).await?;
            }
            Ok((file, metadata.is_file(), bytes))
        };
        let (file, is_file, bytes) = on_file(open.await, "write rejected lines to", path)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), is_file, bytes, synced: bytes })
    }

    /// Adds a line, with what is wrong with it.
    pub async fn write(&mut self, line: &Line, error: &ItemError) -> anyhow::Result<()> {
        let mut entry = json!({
            "line_number": line.number,
            "reason": error.reason,
            "field": error.field,
            "message": error.message,
            "code": code_in_rejects(Code::from_i32(error.code)),
            "line": line.text,
        });
        if !line.file.name.is_empty() {
            entry["file"] = json!(line.file.name);
        }
        let entry = format!("{entry}\n");
        self.bytes += entry.len() as u64;
        on_file(self.file.write_all(entry.as_bytes()).await, "write to", &self.path)
    }

    /// Has all of it on the disk; gives its length.
    pub async fn sync(&mut self) -> anyhow::Result<u64> {
        if self.synced < self.bytes {
            on_file(self.file.flush().await, "write to", &self.path)?;
            if self.is_file {
                on_file(self.file.get_ref().sync_data().await, "write to", &self.path)?;
            }
            self.synced = self.bytes;
        }
        Ok(self.bytes)
    }

    /// Ends the file; gives its path if there is anything in it.
    pub async fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        on_file(self.file.flush().await, "write to", &self.path)?;
        if self.is_file && self.bytes == 0 {
            on_file(fs::remove_file(&self.path).await, "remove", &self.path)?;
            return Ok(None);
        }
        Ok(Some(self.path))
    }
}
