//! "Did you mean" suggestions for unknown keys.

/// Maximum length of a key that is compared with known keys; the comparison takes quadratic time.
const MAX_COMPARED_BYTES: usize = 100;

/// Returns the known key with the smallest edit distance, if it is close enough to be a typing error.
pub fn suggest_key<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if key.len() > MAX_COMPARED_BYTES {
        return None;
    }
    let key = key.trim_start_matches('-').replace('_', "-").to_lowercase();
    let candidates = known.map(|known| (strsim::osa_distance(&key, known), known));
    let max_distance = key.chars().count().div_ceil(3).min(3);
    candidates.filter(|(distance, _)| *distance <= max_distance).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_key_is_suggested() {
        let known = ["model", "max-bytes", "max-text-bytes", "tls-key", "log"];
        for (key, meant) in [
            ("modle", "model"),
            ("max_bytes", "max-bytes"),
            ("--max-bytes", "max-bytes"),
            ("MAX_TEXT_BYTES", "max-text-bytes"),
            ("tls-keys", "tls-key"),
        ] {
            assert_eq!(suggest_key(key, known.into_iter()), Some(meant), "{key}");
        }
        for key in ["", "-", "colour", &"x".repeat(10_000)] {
            assert_eq!(suggest_key(key, known.into_iter()), None, "{key}");
        }
    }
}
