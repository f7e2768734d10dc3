//! Supported transformers classes.

use serde_json::Value;

use super::family::Family;

/// A transformers class.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelClass {
    /// Class name, such as `BertForMaskedLM`.
    pub name: &'static str,
    /// `model_type` in its `config.json`.
    pub model_type: &'static str,
    pub family: Family,
}

const fn model_class(name: &'static str, model_type: &'static str, family: Family) -> ModelClass {
    ModelClass { name, model_type, family }
}

/// Supported classes.
static CLASSES: [ModelClass; 6] = [
    model_class("BertForMaskedLM", "bert", Family::Bert),
    model_class("DistilBertForMaskedLM", "distilbert", Family::DistilBert),
    model_class("RobertaForMaskedLM", "roberta", Family::Roberta),
    model_class("XLMRobertaForMaskedLM", "xlm-roberta", Family::Roberta),
    model_class("CamembertForMaskedLM", "camembert", Family::Roberta),
    model_class("ModernBertForMaskedLM", "modernbert", Family::ModernBert),
];

/// Returns the class that a `config.json` selects. transformers uses `model_type`; without `modules.json`,
/// sentence-transformers loads a masked language model only if `architectures` names one.
///
/// # Errors
/// Returns a message if the file names no class or an unsupported one.
pub fn resolve_class(config: &Value, has_modules_file: bool) -> Result<&'static ModelClass, String> {
    if config.get("architectures").is_some_and(|value| !value.is_null() && !value.is_array()) {
        return Err("`architectures` must be a list, such as [\"BertForMaskedLM\"]".to_owned());
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
            "`architectures` names {}, but `model_type` is `{}`, the type of {}; correct one of them",
            architectures.join(", "),
            class.model_type,
            class.name
        ));
    }
    if !has_modules_file && !architectures.iter().any(|name| name.ends_with("ForMaskedLM")) {
        return Err(match architectures.is_empty() {
            true => format!(
                "`architectures` is missing, which is required without modules.json; set it to [\"{}\"] if the weights \
                 have a masked-language-model head",
                class.name
            ),
            false => unsupported(),
        });
    }
    Ok(class)
}
