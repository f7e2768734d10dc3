//! Added tokens and named special tokens, collected from five places like transformers does.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use super::TokenizerClass;

/// Names of the special tokens of every class, in the order in which they are added.
const SPECIAL_TOKEN_NAMES: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// Tokens that a CamemBERT tokenizer adds if no file lists extra special tokens.
const CAMEMBERT_TOKENS: [&str; 3] = ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"];

/// Tokens to add to a tokenizer.
#[derive(Debug, Default)]
pub struct AddedTokens {
    /// Tokens by id: from `added_tokens_decoder`, otherwise from `added_tokens.json` and `tokenizer.json`.
    decoder: BTreeMap<u64, TokenSpec>,
    /// Named special tokens, in order.
    named: Vec<(String, SpecialToken)>,
    /// Special tokens without a name.
    extra: Vec<SpecialToken>,
}

/// Special token: its text, or a description of how it matches.
#[derive(Debug, Clone)]
enum SpecialToken {
    Text(String),
    Token(TokenSpec),
}

/// Token as described by a file.
#[derive(Debug, Clone)]
pub struct TokenSpec {
    token: AddedToken,
    /// True if the file sets `normalized`. Otherwise special tokens match in the original text and other tokens in
    /// normalized text.
    has_normalized: bool,
}

impl TokenSpec {
    /// Converts the description; `is_special` overrides `special: false`.
    pub fn into_token(self, is_special: bool) -> AddedToken {
        let special = self.token.special || is_special;
        let normalized = if self.has_normalized { self.token.normalized } else { !special };
        AddedToken { special, normalized, ..self.token }
    }

    fn content(&self) -> &str {
        &self.token.content
    }
}

impl From<AddedToken> for TokenSpec {
    fn from(token: AddedToken) -> Self {
        Self { token, has_normalized: true }
    }
}

impl SpecialToken {
    fn content(&self) -> &str {
        match self {
            Self::Text(content) => content,
            Self::Token(token) => token.content(),
        }
    }

    /// Converts to the token that is added if none with this text exists.
    fn into_token_spec(self) -> TokenSpec {
        match self {
            Self::Text(content) => AddedToken::from(content, true).into(),
            Self::Token(token) => token,
        }
    }
}

impl AddedTokens {
    /// Collects the tokens of a tokenizer of `class`.
    ///
    /// # Errors
    /// Returns a message that names a token which is neither a string nor a token object.
    pub fn new(
        class: TokenizerClass,
        config: &Map<String, Value>,
        added_tokens: &Map<String, Value>,
        source: &Value,
    ) -> Result<Self, String> {
        let mut settings = config.clone();
        rename_additional_special_tokens(&mut settings);
        let mut decoder = BTreeMap::new();
        let mut by_content = BTreeMap::new();
        let mut insert = |id: u64, token: TokenSpec, decoder: &mut BTreeMap<u64, TokenSpec>| {
            by_content.insert(token.content().to_owned(), token.clone());
            decoder.insert(id, token);
        };
        match settings.get("added_tokens_decoder") {
            Some(listed) => {
                for (id, token) in listed.as_object().ok_or("`added_tokens_decoder` is invalid; expected an object")? {
                    let number = id
                        .parse()
                        .map_err(|_| format!("`added_tokens_decoder.{id}` is invalid; expected token ids as keys"))?;
                    insert(
                        number,
                        parse_token(token, None).ok_or_else(|| format_invalid_token("added_tokens_decoder", token))?,
                        &mut decoder,
                    );
                }
            }
            None => {
                let specials: Vec<String> = collect_named_tokens(&settings, class)?
                    .iter()
                    .map(|(_, token)| token.content().to_owned())
                    .chain(collect_extra_tokens(&settings)?.iter().map(|token| token.content().to_owned()))
                    .collect();
                for (content, id) in added_tokens {
                    let problem =
                        || format!("added_tokens.json: the id of `{content}` is {id}; expected a non-negative integer");
                    let id = id.as_u64().ok_or_else(problem)?;
                    insert(id, AddedToken::from(content.clone(), specials.contains(content)).into(), &mut decoder);
                }
                for token in source.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
                    let id = token.get("id").and_then(Value::as_u64);
                    match (id, parse_token(token, None)) {
                        (Some(id), Some(token)) => insert(id, token, &mut decoder),
                        _ => return Err(format_invalid_token("tokenizer.json: added_tokens", token)),
                    }
                }
            }
        }
        let mut named = collect_named_tokens(&settings, class)?;
        for (name, token) in &mut named {
            if let (true, Some(described)) =
                (SPECIAL_TOKEN_NAMES.contains(&name.as_str()), by_content.get(token.content()))
            {
                *token = SpecialToken::Token(described.clone());
            }
        }
        let has_extra = settings.get("extra_special_tokens").is_some_and(|value| !value.is_null());
        let extra = match class {
            TokenizerClass::Camembert if !has_extra => {
                CAMEMBERT_TOKENS.iter().map(|token| SpecialToken::Text((*token).to_owned())).collect()
            }
            _ => collect_extra_tokens(&settings)?,
        };
        Ok(Self { decoder, named, extra })
    }

    /// Returns the text of a named special token.
    pub fn token_content(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(own, _)| own == name).map(|(_, token)| token.content())
    }

    /// Adds the tokens that a tokenizer lacks.
    ///
    /// # Errors
    /// If the tokenizer's normalizer fails on a token.
    pub fn add_to(&self, tokenizer: &mut Tokenizer) -> tokenizers::Result<()> {
        let present = tokenizer.get_added_tokens_decoder();
        let is_present = |token: &TokenSpec| {
            let token = token.clone().into_token(false);
            present.values().any(|own| is_same_token(own, &token))
        };
        let mut tokens: Vec<TokenSpec> = self.decoder.values().filter(|token| !is_present(token)).cloned().collect();
        let known: Vec<String> = present
            .values()
            .map(|token| token.content.clone())
            .chain(tokens.iter().map(|token| token.content().to_owned()))
            .collect();
        let specials = self.named.iter().map(|(_, token)| token).chain(&self.extra);
        for token in specials.filter(|token| !known.iter().any(|own| own == token.content())) {
            tokens.push(token.clone().into_token_spec());
        }
        let names: Vec<&str> = self.named.iter().map(|(_, token)| token.content()).collect();
        let tokens = tokens.into_iter().map(|token| {
            let is_named = names.contains(&token.content());
            token.into_token(is_named)
        });
        tokenizer.add_tokens(tokens)?;
        Ok(())
    }

    /// Finds a token that a key names as special but that is not special in the tokenizer.
    pub fn find_named_non_special(&self, tokenizer: &Tokenizer) -> Option<&str> {
        let present = tokenizer.get_added_tokens_decoder();
        let is_special = |content: &str| !present.values().any(|token| token.content == content && !token.special);
        let specials = self.named.iter().map(|(_, token)| token).chain(&self.extra);
        specials.map(SpecialToken::content).find(|content| !is_special(content))
    }
}

/// Compares tokens by content and matching flags; the library's `==` compares contents only.
pub fn is_same_token(a: &AddedToken, b: &AddedToken) -> bool {
    let flags = |token: &AddedToken| (token.single_word, token.lstrip, token.rstrip, token.normalized, token.special);
    a.content == b.content && flags(a) == flags(b)
}

/// Renames `additional_special_tokens`, the old name of `extra_special_tokens`.
fn rename_additional_special_tokens(settings: &mut Map<String, Value>) {
    let is_missing = match settings.get("extra_special_tokens") {
        None | Some(Value::Null) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(object)) => object.is_empty(),
        Some(_) => false,
    };
    if is_missing && let Some(value) = settings.remove("additional_special_tokens") {
        settings.insert("extra_special_tokens".to_owned(), value);
    }
}

/// Merges `special_tokens_map.json`, whose keys take precedence over `tokenizer_config.json`, whether they are tokens
/// or not, except keys that the module's arguments set.
///
/// # Errors
/// Returns a message if an object is not a token.
pub fn merge_special_tokens_map(
    settings: &mut Map<String, Value>,
    map: Map<String, Value>,
    arguments: &Map<String, Value>,
) -> Result<(), String> {
    rename_additional_special_tokens(settings);
    for (name, value) in map {
        if arguments.get(&name).is_some_and(is_truthy) {
            continue;
        }
        let value = match value {
            Value::Object(_) if name != "extra_special_tokens" => {
                let token = parse_token(&value, Some(true)).ok_or_else(|| format_invalid_token(&name, &value))?;
                token_to_json(&token)
            }
            Value::Array(list) if name == "extra_special_tokens" => {
                let mut merged = settings.get(&name).and_then(Value::as_array).cloned().unwrap_or_default();
                for value in list {
                    let token = parse_token(&value, Some(true)).map_or(value, |token| token_to_json(&token));
                    if !merged.contains(&token) {
                        merged.push(token);
                    }
                }
                Value::Array(merged)
            }
            value => value,
        };
        settings.insert(name, value);
    }
    rename_additional_special_tokens(settings);
    Ok(())
}

/// Implements the truth value of Python.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

/// Collects the named special tokens: those of the settings, otherwise those of the class.
fn collect_named_tokens(
    settings: &Map<String, Value>,
    class: TokenizerClass,
) -> Result<Vec<(String, SpecialToken)>, String> {
    let default = |name: &str| {
        let token =
            class.special_tokens().iter().find(|(own, _)| *own == name).map(|(_, token)| (*token).to_owned())?;
        Some(match (class, name) {
            (TokenizerClass::Camembert, "mask_token") => {
                SpecialToken::Token(AddedToken::from(token, true).lstrip(true).into())
            }
            _ => SpecialToken::Text(token),
        })
    };
    let mut named = Vec::new();
    for name in SPECIAL_TOKEN_NAMES {
        let token = match settings.get(name) {
            None => default(name),
            Some(Value::Null) => None,
            Some(value) => Some(parse_special_token(value).ok_or_else(|| format_invalid_token(name, value))?),
        };
        // Like the default, a CamemBERT mask given as a string also matches the space before it.
        let token = match (class, name, token) {
            (TokenizerClass::Camembert, "mask_token", Some(SpecialToken::Text(text))) => {
                Some(SpecialToken::Token(AddedToken::from(text, true).lstrip(true).into()))
            }
            (_, _, token) => token,
        };
        named.extend(token.map(|token| (name.to_owned(), token)));
    }
    let others =
        settings.iter().filter(|(name, _)| name.ends_with("_token") && !SPECIAL_TOKEN_NAMES.contains(&name.as_str()));
    let explicit = ["extra_special_tokens", "model_specific_special_tokens"].into_iter();
    let explicit = explicit.filter_map(|key| settings.get(key).and_then(Value::as_object)).flatten();
    for (name, value) in others.chain(explicit) {
        if let Some(token) = parse_special_token(value) {
            named.push((name.clone(), token));
        }
    }
    Ok(named)
}

/// Collects the special tokens without a name.
fn collect_extra_tokens(settings: &Map<String, Value>) -> Result<Vec<SpecialToken>, String> {
    let listed = settings.get("extra_special_tokens").and_then(Value::as_array).into_iter().flatten();
    listed
        .map(|value| parse_special_token(value).ok_or_else(|| format_invalid_token("extra_special_tokens", value)))
        .collect()
}

fn parse_special_token(value: &Value) -> Option<SpecialToken> {
    match value {
        Value::String(text) => Some(SpecialToken::Text(text.clone())),
        value => parse_token(value, None).map(SpecialToken::Token),
    }
}

/// Parses a token object. `special` overrides its own value.
pub fn parse_token(value: &Value, special: Option<bool>) -> Option<TokenSpec> {
    let flag = |name: &str| value.get(name).and_then(Value::as_bool);
    let content = value.get("content")?.as_str()?.to_owned();
    let token = AddedToken::from(content, special.or(flag("special")).unwrap_or_default());
    let token = token.single_word(flag("single_word").unwrap_or_default());
    let token = token.lstrip(flag("lstrip").unwrap_or_default()).rstrip(flag("rstrip").unwrap_or_default());
    Some(match flag("normalized") {
        Some(normalized) => TokenSpec { token: token.normalized(normalized), has_normalized: true },
        None => TokenSpec { token, has_normalized: false },
    })
}

fn token_to_json(TokenSpec { token, has_normalized }: &TokenSpec) -> Value {
    let mut value = serde_json::json!({
        "content": token.content, "single_word": token.single_word, "lstrip": token.lstrip, "rstrip": token.rstrip,
        "special": token.special,
    });
    if let (true, Some(object)) = (*has_normalized, value.as_object_mut()) {
        object.insert("normalized".to_owned(), token.normalized.into());
    }
    value
}

fn format_invalid_token(name: &str, value: &Value) -> String {
    format!("`{name}` is {value}; expected a token: a string, or an object with `content`")
}
