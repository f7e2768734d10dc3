//! `rejects`: extracts the records of a reject file in their original bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use tokio::task::spawn_blocking;

use super::ingest::{EXIT_SOME_REJECTED, MAX_RECORD_BYTES};

/// Maximum length of a line of a reject file: JSON escapes take at most six bytes per byte of a record, and the other fields are
/// short.
const MAX_ENTRY_BYTES: usize = 6 * MAX_RECORD_BYTES + (1 << 20);

/// Extract rejected records byte for byte, to repair them and ingest them again.
///
/// Reads a reject file written by `ingest` or `reindex`. Writes each record to standard output in its original encoding,
/// followed by a newline: a line, a row of CSV without the header (pass --columns to ingest it), a row of Parquet as JSON, or
/// for `reindex` the document's id as JSON. Reject files don't contain whole text files and records of more than 32 MiB; for
/// these, the file and line number are printed to standard error.
///
/// Exit status: 0 if all records are written, 1 if the reject file does not contain some of them, 2 if it can't be read or a
/// line is not an entry.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct RejectsCommand {
    /// Reject file; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const EXAMPLE: &str = "\
Examples:
  splade-sidecar rejects docs.jsonl.rejects.jsonl > again.jsonl
  splade-sidecar rejects docs.jsonl.rejects.jsonl | iconv -f latin1 -t utf-8 | splade-sidecar ingest - --collection docs
  splade-sidecar rejects products.csv.rejects.jsonl | splade-sidecar ingest - --collection docs --format csv --columns id,text";

impl RejectsCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let missing_count = spawn_blocking(move || write_records(&self.file)).await??;
        Ok(if missing_count > 0 { ExitCode::from(EXIT_SOME_REJECTED) } else { ExitCode::SUCCESS })
    }
}

/// Entry of a reject file. Earlier builds wrote no `line_base64`.
#[derive(Deserialize)]
struct RejectEntry {
    /// Record as text; null if it is not UTF-8 or was not stored. The key is always present.
    // Without `deserialize_with`, serde would accept a missing key as null.
    #[serde(deserialize_with = "nullable")]
    line: Option<String>,
    line_base64: Option<String>,
    file: Option<String>,
    line_number: Option<u64>,
}

fn nullable<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(value)
}

impl RejectEntry {
    fn parse(entry: &[u8]) -> anyhow::Result<Self> {
        let parsed = serde_json::from_slice(entry);
        parsed.context("it is not an entry of a reject file; pass a file that `ingest` or `reindex` wrote")
    }

    /// Returns the bytes of the record; `None` if they were not stored.
    ///
    /// # Errors
    /// If `line_base64` is not base64.
    fn take_record(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        match (self.line.take(), self.line_base64.take()) {
            (Some(line), _) => Ok(Some(line.into_bytes())),
            (None, Some(base64)) => {
                let record = STANDARD.decode(base64);
                Ok(Some(record.context(
                    "`line_base64` is not base64, so the file was modified; ingest the original input again",
                )?))
            }
            (None, None) => Ok(None),
        }
    }

    /// Describes the location of a record that was not stored.
    fn describe_location(&self) -> String {
        let file = self.file.as_deref().unwrap_or("the input");
        let line = self.line_number.map(|number| format!(", line {number}")).unwrap_or_default();
        format!(
            "{file}{line}: the reject file does not contain this record, because it is a whole file or larger than 32 MiB; \
             take it from the original file"
        )
    }
}

/// Writes the records of a file to standard output. Returns the number of records that the file does not contain.
fn write_records(path: &Path) -> anyhow::Result<u64> {
    let name = path.display().to_string();
    let reader: Box<dyn Read> = if name == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("can't read {name}"))?)
    };
    let out = BufWriter::new(io::stdout().lock());
    restore_records(BufReader::new(reader), &name, out, |location| {
        // Nothing can be done if standard error is gone.
        let _ = writeln!(io::stderr(), "warning: {location}");
    })
}

/// Writes the records of a reject file to `out`. Calls `report` with the location of each record that was not stored, and
/// returns their number. Stops without an error if the reader of `out` closes the pipe.
///
/// # Errors
/// If reading or writing fails, or a line is not an entry; the message contains the line number. Earlier records are written.
pub fn restore_records(
    mut reader: impl BufRead,
    name: &str,
    mut out: impl Write,
    mut report: impl FnMut(String),
) -> anyhow::Result<u64> {
    let (mut missing_count, mut number) = (0, 0_u64);
    while let Some(line) =
        read_bounded_line(&mut reader, MAX_ENTRY_BYTES).with_context(|| format!("can't read {name}"))?
    {
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let location = || format!("{name}, line {number}");
        if line.len() > MAX_ENTRY_BYTES {
            bail!("{}: it is too long for an entry; pass a file that `ingest` or `reindex` wrote", location());
        }
        let mut entry = RejectEntry::parse(&line).with_context(location)?;
        match entry.take_record().with_context(location)? {
            Some(record) if !write_record(&mut out, &record)? => return Ok(missing_count),
            Some(_) => {}
            None => {
                missing_count += 1;
                report(entry.describe_location());
            }
        }
    }
    ignore_broken_pipe(out.flush())?;
    Ok(missing_count)
}

/// Reads the next line, at most `max_bytes` + 1 bytes of it.
fn read_bounded_line(reader: &mut impl BufRead, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(max_bytes as u64 + 1).read_until(b'\n', &mut line)?;
    Ok(Some(line).filter(|line| !line.is_empty()))
}

/// Writes a record and a newline. Returns false if the pipe is closed.
fn write_record(out: &mut impl Write, record: &[u8]) -> anyhow::Result<bool> {
    ignore_broken_pipe(out.write_all(record).and_then(|()| out.write_all(b"\n")))
}

/// Converts a broken pipe, as in `| head`, from an error to false.
fn ignore_broken_pipe(outcome: io::Result<()>) -> anyhow::Result<bool> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        outcome => outcome.map(|()| true).context("can't write to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the output, the reports, and the number of missing records or the error.
    fn restored(file: &str) -> (Vec<u8>, Vec<String>, Result<u64, String>) {
        let (mut out, mut reports) = (Vec::new(), Vec::new());
        let outcome = restore_records(file.as_bytes(), "r.jsonl", &mut out, |report| reports.push(report));
        (out, reports, outcome.map_err(|error| format!("{error:#}")))
    }

    #[test]
    fn records_keep_their_bytes() {
        let file =
            "{\"line\":\"a\\r\\u0000é\"}\n\n{\"line\":null,\"line_base64\":\"6Q==\"}\n{\"line\":\"\",\"more\":1}";
        assert_eq!(restored(file), ("a\r\0é\n".bytes().chain(*b"\xe9\n\n").collect(), vec![], Ok(0)));
    }

    #[test]
    fn missing_records_are_reported() {
        let (out, reports, missing_count) =
            restored("{\"line\":null,\"file\":\"a.txt\",\"line_number\":1}\n{\"line\":\"b\"}\n");
        assert_eq!((out, missing_count), (b"b\n".to_vec(), Ok(1)));
        assert!(reports.len() == 1 && reports[0].starts_with("a.txt, line 1: "), "{reports:?}");
    }

    #[test]
    fn errors_contain_the_line_number() {
        for (wrong, problem) in [
            ("no json", "not an entry"),
            ("{\"text\": \"a document\"}", "missing field `line`"),
            ("{\"line\": 7}", "not an entry"),
            ("[]", "not an entry"),
            ("{\"line\": \"a", "not an entry"),
            ("{\"line\": null, \"line_base64\": \"?\"}", "not base64"),
        ] {
            let (out, _, outcome) = restored(&format!("{{\"line\": \"first\"}}\n{wrong}\n"));
            let error = outcome.unwrap_err();
            assert!(error.starts_with("r.jsonl, line 2: ") && error.contains(problem), "{error}");
            assert_eq!(out, b"first\n", "{wrong}");
        }
    }

    #[test]
    fn an_endless_line_takes_bounded_memory() {
        let mut endless = BufReader::new(io::repeat(b'x'));
        assert_eq!(read_bounded_line(&mut endless, 99).unwrap(), Some(vec![b'x'; 100]));
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let entries = &b"{\"line\":\"a\"}\nno entry\n"[..];
        assert_eq!(restore_records(entries, "r.jsonl", Closed, |_| ()).unwrap(), 0);
    }
}
