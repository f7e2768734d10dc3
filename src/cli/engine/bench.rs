//! `bench`: measures encoding throughput, without network and store.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::cli::output::OutputArgs;
use crate::env_var::with_earlier_name;
use crate::model::hub::{HubConfig, ModelSource, locate};
use crate::model::{Backend, DeviceName, InferenceDType, Model, check_settings};
use crate::pipeline::{EncodeHandle, EncodeOptions, EncoderPool, EncoderPoolConfig};
use crate::types::{LongTextPolicy, Pruning, Role};

/// Measure the encoding throughput of this machine, without network and store.
///
/// Blank texts are skipped. Loading and warming up the model are not part of the measured time.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct BenchCommand {
    /// JSON Lines file of documents.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Model: a directory, or a Hugging Face id such as org/name or org/name@revision.
    #[arg(long, env = "SPLADE_MODEL", value_name = "DIR|ID")]
    model: ModelSource,
    /// Inference device: cpu, cuda:N or metal. cuda and metal need a build with the cargo feature of that name.
    #[arg(long, env = "SPLADE_DEVICE", value_name = "DEVICE", default_value = "cpu")]
    device: DeviceName,
    /// Inference dtype: float32, int8 (CPU only) or float16 (GPU only).
    #[arg(long, env = "SPLADE_DTYPE", value_name = "DTYPE", default_value = "float32", value_parser = str::parse::<InferenceDType>)]
    dtype: InferenceDType,
    /// Number of encoder threads [default: one per core].
    #[arg(long, env = "SPLADE_THREADS", value_name = "N")]
    threads: Option<usize>,
    /// Maximum number of tokens per batch of an encoder thread. A longer text is a batch of its own.
    #[arg(
        long,
        alias = "batch-tokens",
        env = with_earlier_name("SPLADE_MAX_BATCH_TOKENS", "SPLADE_BATCH_TOKENS"),
        value_name = "N",
        default_value_t = 512
    )]
    max_batch_tokens: usize,
    /// Field of each document that contains the text.
    #[arg(long, env = "SPLADE_BENCH_TEXT_FIELD", value_name = "FIELD", default_value = "text")]
    text_field: String,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLE: &str = "\
Example:
  splade-sidecar bench docs.jsonl --model ./splade-tiny --threads 2";

/// Capacity of the encoder's queue, and of the channel of results in addition to texts in batches.
const MAX_IN_FLIGHT: usize = 1_024;
/// Upper bound on the number of texts in batches, so that large flags don't allocate a huge channel.
const MAX_TEXTS_IN_BATCHES: usize = 1 << 20;

impl BenchCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let texts = self.read_texts()?;
        let (source, device, dtype) = (self.model.clone(), self.device, self.dtype);
        let load_task = spawn_blocking(move || {
            let hub_config = HubConfig::from_env(|name| std::env::var(name).ok());
            let model_dir = locate(&source, &hub_config, check_settings, || ())?;
            let model = Model::load("bench", &model_dir, &Backend::open(device, dtype)?)?;
            model.warm_up()?;
            anyhow::Ok(Arc::new(model))
        });
        let threads = self.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)).max(1);
        let config =
            EncoderPoolConfig { threads, max_batch_tokens: self.max_batch_tokens.max(1), lane_capacity: MAX_IN_FLIGHT };
        let (pool, workers) = EncoderPool::start(config)?;
        let model = load_task.await??;

        let start = Instant::now();
        let (long_text, pruning) = (LongTextPolicy::Truncate, Pruning::default());
        let options = EncodeOptions { model, role: Role::Document, long_text, pruning };
        // Enough for a full queue, a batch of one-token texts per thread, and results that wait to be counted.
        let in_batches = threads.saturating_mul(config.max_batch_tokens).min(MAX_TEXTS_IN_BATCHES);
        let (encode, mut vectors) = EncodeHandle::standalone(Arc::new(pool), options, 2 * MAX_IN_FLIGHT + in_batches);
        let feed = async move {
            // Moved into this future: dropping it closes both lanes, which ends the threads.
            let encode = encode;
            for (number, text) in (1..).zip(texts) {
                let ticket = encode.tickets.acquire().await?;
                encode.submit(ticket, number, Ok(text)).await?;
            }
            anyhow::Ok(())
        };
        // Moves the receiver: if a text fails, it is dropped and the remaining texts are not encoded.
        let count = async move {
            let (mut documents, mut tokens) = (0usize, 0usize);
            while let Some(finished) = vectors.recv().await {
                documents += 1;
                tokens += finished.outcome?.tokens;
            }
            anyhow::Ok((documents, tokens))
        };
        let (feed_result, count_result) = tokio::join!(feed, count);
        let seconds = start.elapsed().as_secs_f64();
        let (documents, tokens) = count_result?;
        feed_result?;
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("an encoder thread panicked"))?;
        }
        self.report(threads, documents, tokens, seconds)?;
        Ok(ExitCode::SUCCESS)
    }

    fn report(&self, threads: usize, documents: usize, tokens: usize, seconds: f64) -> std::io::Result<()> {
        let (documents_rate, tokens_rate) = (documents as f64 / seconds, tokens as f64 / seconds);
        let text = || {
            format!(
                "{documents} documents, {tokens} tokens in {seconds:.2} s on {threads} thread(s): \
                 {documents_rate:.1} documents/s, {tokens_rate:.0} tokens/s\n"
            )
        };
        self.output.print(text, || json!({ "documents": documents, "tokens": tokens, "seconds": seconds }))
    }

    fn read_texts(&self) -> anyhow::Result<Vec<String>> {
        let file = File::open(&self.file).with_context(|| format!("can't read {}", self.file.display()))?;
        let mut texts = Vec::new();
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line?;
            let value: Value = serde_json::from_str(&line)
                .with_context(|| format!("line {} is not JSON; pass a JSON Lines file", number + 1))?;
            let text = value.get(&self.text_field).and_then(Value::as_str);
            let text = text.with_context(|| {
                format!(
                    "line {} has no string in the field `{}`; name the field of the text with --text-field",
                    number + 1,
                    self.text_field
                )
            })?;
            if !text.trim().is_empty() {
                texts.push(text.to_owned());
            }
        }
        Ok(texts)
    }
}
