//! What a run is to do, checked before it does anything.

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

/// Where a run begins and ends.
#[derive(Debug)]
pub struct ReindexPlan {
    /// How far the run before it came, or the beginning.
    pub checkpoint: ReindexCheckpoint,
    /// Where that is noted.
    pub checkpoint_path: PathBuf,
    /// How the new collection is to be created: as the old one was.
    pub collection_options: CollectionOptions,
    /// How many documents there are to read, about.
    pub document_count: u64,
    /// No other run has the checkpoint.
    _lock: RunLock,
}

impl ReindexPlan {
    /// # Errors
    /// Collections, an alias or a model that won't do; a checkpoint of another run.
    pub async fn create(args: &ReindexCommand) -> anyhow::Result<Self> {
        ensure!(!args.text_field.is_empty(), "--text-field is empty; name the payload field that stores the text");
        let checkpoint_path = args.checkpoint_path();
        let (lock, mut previous) = open_checkpoint(checkpoint_path.clone()).await?;
        let model = fetch_model(&args.client, &args.model).await?;
        // A run that was begun with an earlier release, for which the same encoder has another fingerprint.
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
        // What has changed since all was done is looked for from the beginning.
        let previous = previous.filter(|previous| !(previous.is_complete && args.skip_unchanged));
        // The alias may stand for the new collection already, if the run before it came so far.
        let from = previous.as_ref().map_or(&args.from, |previous| &previous.settings.collection);
        let source = find_collection(&args.client, from).await?;
        let source =
            source.with_context(|| format!("--from: there is no collection `{from}`; name one that is there"))?;
        ensure!(
            source.name != args.into,
            "--into: `{}` is the collection that is read; give the new one another name",
            args.into
        );
        args.check_targets().await?;
        settings.collection.clone_from(&source.name);
        let checkpoint = previous.unwrap_or_else(|| ReindexCheckpoint { settings, ..ReindexCheckpoint::default() });
        let collection_options = clear_encoder_metadata(source.options.unwrap_or_default());
        let document_count = u64::try_from(source.point_count).unwrap_or_default();
        Ok(Self { checkpoint, checkpoint_path, collection_options, document_count, _lock: lock })
    }

    /// Whether a run before it came some way.
    pub fn is_resumed(&self) -> bool {
        self.checkpoint.documents > 0 || self.checkpoint.is_complete
    }

    /// Nothing is left to do.
    pub async fn remove_checkpoint(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.checkpoint_path).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("can't remove {}", self.checkpoint_path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Locks the checkpoint for this run, and reads it if it is there.
async fn open_checkpoint(path: PathBuf) -> anyhow::Result<(RunLock, Option<ReindexCheckpoint>)> {
    let opened = spawn_blocking(move || {
        let lock = RunLock::acquire(&path).with_context(|| format!("the checkpoint {}", path.display()))?;
        anyhow::Ok((lock, ReindexCheckpoint::read(&path)?))
    });
    opened.await?
}

impl ReindexCommand {
    /// Whether what is to be a collection is not an alias, and the other way round.
    async fn check_targets(&self) -> anyhow::Result<()> {
        if let Some(found) = find_collection(&self.client, &self.into).await? {
            ensure!(
                found.name == self.into,
                "--into: `{}` is an alias of `{}`; give a collection's own name",
                self.into,
                found.name
            );
        }
        let Some(alias) = &self.alias else { return Ok(()) };
        ensure!(*alias != self.into, "--alias and --into are both `{alias}`; give each a name of its own");
        if let Some(found) = find_collection(&self.client, alias).await? {
            ensure!(
                found.name != *alias,
                "--alias: a collection is named `{alias}`; give a name that none has, and have clients use that"
            );
        }
        Ok(())
    }
}

/// Takes out of a collection's options what says who wrote it: another model is to write the new one.
fn clear_encoder_metadata(mut options: CollectionOptions) -> CollectionOptions {
    for vector in options.sparse_vectors.values_mut() {
        vector.model.clear();
        vector.fingerprint.clear();
        vector.dtype.clear();
    }
    options
}

/// A collection, if it is there.
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
