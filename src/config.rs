//! `serve`'s configuration: what was typed becomes what is meant, once, and all mistakes are told together.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::grpc::RequestLimits;
use crate::model::hub::ModelSource;
use crate::pipeline::{EncoderPoolConfig, PipelineConfig, WriterConfig};
use crate::store::{ApiKey, QdrantConfig, QdrantUrl};

const EXAMPLE: &str = "\
Examples:
  splade-sidecar serve --model ./splade-tiny
  splade-sidecar serve --model naver/splade-v3@main --qdrant-url http://localhost:6334

Sizes are written as 4MiB, durations as 100ms or 30s. Each flag has an environment variable.";

/// Serve the gRPC API: encode, index and search.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLE)]
pub struct ServeArgs {
    /// The model: a folder, or a Hugging Face id such as org/name or org/name@revision.
    #[arg(long, env = "SPLADE_MODEL", value_name = "FOLDER|ID")]
    model: Option<String>,
    /// The model's name in requests. Default: the last part of the folder or id.
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME")]
    model_name: Option<String>,

    /// Where to listen for gRPC.
    #[arg(long, env = "SPLADE_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    listen: String,
    /// Also listen on a Unix socket.
    #[arg(long, env = "SPLADE_UNIX_SOCKET", value_name = "PATH")]
    unix_socket: Option<PathBuf>,
    /// Where to listen for Prometheus (`/metrics`), or `none`.
    #[arg(long, env = "SPLADE_METRICS_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:9464")]
    metrics_listen: String,

    /// The folder of the embedded store, which is made if it is not there.
    #[arg(long, env = "SPLADE_STORE_DIR", value_name = "FOLDER", default_value = "splade-store")]
    store_dir: PathBuf,
    /// Use a Qdrant server instead of the embedded store: the URL of its gRPC port.
    #[arg(long, env = "SPLADE_QDRANT_URL", value_name = "URL")]
    qdrant_url: Option<String>,
    /// The Qdrant server's API key. Better set by its environment variable, which other users can't see.
    #[arg(long, env = "SPLADE_QDRANT_API_KEY", value_name = "KEY", hide_env_values = true)]
    qdrant_api_key: Option<String>,
    /// How long one call to the Qdrant server may take.
    #[arg(long, env = "SPLADE_QDRANT_TIMEOUT", value_name = "DURATION", default_value = "60s")]
    qdrant_timeout: String,
    /// The shard key that every request to the Qdrant server carries.
    #[arg(long, env = "SPLADE_QDRANT_SHARD_KEY", value_name = "KEY")]
    qdrant_shard_key: Option<String>,

    /// Encoder threads. Default: one a core.
    #[arg(long, env = "SPLADE_THREADS", value_name = "N")]
    threads: Option<String>,
    /// The most tokens that an encoder thread encodes at once.
    #[arg(long, env = "SPLADE_BATCH_TOKENS", value_name = "N", default_value = "512")]
    batch_tokens: String,
    /// The most texts that wait for an encoder thread, in each lane.
    #[arg(long, env = "SPLADE_QUEUE_TEXTS", value_name = "N", default_value = "256")]
    queue_texts: String,

    /// The most documents of streams that are under way.
    #[arg(long, env = "SPLADE_MAX_DOCUMENTS", value_name = "N", default_value = "8192")]
    max_documents: String,
    /// The most bytes of documents of streams that are under way.
    #[arg(long, env = "SPLADE_MAX_BYTES", value_name = "SIZE", default_value = "128MiB")]
    max_bytes: String,
    /// The most texts of unary calls that are under way.
    #[arg(long, env = "SPLADE_MAX_INTERACTIVE", value_name = "N", default_value = "1024")]
    max_interactive: String,
    /// The most bytes of one text.
    #[arg(long, env = "SPLADE_MAX_TEXT_BYTES", value_name = "SIZE", default_value = "1MiB")]
    max_text_bytes: String,
    /// The most texts or documents of one unary call.
    #[arg(long, env = "SPLADE_MAX_UNARY_DOCUMENTS", value_name = "N", default_value = "256")]
    max_unary_documents: String,
    /// The most bytes of one gRPC message. A larger one ends its call.
    #[arg(long, env = "SPLADE_MAX_MESSAGE_BYTES", value_name = "SIZE", default_value = "32MiB")]
    max_message_bytes: String,
    /// The most calls at once on one connection.
    #[arg(long, env = "SPLADE_MAX_CONCURRENT_STREAMS", value_name = "N", default_value = "1024")]
    max_concurrent_streams: String,

    /// The most bytes of one upsert.
    #[arg(long, env = "SPLADE_UPSERT_BYTES", value_name = "SIZE", default_value = "4MiB")]
    upsert_bytes: String,
    /// The longest time that a point waits for others of its upsert.
    #[arg(long, env = "SPLADE_UPSERT_AGE", value_name = "DURATION", default_value = "100ms")]
    upsert_age: String,
    /// The most upserts in flight for one collection.
    #[arg(long, env = "SPLADE_MAX_UPSERTS", value_name = "N", default_value = "8")]
    max_upserts: String,
    /// How long a document that the store can't take now is tried again.
    #[arg(long, env = "SPLADE_RETRY_DEADLINE", value_name = "DURATION", default_value = "120s")]
    retry_deadline: String,

    /// The interval of HTTP/2 keepalive pings.
    #[arg(long, env = "SPLADE_KEEPALIVE", value_name = "DURATION", default_value = "30s")]
    keepalive: String,
    /// How long the server may take to stop: documents that it has read are finished and their results sent.
    #[arg(long, env = "SPLADE_DRAIN_DEADLINE", value_name = "DURATION", default_value = "30s")]
    drain_deadline: String,

    /// What is logged: error, warn, info, debug or trace, of everything or by module.
    #[arg(long, env = "SPLADE_LOG", value_name = "FILTER", default_value = "warn,splade_sidecar=info")]
    log: String,
    /// How it is logged: text or json.
    #[arg(long, env = "SPLADE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: String,
}

/// What is meant.
#[derive(Debug, Clone)]
pub struct Config {
    pub model: ModelSource,
    pub model_name: String,
    pub listen: SocketAddr,
    pub unix_socket: Option<PathBuf>,
    /// `None`: no metrics.
    pub metrics_listen: Option<SocketAddr>,
    pub store: StoreConfig,
    pub pipeline: PipelineConfig,
    pub requests: RequestLimits,
    pub server: ServerConfig,
    pub drain_deadline: Duration,
    pub log: String,
    pub log_format: LogFormat,
}

/// Which store.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    Embedded(PathBuf),
    Qdrant(QdrantConfig),
}

/// Bounds of the gRPC server.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    pub max_message_bytes: usize,
    pub max_concurrent_streams: u32,
    pub keepalive: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Every mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(pub Vec<String>);

impl std::error::Error for InvalidConfig {}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} mistake(s):", self.0.len())?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl TryFrom<ServeArgs> for Config {
    type Error = InvalidConfig;

    fn try_from(args: ServeArgs) -> Result<Self, InvalidConfig> {
        let mut check = Check::default();
        let encoders = check.encoders(&args);
        let writer = check.writer(&args);
        let config = Self {
            model: check.model(args.model.as_deref()),
            model_name: check.model_name(&args),
            listen: check.read("--listen", &args.listen, "HOST:PORT, such as 127.0.0.1:50051"),
            unix_socket: args.unix_socket.clone(),
            metrics_listen: check.metrics_listen(&args.metrics_listen),
            store: check.store(&args),
            pipeline: PipelineConfig {
                encoders,
                writer,
                max_documents: check.count("--max-documents", &args.max_documents),
                max_bytes: check.size("--max-bytes", &args.max_bytes),
                max_interactive: check.count("--max-interactive", &args.max_interactive),
            },
            requests: RequestLimits {
                text_bytes: check.size("--max-text-bytes", &args.max_text_bytes),
                unary_documents: check.count("--max-unary-documents", &args.max_unary_documents),
            },
            server: ServerConfig {
                max_message_bytes: check.size("--max-message-bytes", &args.max_message_bytes),
                max_concurrent_streams: check.small_count("--max-concurrent-streams", &args.max_concurrent_streams),
                keepalive: check.duration("--keepalive", &args.keepalive),
            },
            drain_deadline: check.duration("--drain-deadline", &args.drain_deadline),
            log_format: check.log_format(&args.log_format),
            log: check.log(args.log),
        };
        if check.mistakes.is_empty() { Ok(config) } else { Err(InvalidConfig(check.mistakes)) }
    }
}

/// Reads values and collects what is wrong with them. Gives a stand-in for a wrong value, which never leaves this file.
#[derive(Default)]
struct Check {
    mistakes: Vec<String>,
}

impl Check {
    fn mistake(&mut self, flag: &str, text: &str, expected: impl fmt::Display) {
        self.mistakes.push(format!("{flag} is `{text}`; expected {expected}"));
    }

    fn read<T: FromStr + Unset>(&mut self, flag: &str, text: &str, expected: &str) -> T {
        text.trim().parse().unwrap_or_else(|_| {
            self.mistake(flag, text, expected);
            T::unset()
        })
    }

    /// A positive whole number, of a size that memory can hold as a queue.
    fn count(&mut self, flag: &str, text: &str) -> usize {
        self.small_count(flag, text) as usize
    }

    fn small_count(&mut self, flag: &str, text: &str) -> u32 {
        const MAX: u32 = 1 << 20;
        match text.trim().parse() {
            Ok(count @ 1..=MAX) => count,
            _ => {
                self.mistake(flag, text, format!("a whole number from 1 to {MAX}"));
                1
            }
        }
    }

    fn size(&mut self, flag: &str, text: &str) -> usize {
        const MAX: u64 = u32::MAX as u64;
        match text.trim().parse::<ByteSize>().map(|size| size.as_u64()) {
            Ok(size @ 1..=MAX) => usize::try_from(size).unwrap_or(usize::MAX),
            _ => {
                self.mistake(flag, text, "a size of 1 byte to 4 GiB, such as 32MiB");
                1
            }
        }
    }

    fn duration(&mut self, flag: &str, text: &str) -> Duration {
        const MAX: Duration = Duration::from_secs(24 * 3_600);
        match humantime::parse_duration(text.trim()) {
            Ok(duration) if !duration.is_zero() && duration <= MAX => duration,
            _ => {
                self.mistake(flag, text, "a duration of up to a day, such as 100ms or 30s");
                MAX
            }
        }
    }

    fn encoders(&mut self, args: &ServeArgs) -> EncoderPoolConfig {
        let threads = match &args.threads {
            Some(threads) => self.count("--threads", threads),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        EncoderPoolConfig {
            threads,
            batch_tokens: self.count("--batch-tokens", &args.batch_tokens),
            lane_texts: self.count("--queue-texts", &args.queue_texts),
        }
    }

    fn writer(&mut self, args: &ServeArgs) -> WriterConfig {
        WriterConfig {
            batch_bytes: self.size("--upsert-bytes", &args.upsert_bytes),
            batch_age: self.duration("--upsert-age", &args.upsert_age),
            max_in_flight: self.count("--max-upserts", &args.max_upserts),
            retry_deadline: self.duration("--retry-deadline", &args.retry_deadline),
        }
    }

    fn model(&mut self, model: Option<&str>) -> ModelSource {
        let unset = ModelSource::Folder(PathBuf::new());
        let Some(model) = model else {
            self.mistakes.push("--model is missing; give a folder, or a Hugging Face id such as org/name".to_owned());
            return unset;
        };
        model.parse().unwrap_or_else(|error| {
            self.mistakes.push(format!("--model: {error}"));
            unset
        })
    }

    /// The name that was given, else the last part of the folder or id.
    fn model_name(&mut self, args: &ServeArgs) -> String {
        if let Some(name) = &args.model_name {
            if name.trim().is_empty() {
                self.mistake("--model-name", name, "a name");
            }
            return name.clone();
        }
        let model = args.model.as_deref().unwrap_or_default();
        let id = model.split_once('@').map_or(model, |(id, _revision)| id);
        let resolved = std::fs::canonicalize(model).unwrap_or_else(|_| PathBuf::from(id));
        resolved.file_name().map_or_else(|| "default".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    fn metrics_listen(&mut self, text: &str) -> Option<SocketAddr> {
        if text.trim() == "none" {
            return None;
        }
        Some(self.read("--metrics-listen", text, "HOST:PORT, such as 127.0.0.1:9464, or none"))
    }

    fn store(&mut self, args: &ServeArgs) -> StoreConfig {
        let Some(url) = &args.qdrant_url else { return StoreConfig::Embedded(args.store_dir.clone()) };
        let timeout = self.duration("--qdrant-timeout", &args.qdrant_timeout);
        let api_key = args.qdrant_api_key.as_deref().and_then(|key| match key.parse::<ApiKey>() {
            Ok(key) => Some(key),
            Err(error) => {
                // The key itself is never repeated.
                self.mistakes.push(format!("--qdrant-api-key: {error}"));
                None
            }
        });
        match url.parse::<QdrantUrl>() {
            Ok(url) => StoreConfig::Qdrant(QdrantConfig {
                api_key,
                timeout,
                shard_key: args.qdrant_shard_key.clone(),
                ..QdrantConfig::new(url)
            }),
            Err(error) => {
                self.mistakes.push(format!("--qdrant-url: {error}"));
                StoreConfig::Embedded(PathBuf::new())
            }
        }
    }

    fn log(&mut self, filter: String) -> String {
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
            self.mistake("--log", &filter, format!("a level such as info, or a filter ({error})"));
        }
        filter
    }

    fn log_format(&mut self, text: &str) -> LogFormat {
        match text.trim() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => {
                self.mistake("--log-format", text, "text or json");
                LogFormat::Text
            }
        }
    }
}

/// A stand-in for a value that could not be read.
trait Unset {
    fn unset() -> Self;
}

impl Unset for SocketAddr {
    fn unset() -> Self {
        Self::new(IpAddr::from([127, 0, 0, 1]), 0)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn config(flags: &[&str]) -> Result<Config, InvalidConfig> {
        Config::try_from(Line::try_parse_from([&["serve"], flags].concat()).unwrap().args)
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = config(&["--model", "naver/splade-v3@main"]).unwrap();
        assert_eq!(config.model_name, "splade-v3");
        assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 50_051)));
        assert!(matches!(config.store, StoreConfig::Embedded(folder) if folder.as_os_str() == "splade-store"));
        assert_eq!(config.pipeline.writer.batch_bytes, 4 << 20);
        assert_eq!(config.server.max_message_bytes, 32 << 20);
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let flags = "--listen here --threads 0 --max-bytes lots --upsert-age soon --qdrant-url ftp://x \
                     --qdrant-api-key s\u{e9}cret --log-format xml --model /no/such/folder";
        let error = config(&flags.split_whitespace().collect::<Vec<_>>()).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.0.len(), 8, "{text}");
        for flag in ["--listen", "--threads", "--max-bytes", "--upsert-age", "--qdrant-url", "--log-format", "--model"]
        {
            assert!(text.contains(flag), "{flag} is not in: {text}");
        }
        assert!(!text.contains("s\u{e9}cret"), "the API key is in: {text}");
    }

    #[test]
    fn a_model_is_required() {
        assert!(config(&[]).unwrap_err().to_string().contains("--model is missing"));
    }
}
