//! The bytes of a file or of standard input, unpacked as they are read.
//!
//! What is packed says so by its first bytes; a file's name may say nothing. Several gzip members or zstd frames in a row are
//! one text. Nothing is unpacked but what is read, so a file that unpacks to more than there is memory does no harm.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::follow::Tail;
use super::paths::Source;
use crate::cli::ingest::on_file;

/// Below what the allocator gives back to the kernel each time: a folder may have many small files.
const BUFFER_BYTES: usize = 64 << 10;

/// As many of the first bytes as are looked at.
const HEAD: usize = 48;

type Reader = Box<dyn Read + Send>;

/// An open source.
pub struct Bytes {
    reader: BufReader<Reader>,
    /// The file, if a place in it can be sought.
    file: Option<File>,
    /// How much of a packed file is read.
    packed: Option<Arc<AtomicU64>>,
    /// Whether it may have to be waited for, as no file on a disk has to be.
    may_wait: bool,
}

impl Bytes {
    /// # Errors
    /// If it can't be opened, or by its beginning can't be read.
    pub fn open(source: &Source) -> anyhow::Result<Self> {
        if source.is_stdin() {
            return Ok(Self::unsized_(Box::new(io::stdin())));
        }
        let path = &source.path;
        let file = on_file(File::open(path), "open", path)?;
        if source.bytes.is_none() {
            return Ok(Self::unsized_(Box::new(file)));
        }
        let mut head = [0; HEAD];
        let length = on_file(file.read_at(&mut head, 0), "read", path)?;
        let packing = on_file(Packing::of(head.get(..length).unwrap_or_default()), "read", path)?;
        if packing == Packing::None {
            let reader = on_file(file.try_clone(), "read", path)?;
            return Ok(Self { file: Some(file), may_wait: false, ..Self::plain(reader) });
        }
        let count = Arc::new(AtomicU64::new(0));
        let counted = Counted { reader: file, count: Arc::clone(&count) };
        let reader = on_file(packing.unpack(Box::new(counted)), "read", path)?;
        Ok(Self { reader: buffered(reader), file: None, packed: Some(count), may_wait: false })
    }

    /// Of a pipe: its first bytes are looked at when they are there.
    fn unsized_(reader: Reader) -> Self {
        Self::plain(Unseen { reader: Some(reader), unpacked: None })
    }

    /// Of a file that grows.
    ///
    /// # Errors
    /// If its handle can't be cloned.
    pub fn followed(tail: Tail) -> io::Result<Self> {
        Ok(Self { file: Some(tail.file()?), ..Self::plain(tail) })
    }

    /// Of any reader, as it is.
    pub fn plain(reader: impl Read + Send + 'static) -> Self {
        Self { reader: buffered(Box::new(reader)), file: None, packed: None, may_wait: true }
    }

    /// Tells whether the next bytes may have to be waited for.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// How much of a packed file is read.
    pub fn packed(&self) -> Option<u64> {
        self.packed.as_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Whether a place in it can be sought.
    pub fn is_plain_file(&self) -> bool {
        self.file.is_some()
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

fn buffered(reader: Reader) -> BufReader<Reader> {
    BufReader::with_capacity(BUFFER_BYTES, reader)
}

/// How bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// By the first bytes, some of which tell that it is something else altogether.
    fn of(head: &[u8]) -> io::Result<Self> {
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            // A frame, or one that may be skipped before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [b'P', b'A', b'R', b'1', ..] => wrong("it is a Parquet file; read it from a file, with --format parquet"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                wrong("it is in UTF-16; make it UTF-8 first: iconv -f utf-16 -t utf-8")
            }
            [b'P', b'K', 3, 4, ..] => wrong("it is a zip archive; unpack it first"),
            head if head.starts_with(LFS_POINTER) => {
                wrong("it is a pointer of Git LFS and not the file itself; bring that with git lfs pull")
            }
            _ => Ok(Self::None),
        }
    }

    fn unpack(self, reader: Reader) -> io::Result<Reader> {
        Ok(match self {
            Self::None => reader,
            Self::Gzip => Box::new(Whole(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, reader)))),
            Self::Zstd => Box::new(Whole(zstd::stream::read::Decoder::new(reader)?)),
        })
    }
}

/// The first bytes of the small file that stands for a large one.
pub const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Says of an error that what was packed is not whole.
struct Whole<R>(R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let words = format!("its packed bytes are damaged or cut short ({error}); bring or make it anew");
            io::Error::new(error.kind(), words)
        })
    }
}

/// Counts what goes by.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A reader that may be packed, until its first bytes are there.
struct Unseen {
    reader: Option<Reader>,
    unpacked: Option<Reader>,
}

impl Read for Unseen {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(mut reader) = self.reader.take() {
            let mut head = Vec::with_capacity(4);
            reader.by_ref().take(4).read_to_end(&mut head)?;
            let packing = Packing::of(&head)?;
            self.unpacked = Some(packing.unpack(Box::new(Cursor::new(head).chain(reader)))?);
        }
        self.unpacked.as_mut().map_or(Ok(0), |reader| reader.read(buffer))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::format::Format;
    use super::super::paths::list;
    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 1).unwrap()
    }

    fn read_file(path: &Path) -> Result<(String, Option<u64>), String> {
        let source = list(&[path.to_owned()], Some(Format::Jsonl), None).unwrap().remove(0);
        let mut bytes = Bytes::open(&source).map_err(|error| format!("{error:#}"))?;
        let mut text = String::new();
        bytes.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok((text, bytes.packed()))
    }

    fn read_pipe(packed: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        Bytes::unsized_(Box::new(Cursor::new(packed))).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_is_packed_is_told_by_its_bytes_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docs.jsonl");
        let joined = |pack: fn(&[u8]) -> Vec<u8>| [pack(b"one\n"), pack(b"two\n")].concat();
        for (content, is_packed) in [(b"one\ntwo\n".to_vec(), false), (joined(gzip), true), (joined(zstd), true)] {
            std::fs::write(&path, &content).unwrap();
            let expected = ("one\ntwo\n".to_owned(), is_packed.then_some(content.len() as u64));
            assert_eq!(read_file(&path).unwrap(), expected);
            assert_eq!(read_pipe(content).unwrap(), expected.0);
        }
        assert_eq!(read_pipe(b"x".to_vec()).unwrap(), "x");
        assert_eq!(read_pipe(Vec::new()).unwrap(), "");
    }

    #[test]
    fn what_is_damaged_or_something_else_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docs.jsonl");
        let text = "a line that is long enough\n".repeat(1000);
        let cut = |packed: Vec<u8>| packed[..packed.len() - 9].to_vec();
        for (content, problem) in [
            (cut(gzip(text.as_bytes())), "cut short"),
            (cut(zstd(text.as_bytes())), "cut short"),
            (b"PAR1....".to_vec(), "--format parquet"),
            (b"\xff\xfea\0".to_vec(), "iconv"),
            (b"PK\x03\x04".to_vec(), "zip"),
            ([LFS_POINTER, b"v1\noid sha256:0"].concat(), "git lfs pull"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = read_file(&path).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
