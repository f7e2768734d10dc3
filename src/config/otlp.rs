//! Endpoint of the OpenTelemetry collector.

use tonic::codegen::http::Uri;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use crate::features;

/// OpenTelemetry's environment variables for the collector's endpoint. The exporter reads them itself.
const OTLP_VARIABLES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Returns the name of the OpenTelemetry variable that sets an endpoint, if any is set.
pub fn find_otlp_variable() -> Option<&'static str> {
    OTLP_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Returns the endpoint set by the flag. In a build without the feature `otlp`, the flag and the variables are errors.
pub fn resolve_otlp_endpoint(flag: Option<FlagValue<CollectorUrl>>, errors: &mut ConfigErrors) -> Option<Uri> {
    errors.require_feature(cfg!(feature = "otlp") || flag.is_none(), "otlp-endpoint", "otlp");
    match find_otlp_variable() {
        Some(variable) if !cfg!(feature = "otlp") => {
            errors.add_message(features::describe_missing_feature(variable, "otlp"))
        }
        _ => {}
    }
    flag.and_then(|endpoint| errors.take_value(endpoint))
}

/// Flag type of an `http` or `https` URL.
#[derive(Debug, Clone)]
pub struct CollectorUrl;

impl FlagType for CollectorUrl {
    /// `None` is the placeholder.
    type Value = Option<Uri>;

    fn parse(text: &str) -> Result<Option<Uri>, FlagError> {
        let uri = text.trim().parse().ok().filter(|uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")));
        uri.map(Some).ok_or_else(|| expected_error("a URL such as http://localhost:4317"))
    }

    fn placeholder() -> Option<Uri> {
        None
    }
}
