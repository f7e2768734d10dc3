//! The classes of transformers that are supported.

use serde_json::Value;

use super::family::Family;

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
static CLASSES: [Class; 6] = [
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
