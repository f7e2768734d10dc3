//! The families of models: each knows its tensors' names, and builds the shared parts from them.

mod bert;
mod builder;
mod distilbert;
mod modernbert;
mod roberta;

use serde_json::Value;

use super::backend::Backend;
use super::head::Head;
use super::keys::{self, KeyTable};
use super::transformer::Transformer;
use super::weights::Weights;
use super::{ModelError, Settings};
use builder::Builder;

/// A family of models that share their tensors' names and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Bert,
    DistilBert,
    /// RoBERTa, XLM-R and CamemBERT.
    Roberta,
    ModernBert,
}

/// A class of transformers.
#[derive(Debug, PartialEq, Eq)]
pub struct Class {
    /// Its name, such as `BertForMaskedLM`.
    pub name: &'static str,
    /// The `model_type` of its `config.json`.
    pub model_type: &'static str,
    pub family: Family,
}

const fn class(name: &'static str, model_type: &'static str, family: Family) -> Class {
    Class { name, model_type, family }
}

/// The classes that are supported.
pub static CLASSES: [Class; 6] = [
    class("BertForMaskedLM", "bert", Family::Bert),
    class("DistilBertForMaskedLM", "distilbert", Family::DistilBert),
    class("RobertaForMaskedLM", "roberta", Family::Roberta),
    class("XLMRobertaForMaskedLM", "xlm-roberta", Family::Roberta),
    class("CamembertForMaskedLM", "camembert", Family::Roberta),
    class("ModernBertForMaskedLM", "modernbert", Family::ModernBert),
];

/// The class that a `config.json` stands for. transformers takes that of `model_type`; without `modules.json`,
/// sentence-transformers takes a masked language model only if `architectures` names one.
///
/// # Errors
/// If it names none, or one that is not supported: a text that says so.
pub fn class_of(config: &Value, is_saved_module: bool) -> Result<&'static Class, String> {
    if config.get("architectures").is_some_and(|value| !value.is_null() && !value.is_array()) {
        return Err("`architectures` is not a list; write the class in brackets".to_owned());
    }
    let architectures = config.get("architectures").and_then(Value::as_array).into_iter().flatten();
    let architectures: Vec<&str> = architectures.filter_map(Value::as_str).collect();
    let model_type = config.get("model_type").and_then(Value::as_str);
    let unsupported = || {
        format!(
            "architecture `{}` (model type `{}`) is not supported; expected one of {}",
            architectures.join("`, `"),
            model_type.unwrap_or_default(),
            CLASSES.iter().map(|class| class.name).collect::<Vec<_>>().join(", ")
        )
    };
    let is_named = |class: &&Class| match model_type {
        Some(model_type) => class.model_type == model_type,
        None => architectures.contains(&class.name),
    };
    let class = CLASSES.iter().find(is_named).ok_or_else(unsupported)?;
    if architectures.iter().any(|name| *name != class.name && CLASSES.iter().any(|other| other.name == *name)) {
        return Err(format!(
            "`architectures` names {}, but `model_type` is `{}`, which stands for {}; correct the one that is wrong",
            architectures.join(", "),
            class.model_type,
            class.name
        ));
    }
    if !is_saved_module && !architectures.iter().any(|name| name.ends_with("ForMaskedLM")) {
        return Err(match architectures.is_empty() {
            true => format!(
                "`architectures` is missing, and without modules.json it decides what the model is; set it to \
                 [\"{}\"] if the weights have a head for masked words",
                class.name
            ),
            false => unsupported(),
        });
    }
    Ok(class)
}

impl Family {
    /// The keys of its `config.json`.
    pub fn keys(self) -> &'static KeyTable {
        match self {
            Self::Bert => &keys::BERT,
            Self::Roberta => &keys::ROBERTA,
            Self::DistilBert => &keys::DISTILBERT,
            Self::ModernBert => &keys::MODERNBERT,
        }
    }

    /// Number of tokens that there are positions for.
    ///
    /// # Errors
    /// If `config.json` has no valid number of positions.
    pub fn positions(self, config: &super::Config) -> Result<usize, ModelError> {
        let positions = config.size("max_position_embeddings")?;
        match self {
            Self::Roberta => Ok(positions.saturating_sub(roberta::padding(config)? as usize + 1)),
            Self::Bert | Self::DistilBert | Self::ModernBert => Ok(positions),
        }
    }

    /// The token whose position comes before those of texts, where a family has one.
    ///
    /// # Errors
    /// If `config.json` has no valid one.
    pub fn padding(self, config: &super::Config) -> Result<Option<u32>, ModelError> {
        match self {
            Self::Roberta => roberta::padding(config).map(Some),
            Self::Bert | Self::DistilBert | Self::ModernBert => Ok(None),
        }
    }

    /// Builds the forward pass and the head from the weights.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape than `config.json` says.
    pub fn build(
        self,
        settings: &Settings,
        weights: &Weights,
        backend: &Backend,
    ) -> Result<(Box<dyn Transformer>, Head), ModelError> {
        let builder = |prefix| Builder::new(settings, weights, backend, prefix);
        match self {
            Self::Bert => bert::build(&builder("bert.")?),
            Self::DistilBert => distilbert::build(&builder("distilbert.")?),
            Self::Roberta => roberta::build(&builder("roberta.")?),
            Self::ModernBert => modernbert::build(&builder("model.")?),
        }
    }
}
