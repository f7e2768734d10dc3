//! Reading what was typed: a value is read, or it is a mistake that is told with all the others.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use tonic::codegen::http::Uri;

use super::{LogFormat, ServeArgs, StoreConfig};
use crate::features;
use crate::grpc::{DefaultPruning, PruningDefaults};
use crate::model::{DeviceName, Precision};
use crate::pipeline::{EncoderPoolConfig, WriterConfig};
use crate::store::{QdrantConfig, QdrantUrl};

/// Collects what is wrong. Gives a stand-in for a wrong value, which nothing is served with.
#[derive(Default)]
pub struct Check {
    pub mistakes: Vec<String>,
}

impl Check {
    pub fn mistake(&mut self, flag: &str, text: &str, expected: impl fmt::Display) {
        self.mistakes.push(format!("{flag} is `{text}`; expected {expected}"));
    }

    /// Requires a cargo feature of this build for a flag.
    pub fn require(&mut self, is_there: bool, flag: &str, feature: &str) {
        if !is_there {
            self.mistakes.push(features::missing(flag, feature));
        }
    }

    pub fn read<T: FromStr + Unset>(&mut self, flag: &str, text: &str, expected: &str) -> T {
        text.trim().parse().unwrap_or_else(|_| {
            self.mistake(flag, text, expected);
            T::unset()
        })
    }

    /// A positive whole number, of a size that memory can hold as a queue.
    pub fn count(&mut self, flag: &str, text: &str) -> usize {
        self.small_count(flag, text) as usize
    }

    pub fn small_count(&mut self, flag: &str, text: &str) -> u32 {
        const MAX: u32 = 1 << 20;
        match text.trim().parse() {
            Ok(count @ 1..=MAX) => count,
            _ => {
                self.mistake(flag, text, format!("a whole number from 1 to {MAX}"));
                1
            }
        }
    }

    pub fn size(&mut self, flag: &str, text: &str) -> usize {
        const MAX: u64 = u32::MAX as u64;
        match text.trim().parse::<ByteSize>().map(|size| size.as_u64()) {
            Ok(size @ 1..=MAX) => usize::try_from(size).unwrap_or(usize::MAX),
            _ => {
                self.mistake(flag, text, "a size of 1 byte to 4 GiB, such as 32MiB");
                1
            }
        }
    }

    pub fn duration(&mut self, flag: &str, text: &str) -> Duration {
        const MAX: Duration = Duration::from_secs(24 * 3_600);
        match humantime::parse_duration(text.trim()) {
            Ok(duration) if !duration.is_zero() && duration <= MAX => duration,
            _ => {
                self.mistake(flag, text, "a duration of up to a day, such as 100ms or 30s");
                MAX
            }
        }
    }

    pub fn backend(&mut self, device: &str, dtype: &str) -> (DeviceName, Precision) {
        let device: DeviceName = device.trim().parse().unwrap_or_else(|_| {
            self.mistake("--device", device, "cpu, cuda:N or metal");
            DeviceName::default()
        });
        let precision: Precision = dtype.trim().parse().unwrap_or_else(|_| {
            self.mistake("--dtype", dtype, "float32, int8 or float16");
            Precision::default()
        });
        if let Err(problem) = device.check(precision) {
            self.mistakes.push(format!("--dtype: {problem}"));
        }
        (device, precision)
    }

    pub fn encoders(&mut self, args: &ServeArgs) -> EncoderPoolConfig {
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

    pub fn writer(&mut self, args: &ServeArgs) -> WriterConfig {
        WriterConfig {
            batch_bytes: self.size("--upsert-bytes", &args.upsert_bytes),
            batch_age: self.duration("--upsert-age", &args.upsert_age),
            max_in_flight: self.count("--max-upserts", &args.max_upserts),
            retry_deadline: self.duration("--retry-deadline", &args.retry_deadline),
        }
    }

    pub fn pruning(&mut self, args: &ServeArgs) -> PruningDefaults {
        PruningDefaults {
            document: DefaultPruning {
                max_terms: self.max_terms("--document-max-terms", args.document_max_terms.as_deref()),
                min_weight: self.min_weight("--document-min-weight", &args.document_min_weight),
                weight_share: self.weight_share("--document-weight-share", &args.document_weight_share),
            },
            query: DefaultPruning {
                max_terms: self.max_terms("--query-max-terms", args.query_max_terms.as_deref()),
                min_weight: self.min_weight("--query-min-weight", &args.query_min_weight),
                weight_share: self.weight_share("--query-weight-share", &args.query_weight_share),
            },
        }
    }

    fn max_terms(&mut self, flag: &str, text: Option<&str>) -> Option<usize> {
        let text = text?;
        let terms = text.trim().parse::<u32>().unwrap_or_else(|_| {
            self.mistake(flag, text, "a whole number; 0 keeps all");
            0
        });
        Some(terms as usize)
    }

    fn min_weight(&mut self, flag: &str, text: &str) -> f32 {
        match text.trim().parse::<f32>() {
            Ok(weight) if weight.is_finite() && weight >= 0.0 => weight,
            _ => {
                self.mistake(flag, text, "0 or a positive number, such as 0.1");
                0.0
            }
        }
    }

    fn weight_share(&mut self, flag: &str, text: &str) -> Option<f32> {
        match text.trim().parse::<f32>() {
            Ok(1.0) => None,
            Ok(share) if share > 0.0 && share < 1.0 => Some(share),
            _ => {
                self.mistake(flag, text, "a number above 0 and at most 1, such as 0.9");
                None
            }
        }
    }

    pub fn listen_or_none(&mut self, flag: &str, text: &str, example: &str) -> Option<SocketAddr> {
        if text.trim() == "none" {
            return None;
        }
        Some(self.read(flag, text, &format!("HOST:PORT, such as {example}, or none")))
    }

    pub fn store(&mut self, args: &ServeArgs) -> StoreConfig {
        let Some(url) = &args.qdrant_url else {
            if !cfg!(feature = "embedded") {
                let problem = features::missing("the embedded store", "embedded");
                self.mistakes.push(format!("--store-dir: {problem}, or give --qdrant-url"));
            }
            return StoreConfig::Embedded(args.store_dir.clone());
        };
        let timeout = self.duration("--qdrant-timeout", &args.qdrant_timeout);
        let api_key = self.api_key(args);
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

    pub fn log(&mut self, filter: String) -> String {
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
            self.mistake("--log", &filter, format!("a level such as info, or a filter ({error})"));
        }
        filter
    }

    pub fn otlp_endpoint(&mut self, text: Option<&str>) -> Option<Uri> {
        if let Some(source) = text.map(|_| "--otlp-endpoint").or_else(otlp_variable) {
            self.require(cfg!(feature = "otlp"), source, "otlp");
        }
        let text = text?.trim();
        let uri = text.parse().ok().filter(|uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")));
        if uri.is_none() {
            self.mistake("--otlp-endpoint", text, "a URL such as http://localhost:4317");
        }
        uri
    }

    pub fn log_format(&mut self, text: &str) -> LogFormat {
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

/// The variables that OpenTelemetry has for where traces go; the exporter reads them by itself.
pub const OTLP_VARIABLES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Returns the variable of OpenTelemetry that says where traces go, if one does.
pub fn otlp_variable() -> Option<&'static str> {
    OTLP_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// A stand-in for a value that could not be read.
pub trait Unset {
    fn unset() -> Self;
}

impl Unset for SocketAddr {
    fn unset() -> Self {
        Self::new(IpAddr::from([127, 0, 0, 1]), 0)
    }
}
