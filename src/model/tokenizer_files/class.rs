//! Selection of the tokenizer class, equivalent to transformers' `AutoTokenizer`.

/// Tokenizer class, which determines how the tokenizer is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenizerClass {
    /// Built from `tokenizer.json` unchanged.
    Generic,
    /// WordPiece, between `[CLS]` and `[SEP]`.
    Bert,
    /// Byte-level BPE, between `<s>` and `</s>`.
    Roberta,
    /// Unigram, between `<s>` and `</s>`.
    XlmRoberta,
    /// Unigram, between `<s>` and `</s>`, with other unknown and mask tokens than XLM-R.
    Camembert,
}

/// Names of the generic class, without the suffix `Fast`.
const GENERIC_CLASSES: [&str; 4] =
    ["PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "PreTrainedTokenizerBase"];

impl TokenizerClass {
    /// Resolves the class from the `model_type` of the network and the class name in a file, if any.
    ///
    /// # Errors
    /// Returns a message with the supported classes if the class is not supported.
    pub fn resolve(model_type: Option<&str>, class_name: Option<&str>) -> Result<Self, String> {
        // transformers ignores the tokenizer class of ModernBERT models, which is often wrong.
        if model_type == Some("modernbert") {
            return Ok(Self::Generic);
        }
        let Some(class_name) = class_name.filter(|name| !name.is_empty()) else {
            return match model_type {
                Some("bert" | "distilbert") => Ok(Self::Bert),
                Some("roberta") => Ok(Self::Roberta),
                Some("xlm-roberta") => Ok(Self::XlmRoberta),
                Some("camembert") => Ok(Self::Camembert),
                // No network, for example a table of token weights.
                _ => Ok(Self::Generic),
            };
        };
        match class_name.strip_suffix("Fast").unwrap_or(class_name) {
            "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => Ok(Self::Bert),
            "RobertaTokenizer" => Ok(Self::Roberta),
            "XLMRobertaTokenizer" => Ok(Self::XlmRoberta),
            "CamembertTokenizer" => Ok(Self::Camembert),
            generic if GENERIC_CLASSES.contains(&generic) => Ok(Self::Generic),
            _ => Err(format!(
                "`tokenizer_class` is `{class_name}`; supported: BertTokenizer, DistilBertTokenizer, RobertaTokenizer, \
                 XLMRobertaTokenizer, CamembertTokenizer, PreTrainedTokenizerFast, TokenizersBackend. If tokenizer.json \
                 describes the whole tokenizer, set it to PreTrainedTokenizerFast"
            )),
        }
    }

    /// Name of the class in transformers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "TokenizersBackend",
            Self::Bert => "BertTokenizer",
            Self::Roberta => "RobertaTokenizer",
            Self::XlmRoberta => "XLMRobertaTokenizer",
            Self::Camembert => "CamembertTokenizer",
        }
    }

    /// Default special tokens, used if no file names them: key and token.
    pub const fn special_tokens(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Generic => &[],
            Self::Bert => &[
                ("unk_token", "[UNK]"),
                ("sep_token", "[SEP]"),
                ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Self::Roberta | Self::XlmRoberta | Self::Camembert => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
        }
    }

    /// Expected model type in `tokenizer.json`; `None` for any.
    pub const fn expected_model_type(self) -> Option<&'static str> {
        match self {
            Self::Generic => None,
            Self::Bert => Some("WordPiece"),
            Self::Roberta => Some("BPE"),
            Self::XlmRoberta | Self::Camembert => Some("Unigram"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_name_takes_precedence_over_the_model_type() {
        let of = TokenizerClass::resolve;
        assert_eq!(of(Some("bert"), None), Ok(TokenizerClass::Bert));
        assert_eq!(of(Some("distilbert"), Some("BertTokenizerFast")), Ok(TokenizerClass::Bert));
        assert_eq!(of(Some("bert"), Some("PreTrainedTokenizerFast")), Ok(TokenizerClass::Generic));
        assert_eq!(of(Some("bert"), Some("XLMRobertaTokenizerFast")), Ok(TokenizerClass::XlmRoberta));
        assert_eq!(of(Some("modernbert"), Some("BertTokenizer")), Ok(TokenizerClass::Generic));
        assert_eq!(of(None, Some("TokenizersBackend")), Ok(TokenizerClass::Generic));
        assert!(of(Some("bert"), Some("BertJapaneseTokenizer")).unwrap_err().contains("BertJapaneseTokenizer"));
        assert_eq!(of(None, None), Ok(TokenizerClass::Generic));
    }
}
