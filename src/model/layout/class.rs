//! The classes of transformers that are supported.

use serde_json::Value;

use super::family::Family;

/// A class of transformers.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelClass {
    /// Its name, such as `BertForMaskedLM`.
    pub name: &'static str,
    /// The `model_type` of its `config.json`.
    pub model_type: &'static str,
    pub family: Family,
}

const fn model_class(name: &'static str, model_type: &'static str, family: Family) -> ModelClass {
    ModelClass { name, model_type, family }
}

/// The classes that are supported.
static CLASSES: [ModelClass; 6] = [
    model_class("BertForMaskedLM", "bert", Family::Bert),
    model_class("DistilBertForMaskedLM", "distilbert", Family::DistilBert),
    model_class("RobertaForMaskedLM", "roberta", Family::Roberta),
    model_class("XLMRobertaForMaskedLM", "xlm-roberta", Family::Roberta),
    model_class("CamembertForMaskedLM", "camembert", Family::Roberta),
    model_class("ModernBertForMaskedLM", "modernbert", Family::ModernBert),
];

/// The class that a `config.json` stands for. transformers takes that of `model_type`; without `modules.json`,
/// sentence-transformers takes a masked language model only if `architectures` names one.
///
/// # Errors
/// If it names none, or one that is not supported: a text that says so.
pub fn resolve_class(config: &Value, has_modules_file: bool) -> Result<&'static ModelClass, String> {
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
    let is_named = |class: &&ModelClass| match model_type {
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
    if !has_modules_file && !architectures.iter().any(|name| name.ends_with("ForMaskedLM")) {
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
