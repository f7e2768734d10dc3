//! Checkpoint file of a run. It is replaced atomically.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::encoding_settings::EncodingSettings;
use crate::durable;

/// Version of the file format. Files of version 1, written by the first build of 0.1.0, have no version field.
const VERSION: u32 = 2;

/// Settings that determine the points of a run.
// The serialized names are part of the file format and don't change with the names of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Value of `--from`: a collection or an alias.
    #[serde(rename = "from")]
    pub from: String,
    /// Collection to which `from` referred when the run started.
    #[serde(rename = "collection")]
    pub collection: String,
    #[serde(rename = "into")]
    pub into: String,
    #[serde(rename = "model")]
    pub model: String,
    /// Fingerprint of the model.
    #[serde(rename = "fingerprint")]
    pub fingerprint: String,
    #[serde(rename = "text_key")]
    pub text_field: String,
    /// Long-text policy and pruning, as formatted by [`EncodingSettings`].
    #[serde(rename = "encoding")]
    pub encoding: String,
}

/// Settings and progress of a run.
// The serialized names are part of the file format. A new field needs `#[serde(default)]`, so that older files can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReindexCheckpoint {
    #[serde(rename = "version", default = "version_1")]
    pub version: u32,
    #[serde(rename = "run")]
    pub settings: RunSettings,
    /// Token of the first page that is not complete.
    #[serde(rename = "page_token")]
    pub page_token: String,
    /// True if all pages are complete.
    #[serde(rename = "complete")]
    pub is_complete: bool,
    /// Number of documents on the complete pages.
    #[serde(rename = "documents")]
    pub documents: u64,
    /// True if documents were rejected, in this run or an earlier one.
    #[serde(rename = "some_rejected")]
    pub has_rejections: bool,
}

/// Field that all versions of the file have, except version 1.
#[derive(Debug, Deserialize)]
struct ReindexCheckpointHeader {
    #[serde(rename = "version", default = "version_1")]
    version: u32,
}

fn version_1() -> u32 {
    1
}

impl Default for ReindexCheckpoint {
    fn default() -> Self {
        Self {
            version: VERSION,
            settings: RunSettings::default(),
            page_token: String::new(),
            is_complete: false,
            documents: 0,
            has_rejections: false,
        }
    }
}

impl ReindexCheckpoint {
    /// Reads the file; `None` if it doesn't exist. Blocks.
    ///
    /// # Errors
    /// If the file can't be read, is not a checkpoint, or was written by a later release.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("can't read {}", path.display()))?,
        };
        let describe_invalid = || {
            format!(
                "{} is not a checkpoint of reindex; set another file with --checkpoint, or remove it",
                path.display()
            )
        };
        // The other fields of a later version may have other types, so the version is checked first.
        let ReindexCheckpointHeader { version } = serde_json::from_slice(&text).with_context(describe_invalid)?;
        ensure!(
            version <= VERSION,
            "a later release wrote the checkpoint {} (its version is {version}, and this release reads up to {VERSION}); finish \
             the run with that release, set another file with --checkpoint, or remove this one to start over",
            path.display()
        );
        serde_json::from_slice(&text).map(Some).with_context(describe_invalid)
    }

    /// Converts the checkpoint to the current version, with the settings of a run that [`Self::check_same_run`] accepted.
    pub fn upgrade(self, settings: &RunSettings) -> Self {
        let settings = RunSettings { collection: self.settings.collection, ..settings.clone() };
        Self { version: VERSION, settings, ..self }
    }

    /// Replaces the file atomically and durably. Blocks.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        durable::replace_file(path, &text).with_context(|| format!("can't write the checkpoint {}", path.display()))
    }

    /// Checks that the checkpoint belongs to a run with these settings.
    ///
    /// # Errors
    /// If it belongs to another run. The message contains the setting that differs and the remedy.
    pub fn check_same_run(
        &self,
        settings: &RunSettings,
        encoding: &EncodingSettings,
        path: &Path,
    ) -> anyhow::Result<()> {
        let expected_encoding = match self.version {
            VERSION if self.settings.encoding == encoding.to_text_without_zeros() => self.settings.encoding.clone(),
            VERSION => encoding.to_text(),
            _ => encoding.to_text_v1(),
        };
        let RunSettings { from, collection: _, into, model, fingerprint, text_field, encoding: stored_encoding } =
            &self.settings;
        let pairs = [
            ("--from", from, &settings.from),
            ("--into", into, &settings.into),
            ("--model", model, &settings.model),
            ("the fingerprint of the model", fingerprint, &settings.fingerprint),
            ("--text-field", text_field, &settings.text_field),
            ("encoding (long texts and pruning)", stored_encoding, &expected_encoding),
        ];
        let Some((label, stored, current)) = pairs.into_iter().find(|(_, stored, current)| stored != current) else {
            return Ok(());
        };
        bail!(
            "the checkpoint {} belongs to another run: {label} was `{stored}` and is `{current}`; run that command again to \
             finish it, set another file with --checkpoint, or remove this one to start over",
            path.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::cli::pruning;
    use crate::proto::LongText;

    const TRUNCATE: EncodingSettings =
        EncodingSettings { long_text: LongText::Truncate, window_overlap: None, pruning: None };

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints").join(name)
    }

    fn run() -> RunSettings {
        RunSettings {
            from: "docs".to_owned(),
            into: "docs-v2".to_owned(),
            model: "new".to_owned(),
            encoding: TRUNCATE.to_text(),
            ..RunSettings::default()
        }
    }

    #[test]
    fn checkpoints_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docs.json");
        assert_eq!(ReindexCheckpoint::read(&path).unwrap(), None);
        let checkpoint = ReindexCheckpoint {
            settings: run(),
            page_token: "docs/7".to_owned(),
            documents: 6,
            ..ReindexCheckpoint::default()
        };
        checkpoint.write(&path).unwrap();
        assert_eq!(ReindexCheckpoint::read(&path).unwrap(), Some(checkpoint));
        fs::write(&path, "{\"run\": ").unwrap();
        assert!(ReindexCheckpoint::read(&path).unwrap_err().to_string().contains("is not a checkpoint"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn checkpoints_of_other_runs_are_refused_with_the_difference() {
        let checkpoint = ReindexCheckpoint { settings: run(), ..ReindexCheckpoint::default() };
        let path = Path::new("here.json");
        let resolved = RunSettings { collection: "docs-v2".to_owned(), ..run() };
        checkpoint.check_same_run(&resolved, &TRUNCATE, path).unwrap();
        let other = EncodingSettings { window_overlap: Some(9), ..TRUNCATE };
        let error = checkpoint.check_same_run(&run(), &other, path).unwrap_err().to_string();
        let expected =
            "encoding (long texts and pruning) was `long_text=truncate` and is `long_text=truncate window_overlap=9`";
        assert!(error.contains(expected), "{error}");
        for (other, what) in [
            (RunSettings { from: "x".to_owned(), ..run() }, "--from was `docs` and is `x`"),
            (RunSettings { into: "x".to_owned(), ..run() }, "--into was"),
            (RunSettings { model: "x".to_owned(), ..run() }, "--model was"),
            (RunSettings { fingerprint: "x".to_owned(), ..run() }, "the fingerprint of the model was"),
            (RunSettings { text_field: "x".to_owned(), ..run() }, "--text-field was"),
        ] {
            let error = checkpoint.check_same_run(&other, &TRUNCATE, path).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("here.json belongs to another run"), "{error}");
        }
    }

    /// Files written by the build of 2026-11-30 are resumed and upgraded to version 2.
    #[test]
    fn files_of_version_1_are_resumed() {
        const FINGERPRINT: &str = "2b843ae1f801f88718fcc2f6063759f4dddd6239221cd19a4681a03bdc6b4b8e";
        // The flags of the commands in reindex-v1/arguments.json.
        let prune = |rules| Some(pruning::parse(rules).unwrap());
        for (name, encoding) in [
            ("plain", TRUNCATE),
            ("window", EncodingSettings { long_text: LongText::Window, window_overlap: Some(9), ..TRUNCATE }),
            (
                "reject-prune",
                EncodingSettings {
                    long_text: LongText::Reject,
                    pruning: prune("max-terms=64,weight-share=0.75,min-weight=0.1"),
                    ..TRUNCATE
                },
            ),
            ("none", EncodingSettings { pruning: prune("none"), ..TRUNCATE }),
            ("small", EncodingSettings { pruning: prune("min-weight=0.0000001,weight-share=1"), ..TRUNCATE }),
            ("large", EncodingSettings { pruning: prune("max-terms=4294967295,min-weight=3e20"), ..TRUNCATE }),
        ] {
            let path = fixture(&format!("reindex-v1/{name}.json"));
            let found = ReindexCheckpoint::read(&path).unwrap().unwrap();
            assert_eq!((found.version, found.page_token.as_str(), found.documents), (1, "few/21", 20));
            let run = RunSettings {
                from: "few".to_owned(),
                into: format!("few-{name}"),
                model: "new".to_owned(),
                fingerprint: FINGERPRINT.to_owned(),
                text_field: "text".to_owned(),
                encoding: encoding.to_text(),
                ..RunSettings::default()
            };
            found.check_same_run(&run, &encoding, &path).unwrap();
            let other = EncodingSettings { window_overlap: Some(10), ..encoding };
            assert!(
                found
                    .check_same_run(&run, &other, &path)
                    .unwrap_err()
                    .to_string()
                    .contains("(long texts and pruning) was")
            );
            let upgraded = found.upgrade(&run);
            assert_eq!((upgraded.version, upgraded.settings.collection.as_str()), (2, "few"));
            upgraded.check_same_run(&run, &encoding, &path).unwrap();
            assert!(upgraded.check_same_run(&run, &other, &path).is_err());
        }
    }

    /// Earlier builds omitted rules with the value 0, for which 0 and an absent rule were equivalent.
    #[test]
    fn a_pruning_rule_of_zero_does_not_prevent_resuming() {
        let checkpoint = |rules: &str| {
            let encoding = format!("long_text=truncate prune={rules}");
            ReindexCheckpoint { settings: RunSettings { encoding, ..run() }, ..ReindexCheckpoint::default() }
        };
        let is_resumed = |stored: &str, flag: &str| {
            let encoding = EncodingSettings { pruning: Some(pruning::parse(flag).unwrap()), ..TRUNCATE };
            checkpoint(stored).check_same_run(&run(), &encoding, Path::new("here.json")).is_ok()
        };
        assert!(is_resumed("max-terms=64", "max-terms=64"));
        assert!(is_resumed("max-terms=64", "max-terms=64,min-weight=0"));
        assert!(is_resumed("none", "max-terms=0"));
        assert!(is_resumed("max-terms=64,min-weight=0", "max-terms=64,min-weight=0"));
        assert!(
            !is_resumed("max-terms=64,min-weight=0", "max-terms=64"),
            "without the rule, the default of the server applies"
        );
        assert!(!is_resumed("max-terms=64", "max-terms=65"));
    }

    /// Pinned: the bytes of version 2. The build of 2026-11-30 reads such a file and refuses it because of its encoding.
    #[test]
    fn version_2_keeps_its_bytes() {
        let checkpoint = ReindexCheckpoint {
            version: VERSION,
            settings: RunSettings {
                from: "docs".to_owned(),
                collection: "docs-v1".to_owned(),
                into: "docs-v2".to_owned(),
                model: "new".to_owned(),
                fingerprint: "ab".to_owned(),
                text_field: "body".to_owned(),
                encoding: "long_text=window window_overlap=9 prune=max-terms=64".to_owned(),
            },
            page_token: "docs-v1/21".to_owned(),
            is_complete: true,
            documents: 20,
            has_rejections: true,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        checkpoint.write(&path).unwrap();
        let golden = fixture("reindex-v2.json");
        assert_eq!(fs::read_to_string(&path).unwrap(), fs::read_to_string(&golden).unwrap().trim_end());
        assert_eq!(ReindexCheckpoint::read(&golden).unwrap(), Some(checkpoint));
    }

    #[test]
    fn later_versions_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        fs::write(&path, r#"{"version": 3, "anything": 7}"#).unwrap();
        let error = ReindexCheckpoint::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("a later release wrote the checkpoint") && error.contains("its version is 3"),
            "{error}"
        );
    }
}
