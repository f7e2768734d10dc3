//! The collector of traces.

use tonic::codegen::http::Uri;

use super::mistakes::Mistakes;
use super::setting::{FlagType, Problem, Setting, expected};
use crate::features;

/// OpenTelemetry's variables for the collector's address, which the exporter reads by itself.
const OTLP_VARIABLES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Returns the variable of OpenTelemetry that names a collector, if one does.
pub fn otlp_variable() -> Option<&'static str> {
    OTLP_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Returns the collector that the flag names. A build without traces refuses the flag and the variables.
pub fn resolve_collector(flag: Option<Setting<CollectorUrl>>, mistakes: &mut Mistakes) -> Option<Uri> {
    mistakes.require(cfg!(feature = "otlp") || flag.is_none(), "otlp-endpoint", "otlp");
    match otlp_variable() {
        Some(variable) if !cfg!(feature = "otlp") => mistakes.add_message(features::missing(variable, "otlp")),
        _ => {}
    }
    flag.and_then(|endpoint| mistakes.value(endpoint))
}

#[derive(Debug, Clone)]
pub struct CollectorUrl;

impl FlagType for CollectorUrl {
    /// `None` is the stand-in.
    type Value = Option<Uri>;

    fn parse(text: &str) -> Result<Option<Uri>, Problem> {
        let uri = text.trim().parse().ok().filter(|uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")));
        uri.map(Some).ok_or_else(|| expected("a URL such as http://localhost:4317"))
    }

    fn stand_in() -> Option<Uri> {
        None
    }
}
