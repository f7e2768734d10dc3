use super::*;

/// Returns a tar archive: a header of 512 bytes, then data.
fn tar() -> Vec<u8> {
    let mut header = vec![0; 1024];
    header[..10].copy_from_slice(b"docs.jsonl");
    header[257..265].copy_from_slice(b"ustar\x0000");
    header
}

fn after(magic: &[u8]) -> Vec<u8> {
    [magic, b"\x07\x00\x15\xff binary"].concat()
}

/// Returns the first bytes of each unsupported format, with words of its error message.
fn unsupported() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let mut duckdb = vec![0x11; 8];
    duckdb.extend(b"DUCK\x40\0\0\0");
    vec![
        (after(b"BZh91AY&SY"), "bzip2", "bunzip2"),
        (b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0".to_vec(), "bzip2", "bunzip2"),
        (after(b"\xfd7zXZ\0"), "xz-compressed", "unxz"),
        (after(b"]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff"), "lzma", "unlzma"),
        (after(b"]\0\0\x80\0\x05\0\0\0\0\0\0\0"), "lzma", "unlzma"),
        (after(b"LZIP\x01"), "lzip", "lzip -d"),
        (after(b"\x04\x22\x4d\x18"), "lz4", "unlz4"),
        (after(b"\x02\x21\x4c\x18"), "lz4", "unlz4"),
        (after(b"\xff\x06\0\0sNaPpY"), "snappy", "snzip"),
        (after(b"\x1f\x9d\x90"), "(.Z)", "gunzip"),
        (after(b"\x89LZO\0\r\n\x1a\n"), "lzop", "lzop -d"),
        (after(b"\x27\xb5\x2f\xfd"), "before 0.8", "decompress it with a zstd release"),
        (after(b"x\x9c"), "zlib", "pigz"),
        (after(b"7z\xbc\xaf\x27\x1c"), "7z", "7z x"),
        (after(b"Rar!\x1a\x07\x01\0"), "rar", "unrar"),
        (after(b"PK\x03\x04"), "zip", ".xlsx"),
        (after(b"PK\x05\x06"), "zip", "unzip"),
        (after(b"PK\x07\x08"), "zip", "unzip"),
        (tar(), "tar archive", "tar -xf"),
        (after(b"PAR1"), "Parquet", "--format parquet"),
        (after(b"Obj\x01"), "Avro", "fastavro"),
        (after(b"ORC"), "ORC", "read_orc"),
        (after(b"ARROW1\0\0"), "Arrow", "read_feather"),
        (after(b"\xff\xff\xff\xff\x10\x01\0\0"), "Arrow stream", "open_stream"),
        (after(b"FEA1"), "Feather", "read_feather"),
        (after(b"SQLite format 3\0"), "SQLite", "sqlite3"),
        (duckdb, "DuckDB", "COPY"),
        (after(b"\x89HDF\r\n\x1a\n"), "HDF5", "read_hdf"),
        (after(b"\x93NUMPY\x01\0"), "NumPy", "numpy.load"),
        (after(b"\x80\x04\x95"), "pickle", "JSON Lines"),
        (after(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "OLE2", "CSV"),
        (after(b"%PDF-1.7\n"), "PDF", "pdftotext"),
        ([LFS_POINTER_PREFIX, b"v1\noid sha256:0"].concat(), "Git LFS", "git lfs pull"),
        (b"\xff\xfe{\0".to_vec(), "UTF-16LE", "--encoding utf-16"),
        (b"\xfe\xff\0{".to_vec(), "UTF-16BE", "--encoding utf-16"),
        (b"{\0\"\0i\0d\0\"\0".to_vec(), "UTF-16 without", "--encoding utf-16le"),
        (b"\0{\0\"\0i\0d\0\"".to_vec(), "UTF-16 without", "utf-16be"),
        (b"\xff\xfe\0\0{\0\0\0".to_vec(), "UTF-32LE", "iconv"),
        (b"\0\0\xfe\xff\0\0\0{".to_vec(), "UTF-32BE", "iconv"),
    ]
}

#[test]
fn unsupported_formats_are_rejected_by_name() {
    for (content, name, remedy) in unsupported() {
        let is_refused = |outcome: Result<Vec<u8>, String>, prefix: &str| {
            let error = outcome.unwrap_err();
            assert!(error.contains(name) && error.contains(remedy) && error.contains(prefix), "{name}: {error}");
            assert!(error.contains("; "), "{error}");
        };
        let text = |content: &[u8]| read_file(content, UTF_8).map(|(text, _)| text);
        is_refused(text(&content), "the input ");
        is_refused(read_pipe(&content, 1 << 20, InputFormat::Jsonl, UTF_8), "the input ");
        let inside = if name.starts_with("UTF-16") && !name.contains("without") || name.starts_with("UTF-32") {
            ""
        } else {
            "the decompressed data is"
        };
        is_refused(text(&gzip(&content)), inside);
        is_refused(text(&zstd(&content)), inside);
        is_refused(read_pipe(&gzip(&content), 5, InputFormat::Jsonl, UTF_8), inside);
        for format in [InputFormat::Csv, InputFormat::Text, InputFormat::Lines] {
            is_refused(read_named("docs", &content, format, UTF_8).map(|(text, _)| text), "the input ");
        }
    }
}

#[test]
fn double_compression_is_reported() {
    for (content, names) in [
        (gzip(&gzip(b"{}\n")), "by gzip and then by gzip"),
        (zstd(&gzip(b"{}\n")), "by gzip and then by zstd"),
        (gzip(&zstd(b"{}\n")), "by zstd and then by gzip"),
    ] {
        let error = read_file(&content, UTF_8).unwrap_err();
        assert!(error.contains(names) && error.contains("once first"), "{error}");
        assert!(read_pipe(&content, 1, InputFormat::Text, UTF_8).unwrap_err().contains(names));
    }
}

#[test]
fn compressions_without_a_signature_are_detected_by_extension() {
    let problem =
        |name: &str, content: &[u8]| read_named(name, content, InputFormat::Jsonl, UTF_8).map(|(text, _)| text);
    for (name, says) in [
        ("docs.jsonl.br", "brotli -d"),
        ("docs.JSONL.BR", "brotli -d"),
        ("docs.zlib", "pigz -d"),
        ("docs.deflate", "DEFLATE"),
        ("docs.sz", "snappy"),
    ] {
        let error = problem(name, b"\x0b\x05\x80{\"a\"}").unwrap_err();
        assert!(error.contains(says), "{error}");
        assert_eq!(problem(name, b"{\"text\": \"\xc3\xa9\"}\n").unwrap(), b"{\"text\": \"\xc3\xa9\"}\n", "a text");
        assert_eq!(problem(name, &gzip(b"{}\n")).unwrap(), b"{}\n");
    }
}

#[test]
fn markup_is_accepted_only_as_plain_text() {
    for page in ["<!DOCTYPE html>\n", "<html>", "\u{feff}\n <HTML lang=en>", "<?xml version=\"1.0\"?><Error/>"] {
        for content in [page.as_bytes().to_vec(), gzip(page.as_bytes())] {
            for format in [InputFormat::Jsonl, InputFormat::Csv, InputFormat::Tsv] {
                let error = read_named("docs", &content, format, UTF_8).unwrap_err();
                assert!(error.contains("download the data again"), "{error}");
            }
            for format in [InputFormat::Text, InputFormat::Lines] {
                assert_eq!(read_named("docs", &content, format, UTF_8).unwrap().0, page.as_bytes());
            }
        }
    }
}

/// Texts whose first bytes resemble another format.
#[test]
fn texts_are_not_mistaken_for_other_formats() {
    for text in [
        "ORCID,text\n1,a\n",
        "PAR1,text\n",
        "FEA1\n",
        "BZh9 is how bzip2 begins\n",
        "LZIP\n",
        "x^2 + 1\n",
        "PKZIP\n",
        "Obj\n",
        "7zip\n",
        "Rar!\n",
        "12345678DUCK\n",
        "<p>\n",
        "(\n",
        "P*M\n",
        "]\n",
        "\0\n",
        "a\0b",
        "\u{1b}[31mred\u{1b}[0m\n",
    ] {
        for format in [InputFormat::Jsonl, InputFormat::Csv, InputFormat::Lines] {
            let read = read_named("docs", text.as_bytes(), format, UTF_8);
            assert_eq!(read, Ok((text.as_bytes().to_vec(), None)), "{text:?}");
        }
        assert_eq!(read_pipe(text.as_bytes(), 1, InputFormat::Lines, UTF_8), Ok(text.as_bytes().to_vec()));
    }
    let tar_in_text = format!("{}ustar ", "x".repeat(257));
    assert!(read_file(tar_in_text.as_bytes(), UTF_8).is_ok());
}
