use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::directory::DirectoryScan;
use super::skipped_files::SkipReason;
use super::*;
use crate::cli::ingest::reader::InputFormat;

/// Creates a directory with files that each contain their own name.
fn create_test_dir<S: AsRef<str>>(files: &[S]) -> TempDir {
    let dir = tempdir().unwrap();
    for name in files.iter().map(AsRef::as_ref) {
        write(dir.path(), name.as_ref());
    }
    dir
}

fn write(dir: &Path, name: &Path) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, name.as_os_str().as_encoded_bytes()).unwrap();
}

fn of_format(format: InputFormat) -> FileSelection {
    FileSelection { format: Some(format), ..FileSelection::default() }
}

fn of_split(split: &str) -> FileSelection {
    FileSelection { split: Some(split.to_owned()), ..FileSelection::default() }
}

fn names_of(listing: FileListing) -> Vec<String> {
    listing.sources.into_iter().map(|source| source.name).collect()
}

fn names(dir: &TempDir, selection: &FileSelection) -> Vec<String> {
    names_of(list_sources(&[dir.path().to_owned()], selection).unwrap())
}

/// Lists arguments relative to a directory, with that directory's path removed from notices and errors.
fn list_in(dir: &Path, given: &[&str], selection: &FileSelection) -> Result<(Vec<String>, Vec<String>), String> {
    let given: Vec<_> = given.iter().map(|name| dir.join(name)).collect();
    let without = |text: String| text.replace(&format!("{}/", dir.display()), "");
    let listing = list_sources(&given, selection).map_err(|error| without(format!("{error:#}")))?;
    let notices = listing.notices.iter().cloned().map(without).collect();
    Ok((names_of(listing).into_iter().map(without).collect(), notices))
}

fn refusal(dir: &Path, given: &[&str], selection: &FileSelection) -> String {
    list_in(dir, given, selection).unwrap_err()
}

#[cfg(feature = "parquet")]
const DATASET: [&str; 9] = [
    "data/train-00001-of-00002.parquet",
    "data/train-00000-of-00002.parquet",
    "data/test-00000-of-00001.parquet",
    "README.md",
    "dataset_infos.json",
    ".gitattributes",
    ".cache/huggingface/x.parquet",
    "_temporary/y.parquet",
    "data/LICENSE.txt",
];

#[cfg(feature = "parquet")]
#[test]
fn a_dataset_lists_its_data_files_in_order() {
    let dir = create_test_dir(&DATASET);
    let train = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"];
    let all = FileSelection::default();
    assert_eq!(names(&dir, &all), ["data/test-00000-of-00001.parquet", train[0], train[1]]);
    assert_eq!(names(&dir, &of_split("train")), train);
    let error = refusal(dir.path(), &["."], &of_split("dev"));
    assert!(error.contains("`dev`") && error.contains(".parquet") && error.contains("also .json"), "{error}");
    assert_eq!(names(&dir, &of_format(InputFormat::Text)).len(), 6);
    assert_eq!(names(&dir, &of_format(InputFormat::Jsonl)), ["dataset_infos.json"]);
    let error = refusal(dir.path(), &["data/LICENSE.txt"], &of_split("train"));
    assert!(error.contains("--split (SPLADE_INGEST_SPLIT) has no effect"), "{error}");
}

#[test]
fn a_split_is_a_word_of_a_path() {
    let files = ["train/0.csv", "train_sft-0.csv", "train-clean-100.csv", "x.test.csv", "trains.csv"];
    let dir = create_test_dir(&files);
    for (split, expected) in [
        ("train", &["train/0.csv", "train-clean-100.csv"][..]),
        ("train_sft", &["train_sft-0.csv"]),
        ("train-clean", &["train-clean-100.csv"]),
        ("test", &["x.test.csv"]),
    ] {
        assert_eq!(names(&dir, &of_split(split)), expected, "{split}");
    }
    let (_, notices) = list_in(dir.path(), &["."], &of_split("test")).unwrap();
    assert!(notices[0].contains("4 without the word `test` (--split)"), "{notices:?}");
}

#[test]
fn a_directory_of_texts_lists_its_texts() {
    let dir =
        create_test_dir(&["b.md", "a/2.txt", "a/10.txt", "a/picture.png", "docs.jsonl.rejects.jsonl", "rejects.jsonl"]);
    assert_eq!(names(&dir, &FileSelection::default()), ["a/10.txt", "a/2.txt", "b.md"]);
    let paths = ["b.md", "a"].map(|name| dir.path().join(name));
    let prefixed = FileSelection { id_prefix: "v2/".to_owned(), ..FileSelection::default() };
    let sources = list_sources(&paths, &prefixed).unwrap().sources;
    let expected = [paths[0].display().to_string(), "10.txt".to_owned(), "2.txt".to_owned()];
    assert_eq!(sources.iter().map(|source| source.name.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(sources[0].bytes, Some(4));
    assert_eq!(sources[1].document_id().as_deref(), Some("v2/10.txt"));
    let stdin =
        list_sources(&["-".into()], &FileSelection { format: Some(InputFormat::Text), ..prefixed }).unwrap().sources;
    assert_eq!((stdin[0].document_id(), stdin[0].format), (None, InputFormat::Text));
}

#[cfg(feature = "parquet")]
#[test]
fn links_are_followed_as_in_the_cache_of_the_hub() {
    let dir = create_test_dir(&["blobs/0123", "other/x"]);
    let snapshot = dir.path().join("snapshots/1");
    fs::create_dir_all(&snapshot).unwrap();
    symlink("../../blobs/0123", snapshot.join("train.parquet")).unwrap();
    let sources = list_sources(&[snapshot], &FileSelection::default()).unwrap().sources;
    assert_eq!((sources[0].name.as_str(), sources[0].bytes), ("train.parquet", Some(10)));
}

#[test]
fn dangling_and_circular_links_are_rejected() {
    let dir = create_test_dir(&["a/x.csv", "b/x.csv", "c/x.csv", "d/train.csv", "e/x.csv"]);
    for (target, link) in [
        ("..", "a/up"),
        ("nowhere.csv", "b/y.csv"),
        ("circle.csv", "circle.csv"),
        ("../.git/annex/objects/1", "c/y.csv"),
        ("nowhere", "d/test.csv"),
        ("user@host.1", "e/.#x.csv"),
    ] {
        symlink(target, dir.path().join(link)).unwrap();
    }
    let all = FileSelection::default();
    for (given, words) in [
        ("a", &["the link a/up points to its parent directory ", "would never end"][..]),
        (".", &["the link ./a/up points to"]),
        ("b", &["b/y.csv is a link to nowhere.csv, which does not exist; restore the target"]),
        ("b/y.csv", &["b/y.csv is a link to nowhere.csv"]),
        ("circle.csv", &["can't follow the link circle.csv to circle.csv", "correct or remove the link"]),
        ("c", &["git annex get"]),
        ("d", &["d/test.csv is a link to nowhere"]),
    ] {
        let error = refusal(dir.path(), &[given], &all);
        assert!(words.iter().all(|word| error.contains(word)), "{given}: {error}");
    }
    // Dangling links that are not selected are ignored: another split, or the lock file of an editor.
    assert_eq!(list_in(dir.path(), &["d"], &of_split("train")).unwrap().0, ["train.csv"]);
    assert_eq!(list_in(dir.path(), &["e"], &all).unwrap().0, ["x.csv"]);
}

#[test]
fn duplicate_files_are_read_once() {
    let dir = create_test_dir(&["a/x.csv", "t/x.txt"]);
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("b")).unwrap();
    symlink("../a/x.csv", at("b/link.csv")).unwrap();
    symlink("a", at("c")).unwrap();
    fs::hard_link(at("a/x.csv"), at("hard.csv")).unwrap();
    fs::hard_link(at("t/x.txt"), at("t/y.txt")).unwrap();
    symlink("x.txt", at("t/z.txt")).unwrap();
    let all = FileSelection::default();
    for (given, expected, repeated) in [
        (&["a/x.csv", "a/x.csv"][..], &["a/x.csv"][..], Some("duplicate paths skipped: 1 (a/x.csv)")),
        (&["a", "a/x.csv", "b", "c", "hard.csv"], &["x.csv"], Some("duplicate paths skipped: 4")),
        (&["a", "a/x.csv", "b", "c", "hard.csv"], &["x.csv"], Some("(a/x.csv, b/link.csv, c/x.csv and 1 more)")),
        (&["b", "a"], &["link.csv"], Some("a/x.csv")),
        // Hard links have their own names, which are document ids.
        (&["t"], &["x.txt", "y.txt"], Some("duplicate paths skipped: 1 (t/z.txt)")),
        (&["a", "t"], &["x.csv", "x.txt", "y.txt"], Some("t/z.txt")),
        (&["a", "t/x.txt"], &["x.csv", "t/x.txt"], None),
    ] {
        let (names, notices) = list_in(dir.path(), given, &all).unwrap();
        assert_eq!(names, expected, "{given:?}");
        assert_eq!(notices.len(), usize::from(repeated.is_some()), "{notices:?}");
        assert!(repeated.is_none_or(|words| notices[0].contains(words)), "{notices:?}");
    }
}

#[test]
fn skipped_files_are_reported() {
    let files = ["x.csv", "README.md", "info.json", "part-00000", "a.png", "_y.csv", ".z.csv", "_SUCCESS", ".git/x"];
    let dir =
        create_test_dir(&[&files[..], &["rejects.jsonl", "d/x.csv.rejects.jsonl", "state", "state.lock"]].concat());
    let _socket = UnixListener::bind(dir.path().join("socket.csv")).unwrap();
    let own = ["state", "state.lock"].map(|name| dir.path().join(name)).to_vec();
    let selection = FileSelection { own_files: own.clone(), ..FileSelection::default() };
    let (names, notices) = list_in(dir.path(), &["."], &selection).unwrap();
    assert_eq!(names, ["x.csv"]);
    let expected = ".: skipped: 1 plain text next to data files (README.md; pass them by name to read them), \
        1 .json (info.json; --format jsonl reads them as JSON Lines), \
        1 without an extension (part-00000; pass them by name or pattern, with --format, to read them), \
        1 with an unknown extension (a.png; pass them by name or pattern, with --format, to read them), \
        2 hidden (.z.csv, _y.csv; pass them by name to read them), \
        1 hidden directory (.git; pass them by name to read them), \
        1 not a regular file (socket.csv), \
        2 with rejected lines (d/x.csv.rejects.jsonl, rejects.jsonl), \
        2 written by this run (state, state.lock)";
    assert_eq!(notices, [expected]);
    // Files of this run are skipped with a plain text format too.
    let lines = FileSelection { format: Some(InputFormat::Lines), own_files: own, ..FileSelection::default() };
    let (names, notices) = list_in(dir.path(), &["."], &lines).unwrap();
    assert_eq!(names, ["README.md", "a.png", "info.json", "part-00000", "x.csv"]);
    assert!(notices[0].contains("2 written by this run"), "{notices:?}");
    let jsonl = list_in(dir.path(), &["."], &of_format(InputFormat::Jsonl)).unwrap();
    assert_eq!(jsonl.0, ["info.json"]);
    assert!(
        jsonl.1[0].contains("6 without an extension of --format jsonl (README.md, a.png, part-00000 and 3 more"),
        "{jsonl:?}"
    );
}

#[test]
fn unsupported_files_are_rejected_by_name() {
    let files = [
        "packed/x.csv",
        "packed/y.jsonl.bz2",
        "avro/README.md",
        "avro/x.avro",
        "texts/a.md",
        "texts/b.xlsx",
        "data/a.csv",
        "data/b.xlsx",
        "sheet/b.xlsx",
        "notes/a.md",
        "notes/b.md.xz",
        "docs/a.csv",
        "docs/b.md.xz",
        "only.json/a.json",
    ];
    let dir = create_test_dir(&files);
    let all = FileSelection::default();
    for (given, words) in [
        ("packed", "packed/y.jsonl.bz2 is compressed by bzip2, which is not supported; decompress it: bzip2 -dk"),
        ("avro", "avro/x.avro is Avro"),
        ("avro/x.avro", "avro/x.avro is Avro"),
        ("data", "data/b.xlsx is a spreadsheet"),
        ("sheet", "sheet/b.xlsx is a spreadsheet"),
        ("notes", "notes/b.md.xz is compressed by xz"),
        ("only.json", "has no files to read (skipped: 1 .json (a.json; --format jsonl reads them as JSON Lines))"),
    ] {
        let error = refusal(dir.path(), &[given], &all);
        assert!(error.contains(words), "{given}: {error}");
    }
    // Next to texts, a spreadsheet is an attachment; next to data files, texts are.
    for (given, expected) in [("texts", "a.md"), ("docs", "a.csv")] {
        let (names, notices) = list_in(dir.path(), &[given], &all).unwrap();
        assert_eq!(names, [expected]);
        assert!(notices[0].contains("1 of an unsupported format (b."), "{notices:?}");
    }
    // `--format` overrides the extension, except that of an unsupported compression.
    assert_eq!(list_in(dir.path(), &["packed"], &of_format(InputFormat::Csv)).unwrap().0, ["x.csv"]);
    assert!(refusal(dir.path(), &["packed"], &of_format(InputFormat::Jsonl)).contains("bzip2"));
    assert_eq!(list_in(dir.path(), &["avro/x.avro"], &of_format(InputFormat::Jsonl)).unwrap().0, ["avro/x.avro"]);
    assert!(refusal(dir.path(), &["packed/y.jsonl.bz2"], &of_format(InputFormat::Jsonl)).contains("bzip2"));
}

#[cfg(feature = "parquet")]
#[test]
fn tables_and_their_partitions_are_rejected() {
    let files =
        ["delta/_delta_log/0.json", "delta/y=1/a.parquet", "ice/metadata/v1.metadata.json", "ice/data/a.parquet"];
    let dir = create_test_dir(
        &[&files[..], &["hudi/.hoodie/x", "hudi/a.parquet", "deep/delta/_delta_log/0", "deep/x.parquet"]].concat(),
    );
    let all = FileSelection::default();
    for (given, words) in [
        ("delta", "is a table in Delta Lake format"),
        ("delta/y=1", "is a table in Delta Lake format"),
        ("deep", "deep/delta is a table in Delta Lake format"),
        ("ice", "iceberg_scan('"),
        ("ice/data", "is a table in Apache Iceberg format"),
        ("hudi", "is a table in Apache Hudi format"),
    ] {
        let error = refusal(dir.path(), &[given], &all);
        assert!(error.contains(words), "{given}: {error}");
        assert!(refusal(dir.path(), &[given], &of_format(InputFormat::Parquet)).contains(words));
    }
    assert_eq!(list_in(dir.path(), &["delta/y=1/*.parquet"], &all).unwrap().0, ["delta/y=1/a.parquet"]);
}

#[test]
fn partitions_are_parsed_from_the_given_path() {
    let dir = create_test_dir(&["t/year=2023/_x=1/a.csv", "t/year=2023/_x=1/a=b.csv"]);
    let at = |name: &str| dir.path().join(name);
    for given in ["t", "t/year=2023", "t/year=2023/_x=1/a.csv", "t/*/*"] {
        let listing = list_sources(&[at(given)], &FileSelection::default()).unwrap();
        for source in &listing.sources {
            assert_eq!(serde_json::Value::Object(source.partitions.clone()), json!({"year": 2023, "_x": 1}), "{given}");
        }
    }
}

#[test]
fn names_that_are_not_utf8_are_read_unless_they_would_be_stored() {
    let dir = create_test_dir::<&str>(&[]);
    write(dir.path(), Path::new(OsStr::from_bytes(b"caf\xe9.csv")));
    assert_eq!(names(&dir, &FileSelection::default()), ["caf\u{fffd}.csv"]);
    let given = [dir.path().join(OsStr::from_bytes(b"caf\xe9.csv"))];
    assert_eq!(list_sources(&given, &FileSelection::default()).unwrap().sources.len(), 1);
    for format in [InputFormat::Text, InputFormat::Lines] {
        for given in [&given[..], &[dir.path().to_owned()]] {
            let error = list_sources(given, &of_format(format)).unwrap_err().to_string();
            assert!(error.contains(r"caf\xE9.csv") && error.contains("convmv"), "{error}");
        }
    }
}

#[test]
fn unreadable_inputs_are_reported_with_a_remedy() {
    let dir = create_test_dir(&["docs.bin", "a/x.txt", "b/x.txt", "empty/.hidden", "c/b/x.txt"]);
    let all = FileSelection::default();
    for (given, words) in [
        (&["docs.bin"][..], "--format jsonl"),
        (&["absent.jsonl"], "can't open"),
        (&["empty"], "has no files to read"),
        (
            &["a", "b"],
            "would have the same id, x.txt; pass their common parent directory, or ingest them in two runs with --id-prefix",
        ),
        (&["absent*.jsonl"], "no file matches"),
    ] {
        let error = refusal(dir.path(), given, &all);
        assert!(error.contains(words), "{error}");
    }
    let problem = |given: &[&str], selection: &FileSelection| {
        list_sources(&given.iter().map(PathBuf::from).collect::<Vec<_>>(), selection).unwrap_err().to_string()
    };
    assert!(problem(&["-", "x"], &all).contains("pass `-` alone"));
    assert!(problem(&[""], &all).contains("an empty string"));
    assert!(problem(&["s3://bucket/x.csv"], &all).contains("aws s3 cp"));
    assert!(problem(&["-"], &of_format(InputFormat::Parquet)).contains("can't be read from standard input"));
    assert!(problem(&["/dev/null"], &of_format(InputFormat::Parquet)).contains("write it to a file"));
}

/// Generates file names with and without a meaning for the listing.
fn file_name() -> impl Strategy<Value = String> {
    let stems = prop::sample::select(vec!["x", "y", ".x", "_x", "rejects", "état", "README", "x.tar"]);
    let extensions =
        vec!["", ".csv", ".jsonl", ".json", ".txt", ".md.gz", ".png", ".csv.xz", ".avro", ".xlsx", ".rejects.jsonl"];
    (stems, prop::sample::select(extensions)).prop_map(|(stem, extension)| format!("{stem}{extension}"))
}

fn file_path() -> impl Strategy<Value = String> {
    let directories = prop::sample::select(vec!["a", "b", "k=1", ".h", "_t", "_p=2"]);
    (prop::collection::vec(directories, 0..3), file_name()).prop_map(|(mut path, name)| {
        path.push(&name);
        path.join("/")
    })
}

fn is_ignored(path: &str) -> bool {
    let name = Path::new(path).file_name().unwrap().to_str().unwrap();
    name.starts_with(['.', '_'])
        && InputFormat::from_path(Path::new(name)).is_none()
        && unsupported_files::detect(Path::new(name)).is_none()
}

fn is_in_hidden_directory(path: &str) -> bool {
    Path::new(path).parent().unwrap().iter().any(|name| [".h", "_t"].contains(&name.to_str().unwrap()))
}

proptest! {
    /// Property: each file of a directory is read or counted as skipped, or the directory is rejected.
    #[test]
    fn no_file_is_left_out_silently(
        files in prop::collection::btree_set(file_path(), 1..12),
        format in prop::option::of(prop::sample::select(vec![InputFormat::Csv, InputFormat::Jsonl, InputFormat::Text, InputFormat::Lines])),
        split in prop::option::of("[ax]"),
    ) {
        let files: Vec<String> = files.into_iter().collect();
        let dir = create_test_dir(&files);
        let selection = FileSelection { format, split, ..FileSelection::default() };
        let Ok((sources, skipped)) = DirectoryScan::scan_all(dir.path(), &selection) else { return Ok(()) };
        prop_assert!(!sources.is_empty());
        let expected: Vec<_> = files.iter().filter(|file| !is_in_hidden_directory(file) && !is_ignored(file)).collect();
        let counted = skipped.count() - skipped.count_of(SkipReason::HiddenDirectory);
        prop_assert_eq!(sources.len() + counted, expected.len(), "{:?}: {:?}", files, skipped);
        prop_assert!(sources.iter().all(|source| expected.contains(&&source.name)));
        prop_assert_eq!(files.iter().any(|file| is_in_hidden_directory(file)), skipped.count_of(SkipReason::HiddenDirectory) > 0);
    }
}
