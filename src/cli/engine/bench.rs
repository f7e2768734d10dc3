//! `bench`: how fast this machine encodes, without network and store.

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
use crate::model::hub::{HubConfig, ModelSource, locate};
use crate::model::{Backend, DeviceName, InferenceDType, Model, check_settings};
use crate::pipeline::{EncodeHandle, EncodeOptions, EncoderPool, EncoderPoolConfig};
use crate::types::{LongTextPolicy, Pruning, Role};

/// Measure how fast this machine encodes: the encoder alone, without network and store.
///
/// Texts without words are left out. The time begins when the model is ready.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct BenchCommand {
    /// Documents: JSON lines.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The model: a folder, or a Hugging Face id such as org/name or org/name@revision.
    #[arg(long, env = "SPLADE_MODEL", value_name = "FOLDER|ID")]
    model: ModelSource,
    /// Where it computes: cpu, cuda:N or metal.
    #[arg(long, env = "SPLADE_DEVICE", value_name = "NAME", default_value = "cpu")]
    device: DeviceName,
    /// The number format of its products: float32, int8 (on the cpu) or float16 (on a GPU).
    #[arg(long, env = "SPLADE_DTYPE", value_name = "NAME", default_value = "float32", value_parser = str::parse::<InferenceDType>)]
    dtype: InferenceDType,
    /// Encoder threads. Default: one a core.
    #[arg(long, env = "SPLADE_THREADS", value_name = "N")]
    threads: Option<usize>,
    /// The most tokens that an encoder thread encodes at once.
    #[arg(long, env = "SPLADE_BATCH_TOKENS", value_name = "N", default_value_t = 512)]
    batch_tokens: usize,
    /// The field that holds the text.
    #[arg(long, env = "SPLADE_BENCH_TEXT_FIELD", value_name = "NAME", default_value = "text")]
    text_field: String,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLE: &str = "\
Example:
  splade-sidecar bench docs.jsonl --model ./splade-tiny --threads 2";

/// Room for texts and results on their way.
const MAX_IN_FLIGHT: usize = 1_024;
/// Maximum number of texts that are counted as being in batches.
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
            EncoderPoolConfig { threads, max_batch_tokens: self.batch_tokens.max(1), lane_capacity: MAX_IN_FLIGHT };
        let (pool, workers) = EncoderPool::start(config)?;
        let model = load_task.await??;

        let start = Instant::now();
        let (long_text, pruning) = (LongTextPolicy::Truncate, Pruning::default());
        let options = EncodeOptions { model, role: Role::Document, long_text, pruning };
        // The lane is full while each thread has a batch of texts of one token and results wait to be counted.
        let in_batches = threads.saturating_mul(config.max_batch_tokens).min(MAX_TEXTS_IN_BATCHES);
        let (encode, mut vectors) = EncodeHandle::standalone(Arc::new(pool), options, 2 * MAX_IN_FLIGHT + in_batches);
        let feed = async move {
            // Both lanes go with this future: the threads end when it does.
            let encode = encode;
            for (number, text) in (1..).zip(texts) {
                let ticket = encode.tickets.acquire().await?;
                encode.submit(ticket, number, Ok(text)).await?;
            }
            anyhow::Ok(())
        };
        // Moves the receiver in: if a text fails, the others are not encoded.
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
            worker.join().map_err(|_| anyhow::anyhow!("an encoder thread ended by a panic"))?;
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
        let file = File::open(&self.file).with_context(|| self.file.display().to_string())?;
        let mut texts = Vec::new();
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line?;
            let value: Value = serde_json::from_str(&line).with_context(|| format!("line {}", number + 1))?;
            let text = value.get(&self.text_field).and_then(Value::as_str);
            let text = text.with_context(|| format!("line {} has no text in `{}`", number + 1, self.text_field))?;
            if !text.trim().is_empty() {
                texts.push(text.to_owned());
            }
        }
        Ok(texts)
    }
}
