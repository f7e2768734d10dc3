//! The file of rejected lines: one JSON object for each.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde_json::json;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncWriteExt, BufWriter};
use tonic::Code;

use super::batch::Line;
use super::on_file;
use crate::proto::Rejection;

/// An open reject file. It is removed at the end if nothing was rejected.
#[derive(Debug)]
pub struct RejectFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl RejectFile {
    /// Begins the file anew, or adds to it. Done before anything is sent, so that a wrong path costs nothing.
    pub async fn create(path: &Path, input: &Path, append: bool) -> anyhow::Result<Self> {
        let same = fs::canonicalize(path).await.is_ok_and(|path| std::fs::canonicalize(input).is_ok_and(|i| i == path));
        ensure!(!same, "--rejects names the input itself; name another file");
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(append).truncate(!append);
        let file = on_file(options.open(path).await, "write rejected lines to", path)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Adds a line, with what is wrong with it.
    pub async fn write(&mut self, line: &Line, rejection: &Rejection) -> anyhow::Result<()> {
        let entry = json!({
            "line_number": line.place.lines,
            "reason": rejection.reason,
            "field": rejection.field,
            "message": rejection.message,
            "code": format!("{:?}", Code::from_i32(rejection.code)),
            "line": line.text,
        });
        on_file(self.file.write_all(format!("{entry}\n").as_bytes()).await, "write to", &self.path)
    }

    /// Ends the file; gives its path if there is anything in it.
    pub async fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        on_file(self.file.flush().await, "write to", &self.path)?;
        let metadata = on_file(self.file.get_ref().metadata().await, "read", &self.path)?;
        // Not everything is a file: /dev/null must stay.
        if metadata.is_file() && metadata.len() == 0 {
            on_file(fs::remove_file(&self.path).await, "remove", &self.path)?;
            return Ok(None);
        }
        Ok(Some(self.path))
    }
}
