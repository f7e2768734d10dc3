use super::*;

fn subject() -> Subject {
    Subject::new([("the input", "/docs.jsonl".to_owned()), ("--shard", "0/1".to_owned())])
}

/// Files of so many bytes.
fn sources(format: Format, sizes: &[(&str, u64)]) -> Arc<[Source]> {
    let source =
        |&(name, bytes): &(&str, u64)| Source { path: name.into(), name: name.to_owned(), format, bytes: Some(bytes) };
    sizes.iter().map(source).collect()
}

fn docs(bytes: u64) -> Arc<[Source]> {
    sources(Format::Jsonl, &[("docs.jsonl", bytes)])
}

fn tally(lines: u64, offset: u64) -> Tally {
    let done = Place { lines, bytes: offset, row: lines, offset, ..Place::default() };
    Tally { indexed: lines, done, ..Tally::default() }
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_where_the_last_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let open = |bytes| Checkpoint::open(&path, subject(), docs(bytes), false);
    let mut first = open(100).await.unwrap();
    assert_eq!((first.tally(), first.rejects_bytes(), first.is_finished()), (Tally::default(), 0, false));
    first.due().await;
    first.save(tally(4, 40), 7).await.unwrap();
    first.written().await.unwrap();
    // It is killed here.
    let second = open(100).await.unwrap();
    assert_eq!((second.tally(), second.rejects_bytes(), second.is_finished()), (tally(4, 40), 7, false));
    assert!((1.0..1.5).contains(&second.elapsed().as_secs_f64()));
    second.close(tally(10, 100), 9, true).await.unwrap();
    assert!(open(100).await.unwrap().is_finished());
    assert!(!open(101).await.unwrap().is_finished(), "it has grown");
    let followed = Checkpoint::open(&path, subject(), docs(3), true).await.unwrap();
    assert!(!followed.is_finished(), "it may be another file by now");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["checkpoint"]);
}

#[tokio::test]
async fn what_is_of_another_ingest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    Checkpoint::open(&path, subject(), docs(100), false).await.unwrap();
    let refusal = async |subject: Subject, bytes| {
        format!("{:#}", Checkpoint::open(&path, subject, docs(bytes), false).await.unwrap_err())
    };
    let other = Subject::new([("the input", "/docs.csv".to_owned()), ("--split", "a".to_owned())]);
    let error = refusal(other, 100).await;
    assert!(error.starts_with(&format!("--checkpoint: {}: it is of another ingest", path.display())), "{error}");
    assert!(error.contains("--shard was `0/1` and is ``, --split was `` and is `a`, the input was"), "{error}");
    assert!(refusal(subject(), 99).await.contains("had 100 bytes and has 99 now"));
    fs::write(&path, "{}").unwrap();
    assert!(refusal(subject(), 100).await.contains("holds no checkpoint"));
}

#[tokio::test]
async fn files_that_were_read_must_be_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let open = async |format, sizes: &[(&str, u64)]| {
        Checkpoint::open(&path, subject(), sources(format, sizes), false).await.map_err(|error| format!("{error:#}"))
    };
    let parquet = [("a", 10), ("b", 20), ("c", 30)];
    let first = open(Format::Parquet, &parquet).await.unwrap();
    let done = Place { lines: 7, bytes: 15, file: 1, row: 2, ..Place::default() };
    first.close(Tally { done, ..Tally::default() }, 0, false).await.unwrap();
    // What is not read yet may change.
    assert_eq!(open(Format::Parquet, &[("a", 10), ("b", 20), ("d", 3)]).await.unwrap().tally().done, done);
    for changed in [&[("a", 10), ("aa", 1), ("b", 20)][..], &[("a", 11), ("b", 20)], &[("a", 10)]] {
        assert!(open(Format::Parquet, changed).await.unwrap_err().contains("up to b are no longer"), "{changed:?}");
    }
    let grown = [("a", 10), ("b", 21)];
    assert!(open(Format::Parquet, &grown).await.unwrap_err().contains("has 21 now"), "it is written as a whole");
    assert!(open(Format::Jsonl, &grown).await.is_ok());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent").join("checkpoint");
    let error = format!("{:#}", Checkpoint::open(&path, subject(), docs(1), false).await.unwrap_err());
    assert!(error.contains("can't be written"), "{error}");
}
