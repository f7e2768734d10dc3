//! Deadlines of streaming calls. tonic enforces the deadlines of unary calls only.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// Returns the deadline of a call from its `grpc-timeout` header (gRPC over HTTP/2: up to 8 digits and a unit). A missing or
/// malformed header means no deadline.
pub fn parse_deadline(metadata: &MetadataMap) -> Option<Instant> {
    let timeout = metadata.get("grpc-timeout")?.to_str().ok()?;
    Instant::now().checked_add(parse_timeout(timeout)?)
}

fn parse_timeout(timeout: &str) -> Option<Duration> {
    let unit_start = timeout.char_indices().last()?.0;
    let (digits, unit) = timeout.split_at(unit_start);
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        assert_eq!(parse_timeout("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(parse_timeout("3M"), Some(Duration::from_secs(180)));
        assert_eq!(parse_timeout("4S"), Some(Duration::from_secs(4)));
        assert_eq!(parse_timeout("5m"), Some(Duration::from_millis(5)));
        assert_eq!(parse_timeout("6u"), Some(Duration::from_micros(6)));
        assert_eq!(parse_timeout("7n"), Some(Duration::from_nanos(7)));
        for bad in ["", "5", "S", "123456789S", "5x", "-1S", "5é"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }
}
