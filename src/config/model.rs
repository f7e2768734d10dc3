//! `--model`: source of each model, and its name in requests.

use std::path::{Path, PathBuf};

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue};
use crate::model::hub::ModelSource;

/// Name of the flag in messages.
const MODEL_FLAG: &str = "model";

#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Model to serve: a directory, or a Hugging Face id such as org/name or org/name@revision. `NAME=` in front sets the name
    /// in requests [default: the last component of the path or id]. Repeat the flag or separate with commas for several
    /// models; the first one is the default.
    #[arg(long, env = "SPLADE_MODEL", value_name = "[NAME=]DIR|ID", value_delimiter = ',')]
    model: Vec<FlagValue<NamedModel>>,
}

/// Model to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelConfig {
    /// Name of the model in requests.
    pub name: String,
    pub source: ModelSource,
}

impl ModelArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> Vec<ModelConfig> {
        if self.model.is_empty() && !errors.has_error_for(MODEL_FLAG) {
            errors.add(MODEL_FLAG, " is missing; pass a model directory, or a Hugging Face id such as org/name");
        }
        let mut models: Vec<ModelConfig> = Vec::new();
        for model in self.model {
            let Some(model) = errors.take_value(model) else { continue };
            if models.iter().any(|other| other.name == model.name) {
                errors.add(MODEL_FLAG, &describe_duplicate_name(&model));
            } else {
                models.push(model);
            }
        }
        models
    }
}

fn describe_duplicate_name(ModelConfig { name, source }: &ModelConfig) -> String {
    format!(": two models are named `{name}`; set another name for one of them, as in NAME={source}")
}

/// Flag type of `[NAME=]DIR|ID`.
#[derive(Debug, Clone)]
struct NamedModel;

impl FlagType for NamedModel {
    /// `None` is the placeholder.
    type Value = Option<ModelConfig>;

    fn parse(text: &str) -> Result<Option<ModelConfig>, FlagError> {
        parse_model(text).map(Some).map_err(FlagError::Reason)
    }

    fn placeholder() -> Option<ModelConfig> {
        None
    }
}

/// Parses `[NAME=]DIR|ID`. Text before the first `=` is the name, unless it contains a `/` and so is part of a path.
fn parse_model(text: &str) -> Result<ModelConfig, String> {
    let (name, location) = match text.split_once('=').filter(|(name, _)| !name.contains('/')) {
        Some((name, location)) => (Some(name.trim()), location.trim()),
        None => (None, text.trim()),
    };
    let source = location.parse::<ModelSource>().map_err(|error| error.to_string())?;
    let name = name.map_or_else(|| derive_model_name(&source), str::to_owned);
    if name.is_empty() {
        return Err(format!("the model name in `{text}` is empty; write NAME={source}, or {source} alone"));
    }
    Ok(ModelConfig { name, source })
}

/// Returns the default name of a model: the last component of its directory or id.
fn derive_model_name(source: &ModelSource) -> String {
    let path = match source {
        ModelSource::Directory(dir) => std::fs::canonicalize(dir).unwrap_or_else(|_| dir.clone()),
        ModelSource::Hub { repo, .. } => PathBuf::from(repo),
    };
    Path::file_name(&path).map_or_else(|| "default".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str, repo: &str, revision: Option<&str>) -> ModelConfig {
        let source = ModelSource::Hub { repo: repo.to_owned(), revision: revision.map(str::to_owned) };
        ModelConfig { name: name.to_owned(), source }
    }

    #[test]
    fn the_name_is_explicit_or_the_last_component() {
        assert_eq!(parse_model("naver/splade-v3@main"), Ok(hub("splade-v3", "naver/splade-v3", Some("main"))));
        assert_eq!(parse_model(" mine = naver/splade-v3"), Ok(hub("mine", "naver/splade-v3", None)));
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a=b");
        std::fs::create_dir(&dir).unwrap();
        // The `=` is part of the path and separates no name.
        assert_eq!(parse_model(dir.to_str().unwrap()).unwrap().name, "a=b");
        let named = parse_model(&format!("x={}", dir.display())).unwrap();
        assert_eq!(named, ModelConfig { name: "x".to_owned(), source: ModelSource::Directory(dir) });
        assert!(parse_model("=naver/splade-v3").unwrap_err().contains("write NAME=naver/splade-v3"));
        assert!(parse_model("x=/no/such/dir").unwrap_err().contains("/no/such/dir"));
    }
}
