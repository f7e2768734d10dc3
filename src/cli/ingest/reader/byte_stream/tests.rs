//! Tests of real-world streams: multi-member, padded, truncated, in other formats, slow.

mod encodings;
mod formats;
mod packed;

use std::io::{self, Cursor, Read, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::inspecting_reader::Inspector;
use super::*;
use crate::cli::ingest::reader::input_format::InputFormat;
use crate::cli::ingest::reader::paths::InputSource;

const UTF_8: TextEncoding = TextEncoding::Utf8;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

fn encoding(label: &str) -> TextEncoding {
    label.parse().unwrap()
}

fn source(path: PathBuf, format: InputFormat, bytes: Option<u64>) -> InputSource {
    let (partitions, id_prefix) = (Default::default(), "".into());
    InputSource { name: path.display().to_string(), path, format, bytes, partitions, id_prefix }
}

/// Reads a file with this name and content; returns its text, and the bytes read from disk if they differ from the text.
fn read_named(
    name: &str,
    content: &[u8],
    format: InputFormat,
    encoding: TextEncoding,
) -> Result<(Vec<u8>, Option<u64>), String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    let source = source(path, format, Some(content.len() as u64));
    let mut bytes = ByteStream::open(&source, encoding).map_err(|error| format!("{error:#}"))?;
    let mut text = Vec::new();
    bytes.read_to_end(&mut text).map_err(|error| error.to_string())?;
    assert_eq!(bytes.is_plain_file(), bytes.disk_bytes_read().is_none());
    Ok((text, bytes.disk_bytes_read()))
}

fn read_file(content: &[u8], encoding: TextEncoding) -> Result<(Vec<u8>, Option<u64>), String> {
    read_named("docs.jsonl", content, InputFormat::Jsonl, encoding)
}

fn piped(reader: impl Read + Send + 'static, format: InputFormat, encoding: TextEncoding) -> ByteStream {
    ByteStream::from_pipe(Box::new(reader), Inspector::new(&source("-".into(), format, None), encoding))
}

/// Reads a pipe that delivers `chunk` bytes at a time.
fn read_pipe(content: &[u8], chunk: usize, format: InputFormat, encoding: TextEncoding) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut bytes = piped(Chunks { rest: Cursor::new(content.to_vec()), chunk }, format, encoding);
    bytes.read_to_end(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

struct Chunks {
    rest: Cursor<Vec<u8>>,
    chunk: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.chunk);
        self.rest.read(&mut buffer[..length])
    }
}

/// Reader that delivers one byte at a time and then fails where a pipe would block.
struct Stalled(Cursor<Vec<u8>>);

impl Read for Stalled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(&mut buffer[..1])? {
            0 => Err(io::Error::from(io::ErrorKind::WouldBlock)),
            read => Ok(read),
        }
    }
}

/// Reads a line of a stream that stalls after `content`.
fn first_line_before_stall(content: Vec<u8>, encoding: TextEncoding) -> String {
    let mut line = Vec::new();
    let mut bytes = piped(Stalled(Cursor::new(content)), InputFormat::Jsonl, encoding);
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        bytes.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}
