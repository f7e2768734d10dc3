//! `--model`: where each model is, and what requests call it.

use std::path::{Path, PathBuf};

use super::Check;
use crate::model::hub::ModelSource;

/// A model to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelConfig {
    /// The name that requests use.
    pub name: String,
    pub source: ModelSource,
}

impl Check {
    /// `[NAME=]FOLDER|ID` each.
    pub fn models(&mut self, texts: &[String]) -> Vec<ModelConfig> {
        if texts.is_empty() {
            self.mistakes.push("--model is missing; give a folder, or a Hugging Face id such as org/name".to_owned());
        }
        let mut models: Vec<ModelConfig> = Vec::new();
        for text in texts {
            match model(text) {
                Ok(model) if models.iter().any(|other| other.name == model.name) => self.mistakes.push(format!(
                    "--model: two models are named `{name}`; name one otherwise, as NAME={source}",
                    name = model.name,
                    source = model.source
                )),
                Ok(model) => models.push(model),
                Err(mistake) => self.mistakes.push(format!("--model: {mistake}")),
            }
        }
        models
    }
}

/// What comes before the first `=` is a name, unless it is a part of a path.
fn model(text: &str) -> Result<ModelConfig, String> {
    let (name, place) = match text.split_once('=').filter(|(name, _)| !name.contains('/')) {
        Some((name, place)) => (Some(name.trim()), place.trim()),
        None => (None, text.trim()),
    };
    let source = place.parse::<ModelSource>().map_err(|error| error.to_string())?;
    let name = name.map_or_else(|| last_part(&source), str::to_owned);
    if name.is_empty() {
        return Err(format!("`{text}` gives an empty name; write NAME={source}, or {source} alone"));
    }
    Ok(ModelConfig { name, source })
}

/// The last part of the folder or id, which is the model's name where none is given.
fn last_part(source: &ModelSource) -> String {
    let path = match source {
        ModelSource::Folder(folder) => std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone()),
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
        assert_eq!(model("naver/splade-v3@main"), Ok(hub("splade-v3", "naver/splade-v3", Some("main"))));
        assert_eq!(model(" mine = naver/splade-v3"), Ok(hub("mine", "naver/splade-v3", None)));
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a=b");
        std::fs::create_dir(&folder).unwrap();
        // An `=` of a path is no name's.
        assert_eq!(model(folder.to_str().unwrap()).unwrap().name, "a=b");
        let named = model(&format!("x={}", folder.display())).unwrap();
        assert_eq!(named, ModelConfig { name: "x".to_owned(), source: ModelSource::Folder(folder) });
        assert!(model("=naver/splade-v3").unwrap_err().contains("write NAME=naver/splade-v3"));
        assert!(model("x=/no/such/folder").unwrap_err().contains("/no/such/folder"));
    }
}
