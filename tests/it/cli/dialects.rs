//! Files as databases, spreadsheets and other programs write them: each is read, or refused with a remedy.

use std::fs;

use serde_json::{Value, json};
use splade_sidecar::proto::document_id::Kind;
use tempfile::tempdir;

use super::fake::{Fake, Rule};
use super::{Run, run};

/// Ingests files with these arguments; returns the run and the documents as id, text and payload.
async fn ingest(files: &[(&str, &[u8])], arguments: &[&str]) -> (Run, Vec<Value>) {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let flags = ["--collection", "docs", "--output", "json"];
    let run = run(directory.path(), &server, &[&["ingest"], arguments, &flags].concat()).await;
    let documents = fake.seen().documents().into_iter().map(|document| {
        let id = match document.id.and_then(|id| id.kind) {
            Some(Kind::Num(num)) => json!(num),
            Some(Kind::Key(key) | Kind::Uuid(key)) => json!(key),
            None => Value::Null,
        };
        let payload: Value = serde_json::from_str(&document.payload_json).unwrap_or_default();
        json!([id, document.text, payload])
    });
    let documents = documents.collect();
    (run, documents)
}

#[tokio::test]
async fn rows_are_read_as_they_were_written() {
    let latin1 = b"id;text\r\n1;caf\xe9 \x80 5\r\n";
    let utf16: Vec<u8> = "\u{feff}id\ttext\r\n1\tüber\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, content, flags, expected) in [
        // PostgreSQL COPY, text format.
        (
            "copy.tsv",
            &b"1\ta\\tb\\nc\\\\d\t\\N\n2\tplain\tx\n"[..],
            &["--columns", "id,text,note", "--no-quotes", "--escape", "\\"][..],
            json!([[1, "a\tb\nc\\d", {"note": null}], [2, "plain", {"note": "x"}]]),
        ),
        // MySQL INTO OUTFILE escapes the tab and the newline themselves.
        (
            "outfile.tsv",
            b"1\ta\\\tb\\\nc\n",
            &["--columns", "id,text", "--no-quotes", "--escape", "\\"],
            json!([[1, "a\tb\nc", null]]),
        ),
        // Spark escapes quotes in quoted values with a backslash.
        ("spark.csv", br#"id,text
1,"he said \"hi\", twice"
"#, &["--escape", "\\"], json!([[1, "he said \"hi\", twice", null]])),
        // PostgreSQL COPY as CSV writes null as an empty value.
        ("null.csv", b"id,text,note\n1,a,\n", &["--null-value", ""], json!([[1, "a", {"note": null}]])),
        ("null.csv", b"id,text,n\n1,a,NULL\n2,b,-\n", &["--null-value", "NULL", "--null-value", "-"], json!([[1, "a", {"n": null}], [2, "b", {"n": null}]])),
        ("single.csv", b"id,text\n1,'a, b'\n", &["--quote", "'"], json!([[1, "a, b", null]])),
        // Excel and spreadsheets.
        ("latin1.csv", latin1, &["--delimiter", ";", "--encoding", "windows-1252"], json!([[1, "café € 5", null]])),
        ("unicode.txt", &utf16, &["--format", "tsv", "--encoding", "utf-16"], json!([[1, "über", null]])),
        ("mac.csv", b"id,text\r1,a\r2,\"b\rc\"\r", &[], json!([[1, "a", null], [2, "b\rc", null]])),
        // Concatenated files have byte order marks in the middle.
        ("joined.csv", b"\xef\xbb\xbfid,text\n1,a\n\xef\xbb\xbf2,\"b\"\n", &[], json!([[1, "a", null], [2, "b", null]])),
        ("joined.jsonl", b"\xef\xbb\xbf{\"id\": 1, \"text\": \"a\"}\n\xef\xbb\xbf{\"id\": 2, \"text\": \"b\"}\n", &[], json!([[1, "a", null], [2, "b", null]])),
        ("mac.jsonl", b"{\"id\": 1, \"text\": \"a\"}\r{\"id\": 2, \"text\": \"b\"}\r", &[], json!([[1, "a", null], [2, "b", null]])),
        // JSON arrays, pretty or not.
        ("array.json", b"[\n  {\"id\": 1,\n   \"text\": \"a ], [\"},\n  {\"id\": 2, \"text\": \"b\"}\n]\n", &[], json!([[1, "a ], [", null], [2, "b", null]])),
        ("array.json", b"[{\"id\":1,\"text\":\"a\"}]", &[], json!([[1, "a", null]])),
        // Nested fields and lists.
        (
            "nested.jsonl",
            br#"{"meta": {"id": 7, "year": 2024}, "article": {"body": "b"}, "parts": [{"text": "p"}, {"text": ["q", "r"]}]}
"#,
            &["--id-field", "meta.id", "--text-field", "article.body,parts.text", "--payload-fields", "meta.year"],
            json!([[7, "b\n\np\n\nq\n\nr", {"meta": {"year": 2024}}]]),
        ),
        // The unnamed index column of pandas.
        ("pandas.csv", b",id,text\n0,1,a\n", &[], json!([[1, "a", null]])),
    ] {
        let (run, documents) = ingest(&[(name, content)], &[&[name], flags].concat()).await;
        assert_eq!((run.code, json!(documents)), (0, expected), "{name}: {}", run.stderr);
    }
}

#[tokio::test]
async fn partition_columns_are_fields_of_each_record() {
    let row = |id: u64| format!("{{\"id\": {id}, \"text\": \"a\"}}\n").into_bytes();
    let files = [
        ("data/year=2023/city=a%2Fb/1.jsonl", row(1)),
        ("data/year=__HIVE_DEFAULT_PARTITION__/city=01/2.jsonl", row(2)),
    ];
    let files: Vec<_> = files.iter().map(|(name, content)| (*name, content.as_slice())).collect();
    let (run, documents) = ingest(&files, &["data"]).await;
    let expected = json!([[1, "a", {"year": 2023, "city": "a/b"}], [2, "a", {"year": null, "city": "01"}]]);
    assert_eq!((run.code, json!(documents)), (0, expected), "{}", run.stderr);
    let (run, documents) = ingest(&[("year=2023/1.jsonl", br#"{"year": 2024, "text": "a"}"#)], &["year=2023"]).await;
    assert_eq!((run.code, documents.len()), (1, 0), "{}", run.stderr);
}

#[tokio::test]
async fn misread_files_are_refused_with_a_remedy() {
    let two = b"{\"id\": 1, \"text\": \"a\", \"tag\": \"b\"}\n";
    for (name, content, flags, words) in [
        (
            "a.csv",
            &b"id,text\n1,a\n"[..],
            &["--payload-fields", "yaer"][..],
            "no record has the field `yaer` named by --payload-fields",
        ),
        (
            "a.csv",
            b"id,text\n1,a\n",
            &["--csv-types", "yaer=number"],
            "no record has the field `yaer` named by --csv-types",
        ),
        ("a.csv", b"id,text\n1,a\n", &["--id-field", "sku"], "sku"),
        ("a.jsonl", two, &["--id-field", "sku"], "no record has the field `sku` named by --id-field"),
        ("a.jsonl", two, &["--payload-fields", "tags"], "no record has the field `tags` named by --payload-fields"),
        ("a.jsonl", two, &["--text-field", "text,title"], "no record has the field `title` named by --text-field"),
        ("a.csv", b"id;text\n1;a\n", &[], "--delimiter ';'"),
        ("a.csv", b"id,text\n1,a\n", &["--quote", ","], "--delimiter and --quote are the same character"),
        ("a.jsonl", b"{\n\"text\": \"a\"\n}\n", &[], "jq -c ."),
        ("a.jsonl", b"BZh91AY&SY\x00\x00", &[], "bzip2"),
        ("a.jsonl", b"\xfd7zXZ\0\0\0", &[], "xz"),
        ("a.jsonl", b"{\"text\": \"a\"}\n", &["--encoding", "ebcdic"], "shift_jis"),
    ] {
        let (run, documents) = ingest(&[(name, content)], &[&[name], flags].concat()).await;
        assert_eq!((run.code, documents.len()), (2, 0), "{name} {flags:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{name} {flags:?}: {}", run.stderr);
    }
}

#[tokio::test]
async fn ambiguous_rows_are_rejected() {
    for (content, words) in [
        (
            &br#"id,text
1,"he said \"hi\" twice"
"#[..],
            "--escape",
        ),
        (b"id,text\n1,\\N\n", "--null-value"),
        (b"id,text\n1,a\nid,text\n", "repeats the header row"),
        (b"id,text\n1,caf\xe9\n", "--encoding"),
        (b"id,text\n1,\"a\n", "not closed"),
    ] {
        let (run, _) = ingest(&[("a.csv", content)], &["a.csv", "--rejects", "/dev/stderr"]).await;
        assert!(run.code == 1 && run.stderr.contains(words), "{}", run.stderr);
    }
}
