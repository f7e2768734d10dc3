use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use proptest::prelude::*;

use super::*;

/// Encodes a text; `None` if the encoding lacks one of its characters.
fn encode(text: &str, encoding: &'static Encoding) -> Option<Vec<u8>> {
    if encoding == UTF_16LE {
        return Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
    if encoding == UTF_16BE {
        return Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    let (bytes, _, has_unmappable) = encoding.encode(text);
    (!has_unmappable).then(|| bytes.into_owned())
}

/// Decodes at once; malformed sequences become replacement characters.
fn decode(bytes: &[u8], encoding: &'static Encoding) -> String {
    let text = encoding.decode_without_bom_handling(bytes).0.into_owned();
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn byte_order_marks_select_the_encoding_and_are_removed() {
    let le = encode("{é}\n", UTF_16LE).unwrap();
    let be = encode("{é}\n", UTF_16BE).unwrap();
    for (label, content) in [
        ("utf-16", le.clone()),
        ("utf-16", [b"\xff\xfe", &le[..]].concat()),
        ("utf-16", [b"\xfe\xff", &be[..]].concat()),
        ("utf-16le", le.clone()),
        ("utf-16le", [b"\xff\xfe", &le[..]].concat()),
        ("utf-16be", be.clone()),
        ("utf-16be", [b"\xfe\xff", &be[..]].concat()),
        ("latin1", b"{\xe9}\n".to_vec()),
        ("gb18030", b"\x84\x31\x95\x33{\xa8\xa6}\n".to_vec()),
    ] {
        let expected = "{é}\n".as_bytes().to_vec();
        for content in [content.clone(), gzip(&content), zstd(&content)] {
            let read = read_file(&content, encoding(label));
            assert_eq!(read, Ok((expected.clone(), Some(content.len() as u64))), "{label}");
            for chunk in [1, 3, 1 << 20] {
                assert_eq!(
                    read_pipe(&content, chunk, InputFormat::Jsonl, encoding(label)).unwrap(),
                    expected,
                    "{label}"
                );
            }
        }
    }
    // The bytes of this letter look like the start of a Python pickle.
    assert_eq!(read_file(&encode("考", UTF_16BE).unwrap(), encoding("utf-16be")).unwrap().0, "考".as_bytes());
    for label in ["utf-16", "utf-16be", "shift_jis", "x-user-defined"] {
        assert_eq!(read_file(b"", encoding(label)), Ok((Vec::new(), Some(0))));
    }
}

#[test]
fn a_byte_order_mark_that_contradicts_the_flag_is_rejected() {
    for content in [b"\xfe\xff\0{".to_vec(), gzip(b"\xfe\xff\0{")] {
        let error = read_file(&content, encoding("utf-16le")).unwrap_err();
        assert!(error.contains("UTF-16BE") && error.contains("utf-16le"), "{error}");
        assert!(read_pipe(&content, 1, InputFormat::Csv, encoding("latin1")).unwrap_err().contains("windows-1252"));
    }
}

#[test]
fn utf_8_is_returned_unchanged() {
    for content in [&b"\xef\xbb\xbf{}\n"[..], b"a\xffb\n", b"\xc3"] {
        assert_eq!(read_file(content, encoding("utf-8")), Ok((content.to_vec(), None)));
        assert_eq!(read_pipe(content, 1, InputFormat::Lines, UTF_8), Ok(content.to_vec()));
    }
}

#[test]
fn malformed_sequences_become_invalid_bytes() {
    for (label, content, expected) in [
        // A lone high surrogate, a lone low surrogate, and half a code unit at the end.
        ("utf-16le", &b"\x3d\xd8a\0\n\0"[..], &b"\xffa\n"[..]),
        ("utf-16be", b"\xde\x00\0a", b"\xffa"),
        ("utf-16le", b"a\0b", b"a\xff"),
        // The line ending is not part of the malformed sequence.
        ("shift_jis", b"\x81\nb", b"\xff\nb"),
        ("gb18030", b"\x81\x30\n", b"\xff0\n"),
        ("windows-1253", b"\xd2\xd2", b"\xff\xff"),
        ("euc-kr", b"\xc8", b"\xff"),
    ] {
        assert_eq!(read_file(content, encoding(label)).unwrap().0, expected, "{label}");
        assert_eq!(read_pipe(content, 1, InputFormat::Lines, encoding(label)).unwrap(), expected, "{label}");
    }
}

#[test]
fn a_decoded_line_is_returned_before_the_next_bytes_arrive() {
    for (label, encoding) in [("utf-16le", UTF_16LE), ("utf-16be", UTF_16BE), ("utf-16", UTF_16LE)] {
        let line = encode("{é}\n", encoding).unwrap();
        assert_eq!(first_line_before_stall(line.clone(), super::encoding(label)), "{é}\n");
        assert_eq!(first_line_before_stall(gzip(&line), super::encoding(label)), "{é}\n");
    }
    assert_eq!(first_line_before_stall(b"{\xe9}\n".to_vec(), encoding("latin1")), "{é}\n");
}

fn encodings() -> impl Strategy<Value = &'static Encoding> {
    let labels =
        ["utf-16le", "utf-16be", "gb18030", "shift_jis", "big5", "euc-kr", "iso-2022-jp", "iso-8859-2", "koi8-r"];
    prop::sample::select(labels.to_vec()).prop_map(|label| Encoding::for_label(label.as_bytes()).unwrap())
}

proptest! {
    /// Property: an encoded text is decoded to itself, wherever its bytes are cut.
    #[test]
    fn decoding_reverses_encoding(
        // The leading letter keeps the text from looking like another format.
        text in prop_oneof!["\\PC{0,40}", "[a-zé\n]{0,40}", "[あ-んa\n]{0,40}", "[가-힣\n]{0,40}", "[а-я\n]{0,40}"].prop_map(|text| format!("a{text}")),
        encoding in encodings(),
        chunk in 1_usize..9,
        mark: bool,
    ) {
        let Some(content) = encode(&text, encoding) else { return Ok(()) };
        let marks = match encoding.name() { "UTF-16LE" => &b"\xff\xfe"[..], "UTF-16BE" => b"\xfe\xff", _ => b"" };
        let content = [if mark { marks } else { b"" }, &content].concat();
        // Some characters share one encoding with others, so the expectation is the decoded text.
        let expected = decode(&content, encoding);
        let read = read_pipe(&content, chunk, InputFormat::Lines, TextEncoding::Other(encoding));
        prop_assert_eq!(read.map(|text| lossy(&text)), Ok(expected.clone()));
        if ["UTF-16LE", "UTF-16BE", "gb18030"].contains(&encoding.name()) {
            prop_assert_eq!(expected, text);
        }
    }

    /// Property: any bytes give the same text wherever they are cut, with each malformed sequence marked.
    #[test]
    fn any_bytes_are_decoded_or_marked(
        content in prop::collection::vec(prop_oneof![any::<u8>(), 0x20_u8..0x80, Just(b'\n')], 0..64),
        encoding in encodings(),
        chunk in 1_usize..9,
    ) {
        let Ok(read) = read_pipe(&content, chunk, InputFormat::Lines, TextEncoding::Other(encoding)) else { return Ok(()) };
        prop_assert_eq!(lossy(&read), decode(&content, encoding));
        prop_assert_eq!(std::str::from_utf8(&read).is_ok(), !encoding.decode_without_bom_handling(&content).1);
    }
}

/// Text longer than the buffer, with characters across its boundary.
#[test]
fn long_texts_are_decoded_through_bounded_buffers() {
    let text = "aé€😀\n".repeat(40_000);
    for (label, encoding) in [("utf-16", UTF_16LE), ("utf-16be", UTF_16BE), ("gb18030", encoding_rs::GB18030)] {
        let content = encode(&text, encoding).unwrap();
        assert_eq!(read_file(&gzip(&content), super::encoding(label)).unwrap().0, text.as_bytes());
        assert_eq!(read_pipe(&content, 4097, InputFormat::Lines, super::encoding(label)).unwrap(), text.as_bytes());
    }
}
