//! `serve`'s configuration: what was typed becomes what is meant, once, and all mistakes are told together.

mod check;
mod limits;
mod model;
mod security;
mod web;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tonic::codegen::http::Uri;

use crate::grpc::{PruningDefaults, RequestLimits};
use crate::model::{DeviceName, Precision};
use crate::pipeline::PipelineConfig;
use crate::store::QdrantConfig;
use check::Check;
pub use check::otlp_variable;
use limits::LimitArgs;
pub use model::ModelConfig;
use security::SecurityArgs;
pub use security::{SecurityConfig, TlsFiles};
use web::WebArgs;
pub use web::{Origins, WebConfig};

const EXAMPLE: &str = "\
Examples:
  splade-sidecar serve --model ./splade-tiny
  splade-sidecar serve --model naver/splade-v3@main --qdrant-url http://localhost:6334
  splade-sidecar serve --model ./splade-tiny --model large=naver/splade-v3

Sizes are written as 4MiB, durations as 100ms or 30s. Each flag has an environment variable.";

/// Serve the gRPC API: encode, index and search.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLE)]
pub struct ServeArgs {
    /// A model: a folder, or a Hugging Face id such as org/name or org/name@revision; after `NAME=` for a name other than
    /// its last part. Give it again, or with commas, for more models; the first is the default.
    #[arg(long, env = "SPLADE_MODEL", value_name = "[NAME=]FOLDER|ID", value_delimiter = ',')]
    model: Vec<String>,
    /// Where models compute: cpu, cuda:N or metal. The latter two need a build with that feature.
    #[arg(long, env = "SPLADE_DEVICE", value_name = "NAME", default_value = "cpu")]
    device: String,
    /// The number format of their products: float32, int8 (on the cpu) or float16 (on a GPU).
    #[arg(long, env = "SPLADE_DTYPE", value_name = "NAME", default_value = "float32")]
    dtype: String,

    /// Where to listen for gRPC.
    #[arg(long, env = "SPLADE_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    listen: String,
    /// Also listen on a Unix socket.
    #[arg(long, env = "SPLADE_UNIX_SOCKET", value_name = "PATH")]
    unix_socket: Option<PathBuf>,
    /// Where to listen over HTTP, for people (`/`) and for Prometheus (`/metrics`), or `none`.
    #[arg(long, env = "SPLADE_METRICS_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:9464")]
    metrics_listen: String,

    #[command(flatten)]
    web: WebArgs,

    #[command(flatten)]
    security: SecurityArgs,

    /// The folder of the embedded store, which is made if it is not there.
    #[arg(long, env = "SPLADE_STORE_DIR", value_name = "FOLDER", default_value = "splade-store")]
    store_dir: PathBuf,
    /// Use a Qdrant server instead of the embedded store: the URL of its gRPC port.
    #[arg(long, env = "SPLADE_QDRANT_URL", value_name = "URL")]
    qdrant_url: Option<String>,
    /// The Qdrant server's API key. Better set by its environment variable, which other users can't see.
    #[arg(long, env = "SPLADE_QDRANT_API_KEY", value_name = "KEY", hide_env_values = true)]
    qdrant_api_key: Option<String>,
    /// A file that holds the key instead. Blanks around it are passed over.
    #[arg(long, env = "SPLADE_QDRANT_API_KEY_FILE", value_name = "FILE")]
    qdrant_api_key_file: Option<PathBuf>,
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
    /// The most texts of unary calls that are under way. A call for which there is no room is refused at once.
    #[arg(long, env = "SPLADE_MAX_INTERACTIVE", value_name = "N", default_value = "1024")]
    max_interactive: String,
    /// The most bytes of one text.
    #[arg(long, env = "SPLADE_MAX_TEXT_BYTES", value_name = "SIZE", default_value = "1MiB")]
    max_text_bytes: String,
    /// The most texts or documents of one unary call; never more than --max-interactive.
    #[arg(long, env = "SPLADE_MAX_UNARY_DOCUMENTS", value_name = "N", default_value = "256")]
    max_unary_documents: String,
    /// The most bytes of one gRPC message, and of one body or line of JSON. A larger one ends its call; a line is rejected.
    #[arg(long, env = "SPLADE_MAX_MESSAGE_BYTES", value_name = "SIZE", default_value = "32MiB")]
    max_message_bytes: String,
    /// The most calls at once on one connection.
    #[arg(long, env = "SPLADE_MAX_CONCURRENT_STREAMS", value_name = "N", default_value = "1024")]
    max_concurrent_streams: String,
    #[command(flatten)]
    limits: LimitArgs,

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

    /// Maximum terms kept per document vector, highest weights first; 0 = unlimited. Without this flag it is the model's
    /// `max_active_dims`, if it has one. A request that sets its pruning takes the place of this and of the next two.
    #[arg(long, env = "SPLADE_DOCUMENT_MAX_TERMS", value_name = "N")]
    document_max_terms: Option<String>,
    /// The least weight of a document's terms; 0 keeps all.
    #[arg(long, env = "SPLADE_DOCUMENT_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    document_min_weight: String,
    /// The share of the sum of a document's weights that its heaviest terms must reach; the others are cut. 1 keeps all.
    #[arg(long, env = "SPLADE_DOCUMENT_WEIGHT_SHARE", value_name = "SHARE", default_value = "1")]
    document_weight_share: String,
    /// Maximum terms kept per query vector, as for documents.
    #[arg(long, env = "SPLADE_QUERY_MAX_TERMS", value_name = "N")]
    query_max_terms: Option<String>,
    /// The same of a query: the least weight.
    #[arg(long, env = "SPLADE_QUERY_MIN_WEIGHT", value_name = "WEIGHT", default_value = "0")]
    query_min_weight: String,
    /// The same of a query: the share of the sum of its weights.
    #[arg(long, env = "SPLADE_QUERY_WEIGHT_SHARE", value_name = "SHARE", default_value = "1")]
    query_weight_share: String,

    /// The interval of HTTP/2 keepalive pings.
    #[arg(long, env = "SPLADE_KEEPALIVE", value_name = "DURATION", default_value = "30s")]
    keepalive: String,
    /// How long the server may take to stop: documents that it has read are finished and their results sent.
    #[arg(long, env = "SPLADE_DRAIN_DEADLINE", value_name = "DURATION", default_value = "30s")]
    drain_deadline: String,

    /// What is logged: error, warn, info, debug or trace, of everything or by module.
    #[arg(
        long,
        env = "SPLADE_LOG",
        value_name = "FILTER",
        default_value = "warn,qdrant_edge=error,splade_sidecar=info"
    )]
    log: String,
    /// How it is logged: text or json.
    #[arg(long, env = "SPLADE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: String,
    /// Send traces to an OpenTelemetry collector: the URL of its OTLP gRPC port. Default: that of
    /// OTEL_EXPORTER_OTLP_ENDPOINT, else none are made.
    #[arg(long, env = "SPLADE_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
}

/// What is meant.
#[derive(Debug, Clone)]
pub struct Config {
    /// The first is the default. Names differ.
    pub models: Vec<ModelConfig>,
    pub device: DeviceName,
    pub precision: Precision,
    pub listen: SocketAddr,
    pub unix_socket: Option<PathBuf>,
    /// `None`: no metrics.
    pub metrics_listen: Option<SocketAddr>,
    pub web: WebConfig,
    pub security: SecurityConfig,
    pub store: StoreConfig,
    pub pipeline: PipelineConfig,
    pub requests: RequestLimits,
    pub pruning: PruningDefaults,
    pub server: ServerConfig,
    pub drain_deadline: Duration,
    pub log: String,
    pub log_format: LogFormat,
    /// Where traces go, unless the environment's standard variables say.
    pub otlp_endpoint: Option<Uri>,
}

/// Which store.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    Embedded(PathBuf),
    Qdrant(QdrantConfig),
}

impl StoreConfig {
    /// Its kind, as metrics name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Qdrant(_) => "qdrant",
        }
    }
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
        let (config, mistakes) = Self::examine(args);
        if mistakes.is_empty() { Ok(config) } else { Err(InvalidConfig(mistakes)) }
    }
}

impl Config {
    /// What is meant, and every mistake in it. What is wrong has a stand-in that nothing must be served with.
    pub fn examine(args: ServeArgs) -> (Self, Vec<String>) {
        let mut check = Check::default();
        let encoders = check.encoders(&args);
        let writer = check.writer(&args);
        let max_interactive = check.count("--max-interactive", &args.max_interactive);
        let max_message_bytes = check.size("--max-message-bytes", &args.max_message_bytes);
        let drain_deadline = check.duration("--drain-deadline", &args.drain_deadline);
        let requests = check.limits(&args, max_message_bytes, drain_deadline);
        let (device, precision) = check.backend(&args.device, &args.dtype);
        let config = Self {
            models: check.models(&args.model),
            device,
            precision,
            listen: check.read("--listen", &args.listen, "HOST:PORT, such as 127.0.0.1:50051"),
            unix_socket: args.unix_socket.clone(),
            metrics_listen: check.listen_or_none("--metrics-listen", &args.metrics_listen, "127.0.0.1:9464"),
            web: check.web(&args.web),
            security: check.security(&args.security),
            store: check.store(&args),
            pipeline: PipelineConfig {
                encoders,
                writer,
                max_documents: check.count("--max-documents", &args.max_documents),
                max_bytes: check.size("--max-bytes", &args.max_bytes),
                max_interactive,
            },
            // A call with more texts than there are places would never be let in.
            requests: RequestLimits { unary_documents: requests.unary_documents.min(max_interactive), ..requests },
            pruning: check.pruning(&args),
            server: ServerConfig {
                max_message_bytes,
                max_concurrent_streams: check.small_count("--max-concurrent-streams", &args.max_concurrent_streams),
                keepalive: check.duration("--keepalive", &args.keepalive),
            },
            drain_deadline,
            log_format: check.log_format(&args.log_format),
            log: check.log(args.log),
            otlp_endpoint: check.otlp_endpoint(args.otlp_endpoint.as_deref()),
        };
        (config, check.mistakes)
    }
}

#[cfg(test)]
mod tests;
