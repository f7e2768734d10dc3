//! The files of a tokenizer.

use super::table::{Key, KeyTable, honoured, irrelevant, only};

const PADDING: &str = "texts are not padded";
const DECODING: &str = "only used to turn tokens into text";
const CHAT: &str = "only used in chats";
const CODE: &str = "custom code is never executed; save the tokenizer with a class of transformers as tokenizer.json";

/// What both tokenizer_config.json and the tokenizer arguments of a Transformer module may have.
pub const INIT_KEYS: &[Key] = &[
    honoured("model_max_length", "maximum number of tokens, special tokens included"),
    honoured("max_len", "another name of `model_max_length`, which replaces it"),
    honoured("do_lower_case", "BERT classes: whether text is lower-cased (default true)"),
    honoured("strip_accents", "BERT classes: whether accents are removed (default: as `do_lower_case`)"),
    honoured("tokenize_chinese_chars", "BERT classes: whether each CJK character is a word (default true)"),
    honoured("add_prefix_space", "RoBERTa, XLM-R and CamemBERT classes: whether a space is put before a text"),
    honoured("truncation_side", "which end of a long text is cut"),
    honoured("split_special_tokens", "whether special tokens that are written in a text are split into pieces"),
    honoured("bos_token", "special token"),
    honoured("eos_token", "special token"),
    honoured("unk_token", "special token; for unknown words"),
    honoured("sep_token", "special token; after a text of BERT and RoBERTa classes"),
    honoured("pad_token", "special token"),
    honoured("cls_token", "special token; before a text of BERT and RoBERTa classes"),
    honoured("mask_token", "special token"),
    honoured("additional_special_tokens", "further special tokens"),
    honoured("extra_special_tokens", "further special tokens"),
    only("model_specific_special_tokens", &["{}"], "list them in `extra_special_tokens`"),
    honoured("*_token", "further special tokens"),
    honoured("added_tokens_decoder", "added tokens; then added tokens of other files are not read"),
    only("processor_class", &[], "only tokenizers are supported; remove it where the model is one for texts"),
    only("gguf_file", &[], "GGUF is not read; save the tokenizer as tokenizer.json"),
    only("fast_tokenizer_files", &["[]", "[\"tokenizer.json\"]"], "name the tokenizer's file tokenizer.json"),
    only("fix_mistral_regex", &["false"], "it is for tokenizers of Mistral"),
    irrelevant("add_bos_token", "the class or tokenizer.json decides which special tokens a text gets"),
    irrelevant("add_eos_token", "the class or tokenizer.json decides which special tokens a text gets"),
    irrelevant("tokenizer_file", "the file is that of the directory"),
    irrelevant("vocab_file", "the file is that of the directory"),
    irrelevant("merges_file", "the file is that of the directory"),
    irrelevant("special_tokens_map_file", "the file is that of the directory"),
    irrelevant("do_basic_tokenize", "not used by these classes"),
    irrelevant("never_split", "not used by these classes"),
    irrelevant("sp_model_kwargs", "not used by these classes"),
    irrelevant("errors", DECODING),
    irrelevant("trim_offsets", "only moves the reported positions of tokens"),
    irrelevant("clean_up_tokenization_spaces", DECODING),
    irrelevant("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", DECODING),
    irrelevant("model_input_names", "token types are those of the tokenizer, and must be 0"),
    irrelevant("padding_side", PADDING),
    irrelevant("pad_token_type_id", PADDING),
    irrelevant("pad_to_multiple_of", PADDING),
    irrelevant("max_length", "the tokenizer is called with a length of its own"),
    irrelevant("stride", "the tokenizer is called with a stride of its own"),
    irrelevant("truncation_strategy", "the tokenizer is called with a strategy of its own"),
    irrelevant("truncation", "the tokenizer is called with a strategy of its own"),
    irrelevant("padding", PADDING),
    irrelevant(
        "chat_template",
        "only used in chats; refused without modules.json, where texts would be written into it",
    ),
    irrelevant("response_template", CHAT),
    irrelevant("response_schema", CHAT),
    irrelevant("chat_control_tokens", CHAT),
    irrelevant("name_or_path", "where the tokenizer came from"),
    irrelevant("use_fast", "all tokenizers are fast ones"),
    irrelevant("from_slow", "all tokenizers are fast ones"),
    irrelevant("legacy", "not used by these classes"),
    irrelevant("is_local", "where the tokenizer came from"),
    irrelevant("local_files_only", "where the tokenizer came from"),
    irrelevant("files_loaded", "where the tokenizer came from"),
    irrelevant("backend", "all tokenizers are fast ones"),
    irrelevant("verbose", "only changes what is logged"),
    irrelevant("device_map", "not used by tokenizers"),
    irrelevant("special", "not used by these classes"),
];

pub const TOKENIZER_CONFIG: KeyTable = KeyTable {
    file: "tokenizer_config.json",
    scope: "all",
    keys: &[
        INIT_KEYS,
        &[
            honoured("tokenizer_class", "decides how the tokenizer is built; unsupported classes are refused"),
            only("auto_map.AutoTokenizer", &[], CODE),
            only("auto_map.AutoProcessor", &[], CODE),
            irrelevant("auto_map.*", "belongs to something that is not used"),
            only("init_inputs", &["[]"], "remove it, and name its values by their keys"),
            irrelevant("slow_tokenizer_class", "all tokenizers are fast ones"),
            irrelevant("transformers_version", "which version wrote the file"),
            irrelevant("_commit_hash", "where the tokenizer came from"),
            irrelevant("tokenizer_type", "not read from this file"),
        ],
    ],
};

pub const SPECIAL_TOKENS_MAP: KeyTable = KeyTable {
    file: "special_tokens_map.json",
    scope: "all; each key replaces that of tokenizer_config.json. Not read where that has `added_tokens_decoder`",
    keys: &[INIT_KEYS, &[irrelevant("tokenizer_class", "only read from tokenizer_config.json")]],
};

pub const TOKENIZER: KeyTable = KeyTable {
    file: "tokenizer.json",
    scope: "all; classes with a tokenizer of their own (BERT, RoBERTa, XLM-R, CamemBERT) take only what is marked",
    keys: &[&[
        honoured(
            "model",
            "vocabulary and, for classes without an own tokenizer, everything else; own: vocabulary, merges",
        ),
        honoured("added_tokens", "added tokens; own: only without `added_tokens_decoder` in tokenizer_config.json"),
        honoured(
            "normalizer",
            "own classes build it from tokenizer_config.json; own: only the sentencepiece character map",
        ),
        honoured("pre_tokenizer", "own classes build it from tokenizer_config.json"),
        honoured("post_processor", "own classes build it from their special tokens"),
        honoured("truncation", "only its `direction`, where tokenizer_config.json has no `truncation_side`"),
        irrelevant("padding", PADDING),
        irrelevant("decoder", DECODING),
        only("version", &["\"1.0\""], "save the tokenizer with a current version of the tokenizers library"),
    ]],
};
