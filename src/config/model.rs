//! `--model`: where each model is, and what requests call it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue};
use crate::model::hub::ModelSource;

/// The name of the flag in messages.
const MODEL_FLAG: &str = "model";

#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// A model: a folder, or a Hugging Face id such as org/name or org/name@revision; after `NAME=` for a name other than
    /// its last part. Give it again, or with commas, for more models; the first is the default.
    #[arg(long, env = "SPLADE_MODEL", value_name = "[NAME=]FOLDER|ID", value_delimiter = ',')]
    model: Vec<FlagValue<NamedModel>>,
}

/// A model to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelConfig {
    /// The name that requests use.
    pub name: String,
    pub source: ModelSource,
}

impl ModelArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> Vec<ModelConfig> {
        if self.model.is_empty() && !errors.has_error_for(MODEL_FLAG) {
            errors.add(MODEL_FLAG, " is missing; give a folder, or a Hugging Face id such as org/name");
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
    format!(": two models are named `{name}`; name one otherwise, as NAME={source}")
}

/// `[NAME=]FOLDER|ID`.
#[derive(Debug, Clone)]
struct NamedModel;

impl FlagType for NamedModel {
    /// `None` is the stand-in.
    type Value = Option<ModelConfig>;

    fn parse(text: &str) -> Result<Option<ModelConfig>, FlagError> {
        parse_model(text).map(Some).map_err(FlagError::Reason)
    }

    fn placeholder() -> Option<ModelConfig> {
        None
    }
}

/// What comes before the first `=` is a name, unless it is a part of a path.
fn parse_model(text: &str) -> Result<ModelConfig, String> {
    let (name, location) = match text.split_once('=').filter(|(name, _)| !name.contains('/')) {
        Some((name, location)) => (Some(name.trim()), location.trim()),
        None => (None, text.trim()),
    };
    let source = location.parse::<ModelSource>().map_err(|error| error.to_string())?;
    let name = name.map_or_else(|| derive_model_name(&source), str::to_owned);
    if name.is_empty() {
        return Err(format!("`{text}` gives an empty name; write NAME={source}, or {source} alone"));
    }
    Ok(ModelConfig { name, source })
}

/// The last part of the folder or id, which is the model's name where none is given.
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
    fn a_name_is_given_or_the_last_part() {
        assert_eq!(parse_model("naver/splade-v3@main"), Ok(hub("splade-v3", "naver/splade-v3", Some("main"))));
        assert_eq!(parse_model(" mine = naver/splade-v3"), Ok(hub("mine", "naver/splade-v3", None)));
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a=b");
        std::fs::create_dir(&folder).unwrap();
        // An `=` of a path is no name's.
        assert_eq!(parse_model(folder.to_str().unwrap()).unwrap().name, "a=b");
        let named = parse_model(&format!("x={}", folder.display())).unwrap();
        assert_eq!(named, ModelConfig { name: "x".to_owned(), source: ModelSource::Directory(folder) });
        assert!(parse_model("=naver/splade-v3").unwrap_err().contains("write NAME=naver/splade-v3"));
        assert!(parse_model("x=/no/such/folder").unwrap_err().contains("/no/such/folder"));
    }
}
