use proptest::prelude::*;

use super::*;

type Compress = fn(&[u8]) -> Vec<u8>;

const COMPRESSIONS: [Compress; 2] = [gzip, zstd];

fn check(content: &[u8], expected: &str) {
    let (text, packed) = read_file(content, UTF_8).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), expected);
    assert_eq!(packed, Some(content.len() as u64));
    for chunk in [1, 7, 1 << 20] {
        assert_eq!(read_pipe(content, chunk, InputFormat::Jsonl, UTF_8).unwrap(), expected.as_bytes());
    }
}

#[test]
fn compression_is_detected_by_content() {
    assert_eq!(read_file(b"one\ntwo\n", UTF_8).unwrap(), (b"one\ntwo\n".to_vec(), None));
    for pack in COMPRESSIONS {
        check(&[pack(b"one\n"), pack(b"two\n")].concat(), "one\ntwo\n");
        check(&pack(b""), "");
    }
    for text in [&b""[..], b"x", b"(", b"P", b"\x1f"] {
        assert_eq!(read_pipe(text, 1, InputFormat::Jsonl, UTF_8).unwrap(), text);
    }
}

#[test]
fn skippable_frames_are_ignored() {
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    check(&[&skippable[..], &zstd(b"one\n"), skippable, skippable, &zstd(b"two\n"), skippable].concat(), "one\ntwo\n");
    check(skippable, "");
}

#[test]
fn trailing_data_is_reported_with_its_offset() {
    for (pack, name) in [(COMPRESSIONS[0], "gzip"), (COMPRESSIONS[1], "zstd")] {
        let member = pack(b"one\n");
        for (rest, at) in [(&b"junk"[..], 0), (b"\0\0\0j", 3), (b"j", 0), (b"\x1f", 0)] {
            let error = read_file(&[&member[..], rest].concat(), UTF_8).unwrap_err();
            let expected = format!("trailing data at byte {} is not {name}", member.len() + at);
            assert!(error.contains(&expected) && error.contains("head -c"), "{error}");
        }
    }
    let error = read_file(&[gzip(b"one\n"), zstd(b"two\n")].concat(), UTF_8).unwrap_err();
    assert!(error.contains("is not gzip"), "{error}");
}

#[test]
fn corrupt_or_truncated_data_is_reported_with_a_remedy() {
    let text = "a line that is long enough\n".repeat(1000);
    for pack in COMPRESSIONS {
        let whole = pack(text.as_bytes());
        for length in [6, 11, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            for content in [whole[..length].to_vec(), [&pack(b"one\n")[..], &whole[..length]].concat()] {
                let error = read_file(&content, UTF_8).unwrap_err();
                assert!(error.contains("truncated") && error.contains("again"), "{error}");
                assert!(read_pipe(&content, 3, InputFormat::Jsonl, UTF_8).unwrap_err().contains("truncated"));
            }
        }
    }
}

#[test]
fn zstd_with_a_long_window_or_a_dictionary_is_reported_with_a_remedy() {
    let frame = |window_log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(b"one\n").unwrap();
        encoder.finish().unwrap()
    };
    check(&frame(27), "one\n");
    let error = read_file(&frame(28), UTF_8).unwrap_err();
    assert!(error.contains("larger than 128 MiB") && error.contains("unzstd --long=31 FILE"), "{error}");
    // A frame header with dictionary id 7.
    let error = read_file(b"\x28\xb5\x2f\xfd\x21\x07\x01\x09\0\0a", UTF_8).unwrap_err();
    assert!(error.contains("unzstd -D DICTIONARY FILE"), "{error}");
}

#[test]
fn a_line_is_returned_before_the_next_bytes_arrive() {
    assert_eq!(first_line_before_stall(b"{}\n".to_vec(), UTF_8), "{}\n");
    assert_eq!(first_line_before_stall(b"P\n".to_vec(), UTF_8), "P\n");
    // Flushed but not finished, as by a producer that keeps writing.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{}\n").unwrap();
    encoder.flush().unwrap();
    assert_eq!(first_line_before_stall(encoder.get_ref().clone(), UTF_8), "{}\n");
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(b"{}\n").unwrap();
    encoder.flush().unwrap();
    assert_eq!(first_line_before_stall(encoder.get_ref().clone(), UTF_8), "{}\n");
    for pack in COMPRESSIONS {
        assert_eq!(first_line_before_stall(pack(b"{}\n"), UTF_8), "{}\n");
    }
}

proptest! {
    /// Property: a text compressed in any number of members, each with any zero padding after it, is read as that text.
    #[test]
    fn members_and_padding_make_no_difference(
        parts in prop::collection::vec((prop::collection::vec("[a-c\n]{1,9}", 0..4), 0_usize..600), 1..6),
        chunk in 1_usize..40,
        is_gzip: bool,
    ) {
        let pack = if is_gzip { gzip } else { zstd };
        let member = |(part, zeros): &(Vec<String>, usize)| [pack(part.concat().as_bytes()), vec![0; *zeros]].concat();
        let content: Vec<u8> = parts.iter().flat_map(member).collect();
        let text = parts.iter().map(|(part, _)| part.concat()).collect::<String>();
        prop_assert_eq!(read_file(&content, UTF_8), Ok((text.clone().into_bytes(), Some(content.len() as u64))));
        prop_assert_eq!(read_pipe(&content, chunk, InputFormat::Jsonl, UTF_8), Ok(text.into_bytes()));
    }

    /// Property: any bytes give a text or an error, never a panic.
    #[test]
    fn any_bytes_are_survived(
        magic in prop::sample::select(vec![&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b""]),
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let _ = read_file(&[magic, &rest].concat(), UTF_8);
    }
}
