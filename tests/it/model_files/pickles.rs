//! PyTorch files whose pickle is hostile: nothing in it is executed, and a small file takes little memory.

use std::io::{Cursor, Write};

use super::{assert_contains, copy_of, error_of};

const FILE: &str = "pytorch_model.bin";

/// Creates an uncompressed zip archive of files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Loads a copy with `bytes` as its weights and returns the error.
fn with_file(bytes: &[u8]) -> String {
    let (_copy, directory) = copy_of("bert-random-bin");
    std::fs::write(directory.join(FILE), bytes).unwrap();
    error_of(&directory)
}

fn with_program(program: &[u8]) -> String {
    with_file(&archive(&[("model/data.pkl", program), ("model/data/0", &[0; 64])]))
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn long(number: i64) -> Vec<u8> {
    [b"\x8a\x08", &number.to_le_bytes()[..]].concat()
}

/// Returns the pickle program of a dictionary with one tensor of the given sizes and offset.
fn tensor(key: &str, offset: i64, sizes: [i64; 2]) -> Vec<u8> {
    let name = "bert.embeddings.word_embeddings.weight";
    let pair = |numbers: [i64; 2]| [long(numbers[0]), long(numbers[1]), b"\x86".to_vec()].concat();
    let storage = [b"(".to_vec(), text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text(key), text("cpu")];
    let storage = [storage.concat(), long(16), b"tQ".to_vec()].concat();
    let arguments = [storage, long(offset), pair(sizes), pair([sizes[1], 1]), b"\x89Nt".to_vec()].concat();
    let call = [b"ctorch._utils\n_rebuild_tensor_v2\n(", &arguments[..], b"R"].concat();
    [b"\x80\x02}", &text(name)[..], &call, b"s."].concat()
}

#[test]
fn nothing_is_executed() {
    let directory = tempfile::tempdir().unwrap();
    let witness = directory.path().join("witness");
    let command = text(&format!("touch {}", witness.display()));
    for module in ["posix", "os", "subprocess"] {
        let call = [format!("c{module}\nsystem\n").as_bytes(), &command, b"\x85R."].concat();
        assert_contains(&with_program(&call), &[FILE, "is missing"]);
    }
    assert!(!witness.exists());
}

#[test]
fn pickle_programs_that_exhaust_memory_or_stack() {
    let laughs = [b")".as_slice(), &b"q\x00h\x00\x86".repeat(64), b"."].concat();
    let nested = [b")".as_slice(), &b"\x85".repeat(1 << 20), b"."].concat();
    assert_contains(&with_program(&laughs), &[FILE, "deep"]);
    assert_contains(&with_program(&nested), &[FILE, "deep"]);
    assert_contains(&with_program(&b"N".repeat(1 << 20)), &[FILE, "too many values"]);
    assert_contains(&with_program(&b"(".repeat(1 << 20)), &[FILE, "too many values"]);
    assert_contains(&with_program(&b"N".repeat(17 << 20)), &[FILE, "data.pkl", "16 MiB"]);
    let endless_text = [b"X\xff\xff\xff\xff".as_slice(), &b"a".repeat(1 << 10)].concat();
    assert_contains(&with_program(&endless_text), &[FILE, "truncated"]);
}

#[test]
fn invalid_pickle_programs() {
    for program in [b"".as_slice(), b"\x80", b"X\x04\0\0\0ab", b"cno line", b"N"] {
        assert_contains(&with_program(program), &[FILE, "truncated"]);
    }
    for program in [b"R.".as_slice(), b"\x86.", b"t.", b"u.", b"N(s.", b"N(\x85.", b"h\x07.", b"q\x00.", b"Q."] {
        assert_contains(&with_program(program), &[FILE, "does not exist"]);
    }
    assert_contains(&with_program(b"\x93."), &[FILE, "0x93"]);
    assert_contains(&with_program(&[b"\x8a\xff".as_slice(), &[1; 255], b"."].concat()), &[FILE, "64 bits"]);
    // Calls of allowed functions with invalid arguments.
    for program in [
        b"ctorch._utils\n_rebuild_tensor_v2\n)R.".as_slice(),
        b"ctorch._utils\n_rebuild_parameter\n)R.",
        b"ctorch._tensor\n_rebuild_from_type_v2\nN\x85R.",
        b"NNR.",
        b"NQ.",
        b")Q.",
    ] {
        assert_contains(&with_program(program), &[FILE, "is missing"]);
    }
}

#[test]
fn inconsistent_tensors() {
    let word = "bert.embeddings.word_embeddings.weight";
    assert_contains(&with_program(&tensor("0", 0, [4, 4])), &[FILE, "tensor"]);
    assert_contains(&with_program(&tensor("1", 0, [4, 4])), &[FILE, "storage `1` is missing"]);
    assert_contains(&with_program(&tensor("../data.pkl", 0, [4, 4])), &[FILE, "storage `../data.pkl` is missing"]);
    for (offset, sizes) in [
        (0, [4, 5]),
        (1, [4, 4]),
        (-1, [4, 4]),
        (i64::MAX, [4, 4]),
        (0, [1 << 40, 1 << 40]),
        (0, [i64::MAX, 1]),
        (0, [-4, 4]),
    ] {
        let error = with_program(&tensor("0", offset, sizes));
        assert_contains(&error, &[FILE, "is missing"]);
        assert!(!error.contains(&format!("{word}` has")), "{error}");
    }
}

#[test]
fn archives_that_are_compressed_cut_or_odd() {
    let good = archive(&[("model/data.pkl", b"}."), ("model/data/0", &[0; 64])]);
    for length in [0, 4, 30, good.len() / 2, good.len() - 1] {
        assert_contains(&with_file(&good[..length]), &[FILE, "not a PyTorch file"]);
    }
    // The compression method of every file is changed to "deflate", as in a zip bomb.
    let mut bomb = good.clone();
    for (signature, method) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let places: Vec<_> = (0..bomb.len() - 4).filter(|&at| bomb[at..].starts_with(signature)).collect();
        places.into_iter().for_each(|at| bomb[at + method] = 8);
    }
    assert_contains(&with_file(&bomb), &[FILE, "compressed"]);
    assert_contains(&with_file(&archive(&[("model/data/0", &[0; 64])])), &[FILE, "expected exactly one `data.pkl`"]);
    assert_contains(
        &with_file(&archive(&[("a/data.pkl", b"}."), ("b/data.pkl", b"}.")])),
        &[FILE, "expected exactly one `data.pkl`"],
    );
}
