//! OpenMetrics 1.0, made of Prometheus' text format: of two formats this close, one exporter is enough.
//!
//! The differences that matter here: a counter's family is named without `_total`, bounds of buckets are written as floats,
//! there are no empty lines, and the text ends with `# EOF`.

use axum::http::HeaderValue;

/// The media type.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const TYPE: &str = "application/openmetrics-text";

/// Whether the headers ask for it.
pub fn accepted<'a>(accept: impl IntoIterator<Item = &'a HeaderValue>) -> bool {
    let mut types = accept.into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    types.any(|media| media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(TYPE)))
}

/// The same metrics in this format.
pub fn from_prometheus(text: &str) -> String {
    let mut converted = String::with_capacity(text.len() + 64);
    // Of the family whose samples come next.
    let mut histogram = false;
    let mut help = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("# HELP ") {
            // Its family's name depends on its type, which comes next.
            help = Some(line);
            continue;
        }
        if let Some((family, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            histogram = kind == "histogram";
            let name = if kind == "counter" { family.strip_suffix("_total").unwrap_or(family) } else { family };
            if let Some(text) = help.take().and_then(|help| help.strip_prefix("# HELP ")?.strip_prefix(family)) {
                push(&mut converted, &["# HELP ", name, text]);
            }
            push(&mut converted, &["# TYPE ", name, " ", kind]);
            continue;
        }
        match line.split_once("le=\"").filter(|_| histogram) {
            Some((before, rest)) => {
                let (bound, after) = rest.split_once('"').unwrap_or((rest, ""));
                let whole = bound.bytes().all(|byte| byte.is_ascii_digit());
                push(&mut converted, &[before, "le=\"", bound, if whole { ".0\"" } else { "\"" }, after]);
            }
            None => push(&mut converted, &[line]),
        }
    }
    converted.push_str("# EOF\n");
    converted
}

fn push(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_differences_are_made() {
        let prometheus = "\
# HELP splade_tokens_total Tokens encoded
# TYPE splade_tokens_total counter
splade_tokens_total{model=\"a le=\\\"1\"} 5

# HELP splade_seconds Time
# TYPE splade_seconds histogram
splade_seconds_bucket{lane=\"bulk\",le=\"0.5\"} 1
splade_seconds_bucket{lane=\"bulk\",le=\"10\"} 2
splade_seconds_bucket{lane=\"bulk\",le=\"+Inf\"} 2
splade_seconds_sum{lane=\"bulk\"} 3.5

# TYPE splade_ready gauge
splade_ready 1
";
        let expected = "\
# HELP splade_tokens Tokens encoded
# TYPE splade_tokens counter
splade_tokens_total{model=\"a le=\\\"1\"} 5
# HELP splade_seconds Time
# TYPE splade_seconds histogram
splade_seconds_bucket{lane=\"bulk\",le=\"0.5\"} 1
splade_seconds_bucket{lane=\"bulk\",le=\"10.0\"} 2
splade_seconds_bucket{lane=\"bulk\",le=\"+Inf\"} 2
splade_seconds_sum{lane=\"bulk\"} 3.5
# TYPE splade_ready gauge
splade_ready 1
# EOF
";
        assert_eq!(from_prometheus(prometheus), expected);
        assert_eq!(from_prometheus(""), "# EOF\n");
    }

    #[test]
    fn it_is_given_to_those_who_ask() {
        let asks = |accept: &'static str| accepted([&HeaderValue::from_static(accept)]);
        assert!(asks("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
        assert!(asks("text/plain, Application/OpenMetrics-Text"));
        assert!(!asks("text/plain;version=0.0.4") && !asks("*/*"));
    }
}
