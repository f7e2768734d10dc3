//! Random histories of a log that is read with `--follow` and rotated by renaming or by copying and truncating. When the run is
//! stopped, each line that was ever in the log is indexed, or stderr reports that lines were not read.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::panicking;
use std::time::Duration;

use serde_json::json;
use tempfile::{TempDir, tempdir};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::fake::{Fake, Rule};
use super::super::{Run, command};
use super::play_all;
use crate::support::seeded_rng::SeededRng;

const FLAGS: [&str; 8] =
    ["ingest", "app.jsonl", "--collection", "docs", "--checkpoint", "checkpoint", "--follow", "--follow-interval"];
const INTERVAL: &str = "3ms";

struct Log {
    seed: u64,
    rng: SeededRng,
    steps: Vec<String>,
    directory: TempDir,
    fake: Fake,
    server: String,
    child: Option<Child>,
    /// Texts of all lines.
    lines: Vec<String>,
    /// Rotated log, if the current run had read all of it when it was renamed.
    old: Option<PathBuf>,
    /// Lines appended to the rotated log since then.
    late: HashSet<String>,
    /// Late lines of a run that was killed before it could report them.
    excused: HashSet<String>,
    /// Output of the runs to stderr.
    notes: String,
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().and_then(|()| child.wait());
        }
        if panicking() {
            eprintln!("SPLADE_ORACLE_SEED={} SPLADE_ORACLE_ROUNDS=1:\n  {}", self.seed, self.steps.join("\n  "));
        }
    }
}

impl Log {
    async fn new(seed: u64) -> Self {
        let fake = Fake::new(Rule::Index);
        let server = fake.serve().await;
        Self {
            seed,
            rng: SeededRng::from_seed(seed),
            steps: Vec::new(),
            directory: tempdir().unwrap(),
            fake,
            server,
            child: None,
            lines: Vec::new(),
            old: None,
            late: HashSet::new(),
            excused: HashSet::new(),
            notes: String::new(),
        }
    }

    async fn play(mut self) {
        self.append(1);
        self.start().await;
        for _ in 0..3 + self.below(6) {
            match self.below(8) {
                0 | 1 => self.append(1),
                2 => self.append(5),
                3 => self.append_in_two_parts(),
                4 => self.rename().await,
                5 => self.copy_and_empty().await,
                6 => self.append_to_old(),
                _ => self.restart().await,
            }
            if self.below(2) == 0 {
                self.catch_up().await;
            }
        }
        self.catch_up().await;
        self.stop("-TERM").await;
        self.check();
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.below(end as u64) as usize
    }

    /// Returns the path of the log, or of the log rotated `age` rotations ago.
    fn path(&self, age: usize) -> PathBuf {
        let name = if age == 0 { "app.jsonl".to_owned() } else { format!("app.jsonl.{age}") };
        self.directory.path().join(name)
    }

    fn line(&mut self) -> String {
        let text = format!("line {} {}", self.lines.len(), "y".repeat(self.below(2) * self.below(3000)));
        self.lines.push(text.clone());
        format!("{}\n", json!({"id": self.lines.len(), "text": text}))
    }

    fn add(&mut self, path: &PathBuf, text: &str) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
        let name = path.file_name().unwrap().display();
        self.steps.push(format!("{name} gets {} bytes, with the lines below {}", text.len(), self.lines.len()));
    }

    fn append(&mut self, count: usize) {
        let lines: String = (0..count).map(|_| self.line()).collect();
        self.add(&self.path(0), &lines);
    }

    fn append_in_two_parts(&mut self) {
        let line = self.line();
        let (one, other) = line.split_at(1 + self.below(line.len() - 1));
        self.add(&self.path(0), one);
        self.add(&self.path(0), other);
    }

    /// Appends a line to the rotated log, as a writer does that reopens its file late.
    fn append_to_old(&mut self) {
        if let Some(old) = self.old.clone() {
            let line = self.line();
            self.late.extend(self.lines.last().cloned());
            self.add(&old, &line);
        }
    }

    /// Increments the number of each rotated file.
    fn shift(&mut self) {
        self.old = None;
        let ages = (1..).take_while(|&age| self.path(age).exists()).count();
        for age in (1..=ages).rev() {
            fs::rename(self.path(age), self.path(age + 1)).unwrap();
        }
    }

    async fn rename(&mut self) {
        let is_caught_up = self.child.is_some() && self.below(2) == 0;
        if is_caught_up {
            self.catch_up().await;
        }
        self.shift();
        fs::rename(self.path(0), self.path(1)).unwrap();
        self.steps.push("rename to .1".to_owned());
        if self.below(2) == 0 {
            let line = self.line();
            self.add(&self.path(1), &line);
        }
        let count = self.below(6);
        self.append(count);
        // Late lines are noticed only in a file that was followed before its rotation.
        self.old = is_caught_up.then(|| self.path(1));
        if self.below(3) == 0 {
            self.append_to_old();
        }
    }

    /// Copies and truncates the log. A known limit: new content that begins with everything read of the old content (always true
    /// if nothing was read) is indistinguishable from appended content, so the run must have read some of it.
    async fn copy_and_empty(&mut self) {
        if self.child.is_some() {
            self.catch_up().await;
        }
        let count = self.below(3);
        self.append(count);
        self.shift();
        fs::copy(self.path(0), self.path(1)).unwrap();
        fs::write(self.path(0), "").unwrap();
        self.steps.push("copy to .1 and empty".to_owned());
        let count = [0, 2, 30][self.below(3)];
        self.append(count);
    }

    /// Starts a run and waits until it follows the log, because a log rotated before it was opened is not noticed.
    async fn start(&mut self) {
        let flags = FLAGS.iter().chain(&[INTERVAL, "--output", "json"]);
        let mut command = command(self.directory.path(), &self.server, flags);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.child = Some(child);
        self.steps.push("start".to_owned());
        self.catch_up().await;
    }

    async fn stop(&mut self, signal: &str) {
        let child = self.child.take().unwrap();
        // The process may have exited already.
        let _ = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let run: Run = spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap().into();
        self.steps.push(format!("{signal}: exit {}, {}", run.code, run.stderr.trim_end().replace('\n', " / ")));
        assert!(signal == "-KILL" || run.code == 0, "exit {}: {}", run.code, run.stderr);
        self.notes += &run.stderr;
        self.old = None;
    }

    /// Stops the run, changes the log while nothing reads it, and starts another run.
    async fn restart(&mut self) {
        self.catch_up().await;
        if self.below(4) == 0 {
            self.stop("-KILL").await;
            self.excused.extend(self.late.drain());
        } else {
            let signal = ["-TERM", "-INT"][self.below(2)];
            self.stop(signal).await;
            match self.below(4) {
                0 => self.rename().await,
                1 => self.copy_and_empty().await,
                _ => {}
            }
        }
        let count = self.below(3);
        self.append(count);
        self.start().await;
    }

    /// Adds a line and waits until it is indexed.
    async fn catch_up(&mut self) {
        self.append(1);
        let last = self.lines.last().cloned().unwrap();
        let arrived = async {
            while !self.fake.seen().documents().iter().any(|document| document.text == last) {
                self.fake.arrivals.0.acquire().await.unwrap().forget();
            }
        };
        if timeout(Duration::from_secs(60), arrived).await.is_err() {
            self.stop("-TERM").await;
            panic!("the last line was not indexed");
        }
        self.steps.push("all is indexed".to_owned());
    }

    fn check(&self) {
        let indexed: HashSet<String> = self.fake.seen().documents().into_iter().map(|document| document.text).collect();
        let all: HashSet<String> = self.lines.iter().cloned().collect();
        assert!(indexed.is_subset(&all), "an incomplete line was indexed");
        let lost: Vec<_> =
            self.lines.iter().filter(|&line| !indexed.contains(line) && !self.excused.contains(line)).collect();
        assert!(lost.is_empty() || self.notes.contains("not ingested"), "lines are lost and not reported: {lost:?}");
    }
}

#[test]
fn each_line_of_a_log_that_is_followed_is_indexed_or_reported() {
    play_all(async |seed| Log::new(seed).await.play().await);
}
