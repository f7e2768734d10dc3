//! Hub configuration from the environment variables of the Hugging Face tools.

use std::fmt;
use std::path::PathBuf;

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Endpoint, credentials and cache directory for the Hugging Face Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubConfig {
    /// Cache directory for downloaded models: `HF_HUB_CACHE` (older: `HUGGINGFACE_HUB_CACHE`), `HF_HOME/hub` or
    /// `~/.cache/huggingface/hub`. `None` if no home directory is set; only Hub models need a cache.
    pub cache_dir: Option<PathBuf>,
    /// Base URL of the Hub, without a trailing slash: `HF_ENDPOINT`.
    pub endpoint: String,
    /// Access token: `HF_TOKEN` (older: `HUGGING_FACE_HUB_TOKEN`), or the token file that `hf auth login` writes
    /// (`HF_TOKEN_PATH`, default `HF_HOME/token`).
    pub token: Option<HubToken>,
    /// Use the cache only: `HF_HUB_OFFLINE` (older: `TRANSFORMERS_OFFLINE`).
    pub is_offline: bool,
}

/// Access token; `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct HubToken(String);

impl HubConfig {
    /// Reads the environment with `lookup`, and the token file that it names. Empty values count as unset.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let lookup = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let dir = |name: &str| lookup(name).map(PathBuf::from);

        // Precedence of the huggingface_hub Python package.
        let home = dir("HF_HOME")
            .or_else(|| dir("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| dir("HOME").map(|home| home.join(".cache/huggingface")));
        let token_file = dir("HF_TOKEN_PATH").or_else(|| home.as_ref().map(|home| home.join("token")));
        let token_in_file = || Some(std::fs::read_to_string(token_file?).ok()?.trim().to_owned());

        let endpoint = lookup("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        Self {
            cache_dir: dir("HF_HUB_CACHE")
                .or_else(|| dir("HUGGINGFACE_HUB_CACHE"))
                .or_else(|| home.map(|home| home.join("hub"))),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: lookup("HF_TOKEN")
                .or_else(|| lookup("HUGGING_FACE_HUB_TOKEN"))
                .or_else(token_in_file)
                .filter(|token| !token.is_empty())
                .map(HubToken),
            is_offline: lookup("HF_HUB_OFFLINE")
                .or_else(|| lookup("TRANSFORMERS_OFFLINE"))
                .is_some_and(|value| is_true(&value)),
        }
    }
}

impl HubToken {
    /// Returns the secret token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HubToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Parses a flag like the Hugging Face tools do.
fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> HubConfig {
        HubConfig::from_env(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn cache_directory_follows_the_hugging_face_variables() {
        assert_eq!(config(&[]).cache_dir, None);
        let cache = |variables: &[(&str, &str)]| config(variables).cache_dir.unwrap();
        assert_eq!(cache(&[("HOME", "/h")]), Path::new("/h/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "/hf")]), Path::new("/hf/hub"));
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        let older = ("HUGGINGFACE_HUB_CACHE", "/o");
        assert_eq!(cache(&[("HF_HOME", "/hf"), older]), Path::new("/o"));
        assert_eq!(cache(&[("HF_HUB_CACHE", "/c"), older]), Path::new("/c"));
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", " ")]), Path::new("/h/.cache/huggingface/hub"));
    }

    #[test]
    fn the_token_comes_from_the_environment_or_the_file_and_is_never_shown() {
        let home = tempfile::tempdir().unwrap();
        let home_path = home.path().to_str().unwrap();
        assert_eq!(config(&[("HF_HOME", home_path)]).token, None);
        std::fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let from_file = config(&[("HF_HOME", home_path)]);
        assert_eq!(from_file.token.as_ref().unwrap().expose(), "hf_file");
        let older = config(&[("HF_HOME", home_path), ("HUGGING_FACE_HUB_TOKEN", "hf_old")]);
        assert_eq!(older.token.as_ref().unwrap().expose(), "hf_old");
        let from_env = config(&[("HF_HOME", home_path), ("HF_TOKEN", "hf_env")]);
        assert_eq!(from_env.token.as_ref().unwrap().expose(), "hf_env");
        assert!(!format!("{from_file:?}{from_env:?}").contains("hf_"));
    }

    #[test]
    fn endpoint_and_offline_mode() {
        assert_eq!(config(&[]).endpoint, "https://huggingface.co");
        assert_eq!(config(&[("HF_ENDPOINT", "http://mirror:8080/")]).endpoint, "http://mirror:8080");
        for (value, offline) in [("1", true), ("True", true), ("ON", true), ("0", false), ("", false), ("no", false)] {
            for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
                assert_eq!(config(&[(name, value)]).is_offline, offline, "{name}={value:?}");
            }
        }
    }
}
