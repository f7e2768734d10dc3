//! Plan of a run: validates collections, alias, model and checkpoint before anything is written.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use tokio::fs;
use tokio::task::spawn_blocking;
use tonic::Code;

use super::args::ReindexCommand;
use super::checkpoint::ReindexCheckpoint;
use crate::cli::client::ClientArgs;
use crate::cli::run_lock::RunLock;
use crate::proto::{Collection, CollectionOptions, GetCollectionRequest, GetModelRequest, Model};

/// Validated plan of a run.
#[derive(Debug)]
pub struct ReindexPlan {
    /// Checkpoint of the run to resume, or a new one.
    pub checkpoint: ReindexCheckpoint,
    /// Path of the checkpoint file.
    pub checkpoint_path: PathBuf,
    /// Options of the new collection: those of the old one without its encoder.
    pub collection_options: CollectionOptions,
    /// Approximate number of documents to read.
    pub document_count: u64,
    /// Lock that keeps other runs from using the checkpoint.
    _lock: RunLock,
}

impl ReindexPlan {
    /// Validates the arguments against the server and the checkpoint.
    ///
    /// # Errors
    /// If the collections, the alias or the model are unsuitable, the checkpoint belongs to another run, or a call fails.
    pub async fn create(args: &ReindexCommand) -> anyhow::Result<Self> {
        ensure!(!args.text_field.is_empty(), "--text-field is empty; pass the payload field that contains the text");
        let checkpoint_path = args.checkpoint_path();
        let (lock, mut previous) = open_checkpoint(checkpoint_path.clone()).await?;
        let model = fetch_model(&args.client, &args.model).await?;
        // A run that was started by an earlier release stored that release's fingerprint of the same encoder.
        if let Some(previous) =
            previous.as_mut().filter(|previous| previous.settings.fingerprint == model.earlier_fingerprint)
        {
            previous.settings.fingerprint.clone_from(&model.fingerprint);
        }
        let mut settings = args.to_run_settings(model.fingerprint);
        if let Some(previous) = &previous {
            previous.check_same_run(&settings, &args.encoding_settings(), &checkpoint_path)?;
        }
        let previous = previous.map(|previous| previous.upgrade(&settings));
        // After a complete run, --skip-unchanged starts over to find the documents that have changed since.
        let previous = previous.filter(|previous| !(previous.is_complete && args.skip_unchanged));
        // The alias may already refer to the new collection if the previous run switched it.
        let from = previous.as_ref().map_or(&args.from, |previous| &previous.settings.collection);
        let source = find_collection(&args.client, from).await?;
        let source = source.with_context(|| {
            format!("--from: the collection `{from}` doesn't exist; pass an existing collection or alias")
        })?;
        ensure!(
            source.name != args.into,
            "--into: `{}` is the collection to read; pass another name for the new collection",
            args.into
        );
        args.check_targets().await?;
        settings.collection.clone_from(&source.name);
        let checkpoint = previous.unwrap_or_else(|| ReindexCheckpoint { settings, ..ReindexCheckpoint::default() });
        let collection_options = clear_encoder_metadata(source.options.unwrap_or_default());
        let document_count = u64::try_from(source.point_count).unwrap_or_default();
        Ok(Self { checkpoint, checkpoint_path, collection_options, document_count, _lock: lock })
    }

    /// Returns whether the run continues an earlier one.
    pub fn is_resumed(&self) -> bool {
        self.checkpoint.documents > 0 || self.checkpoint.is_complete
    }

    /// Removes the checkpoint file after a complete run.
    ///
    /// # Errors
    /// If the file exists and can't be removed.
    pub async fn remove_checkpoint(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.checkpoint_path).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("can't remove {}", self.checkpoint_path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Locks the checkpoint for this run, and reads it if it exists.
async fn open_checkpoint(path: PathBuf) -> anyhow::Result<(RunLock, Option<ReindexCheckpoint>)> {
    let opened = spawn_blocking(move || {
        let lock = RunLock::acquire(&path).with_context(|| format!("the checkpoint {}", path.display()))?;
        anyhow::Ok((lock, ReindexCheckpoint::read(&path)?))
    });
    opened.await?
}

impl ReindexCommand {
    /// Checks that `--into` is not an alias and that `--alias` is not a collection.
    async fn check_targets(&self) -> anyhow::Result<()> {
        if let Some(found) = find_collection(&self.client, &self.into).await? {
            ensure!(
                found.name == self.into,
                "--into: `{}` is an alias of `{}`; pass the name of a collection",
                self.into,
                found.name
            );
        }
        let Some(alias) = &self.alias else { return Ok(()) };
        ensure!(*alias != self.into, "--alias and --into are both `{alias}`; pass different names");
        if let Some(found) = find_collection(&self.client, alias).await? {
            ensure!(
                found.name != *alias,
                "--alias: `{alias}` is a collection; pass a name that no collection has, and let clients use it"
            );
        }
        Ok(())
    }
}

/// Removes model, fingerprint and dtype from a collection's options, because another model writes the new collection.
fn clear_encoder_metadata(mut options: CollectionOptions) -> CollectionOptions {
    for vector in options.sparse_vectors.values_mut() {
        vector.model.clear();
        vector.fingerprint.clear();
        vector.dtype.clear();
    }
    options
}

/// Returns a collection by name or alias; `None` if it doesn't exist.
pub async fn find_collection(client: &ClientArgs, name: &str) -> anyhow::Result<Option<Collection>> {
    let request = client.build_request(GetCollectionRequest { collection: name.to_owned() });
    match client.connect_index().await?.get_collection(request).await {
        Ok(response) => Ok(Some(response.into_inner().collection.unwrap_or_default())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

async fn fetch_model(client: &ClientArgs, name: &str) -> anyhow::Result<Model> {
    let request = client.build_request(GetModelRequest { model: name.to_owned() });
    let response = client.connect_encoder().await?.get_model(request).await?.into_inner();
    Ok(response.model.unwrap_or_default())
}
