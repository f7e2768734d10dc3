//! The class of a tokenizer, as transformers' `AutoTokenizer` chooses it.

/// How a tokenizer is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenizerClass {
    /// As `tokenizer.json` describes it.
    Generic,
    /// WordPiece, between `[CLS]` and `[SEP]`.
    Bert,
    /// Byte-level BPE, between `<s>` and `</s>`.
    Roberta,
    /// Unigram, between `<s>` and `</s>`.
    XlmRoberta,
    Camembert,
}

/// The names of tokenizer.json's own class, without the ending `Fast`.
const GENERIC_CLASSES: [&str; 4] =
    ["PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "PreTrainedTokenizerBase"];

impl TokenizerClass {
    /// The class for a network's `model_type` and the class that a file names, if any.
    ///
    /// # Errors
    /// A class that is not supported: a text that says so.
    pub fn resolve(model_type: Option<&str>, class_name: Option<&str>) -> Result<Self, String> {
        // The classes that ModernBERT's directories name are known to be wrong.
        if model_type == Some("modernbert") {
            return Ok(Self::Generic);
        }
        let Some(class_name) = class_name.filter(|name| !name.is_empty()) else {
            return match model_type {
                Some("bert" | "distilbert") => Ok(Self::Bert),
                Some("roberta") => Ok(Self::Roberta),
                Some("xlm-roberta") => Ok(Self::XlmRoberta),
                Some("camembert") => Ok(Self::Camembert),
                // A directory without a network, such as that of a table of weights.
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
                 holds all of the tokenizer, set it to PreTrainedTokenizerFast"
            )),
        }
    }

    /// Its name in transformers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "TokenizersBackend",
            Self::Bert => "BertTokenizer",
            Self::Roberta => "RobertaTokenizer",
            Self::XlmRoberta => "XLMRobertaTokenizer",
            Self::Camembert => "CamembertTokenizer",
        }
    }

    /// The special tokens that it has where no file names them: key and token.
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

    /// The type of its model in `tokenizer.json`; `None`: any.
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
    fn the_class_is_named_or_that_of_the_network() {
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
