//! The files of a tokenizer.

use super::table::{KeySpec, KeyTable, honour, ignore, restrict};

const PADDING: &str = "texts are not padded";
const DECODING: &str = "only used to turn tokens into text";
const CHAT: &str = "only used in chats";
const CODE: &str = "custom code is never executed; save the tokenizer with a class of transformers as tokenizer.json";

/// What both tokenizer_config.json and the tokenizer arguments of a Transformer module may have.
pub const INIT_KEYS: &[KeySpec] = &[
    honour("model_max_length", "maximum number of tokens, special tokens included"),
    honour("max_len", "another name of `model_max_length`, which replaces it"),
    honour("do_lower_case", "BERT classes: whether text is lower-cased (default true)"),
    honour("strip_accents", "BERT classes: whether accents are removed (default: as `do_lower_case`)"),
    honour("tokenize_chinese_chars", "BERT classes: whether each CJK character is a word (default true)"),
    honour("add_prefix_space", "RoBERTa, XLM-R and CamemBERT classes: whether a space is put before a text"),
    honour("truncation_side", "which end of a long text is cut"),
    honour("split_special_tokens", "whether special tokens that are written in a text are split into pieces"),
    honour("bos_token", "special token"),
    honour("eos_token", "special token"),
    honour("unk_token", "special token; for unknown words"),
    honour("sep_token", "special token; after a text of BERT and RoBERTa classes"),
    honour("pad_token", "special token"),
    honour("cls_token", "special token; before a text of BERT and RoBERTa classes"),
    honour("mask_token", "special token"),
    honour("additional_special_tokens", "further special tokens"),
    honour("extra_special_tokens", "further special tokens"),
    restrict("model_specific_special_tokens", &["{}"], "list them in `extra_special_tokens`"),
    honour("*_token", "further special tokens"),
    honour("added_tokens_decoder", "added tokens; then added tokens of other files are not read"),
    restrict("processor_class", &[], "only tokenizers are supported; remove it where the model is one for texts"),
    restrict("gguf_file", &[], "GGUF is not read; save the tokenizer as tokenizer.json"),
    restrict("fast_tokenizer_files", &["[]", "[\"tokenizer.json\"]"], "name the tokenizer's file tokenizer.json"),
    restrict("fix_mistral_regex", &["false"], "it is for tokenizers of Mistral"),
    ignore("add_bos_token", "the class or tokenizer.json decides which special tokens a text gets"),
    ignore("add_eos_token", "the class or tokenizer.json decides which special tokens a text gets"),
    ignore("tokenizer_file", "the file is that of the directory"),
    ignore("vocab_file", "the file is that of the directory"),
    ignore("merges_file", "the file is that of the directory"),
    ignore("special_tokens_map_file", "the file is that of the directory"),
    ignore("do_basic_tokenize", "not used by these classes"),
    ignore("never_split", "not used by these classes"),
    ignore("sp_model_kwargs", "not used by these classes"),
    ignore("errors", DECODING),
    ignore("trim_offsets", "only moves the reported positions of tokens"),
    ignore("clean_up_tokenization_spaces", DECODING),
    ignore("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", DECODING),
    ignore("model_input_names", "token types are those of the tokenizer, and must be 0"),
    ignore("padding_side", PADDING),
    ignore("pad_token_type_id", PADDING),
    ignore("pad_to_multiple_of", PADDING),
    ignore("max_length", "the tokenizer is called with a length of its own"),
    ignore("stride", "the tokenizer is called with a stride of its own"),
    ignore("truncation_strategy", "the tokenizer is called with a strategy of its own"),
    ignore("truncation", "the tokenizer is called with a strategy of its own"),
    ignore("padding", PADDING),
    ignore("chat_template", "only used in chats; refused without modules.json, where texts would be written into it"),
    ignore("response_template", CHAT),
    ignore("response_schema", CHAT),
    ignore("chat_control_tokens", CHAT),
    ignore("name_or_path", "where the tokenizer came from"),
    ignore("use_fast", "all tokenizers are fast ones"),
    ignore("from_slow", "all tokenizers are fast ones"),
    ignore("legacy", "not used by these classes"),
    ignore("is_local", "where the tokenizer came from"),
    ignore("local_files_only", "where the tokenizer came from"),
    ignore("files_loaded", "where the tokenizer came from"),
    ignore("backend", "all tokenizers are fast ones"),
    ignore("verbose", "only changes what is logged"),
    ignore("device_map", "not used by tokenizers"),
    ignore("special", "not used by these classes"),
];

pub const TOKENIZER_CONFIG: KeyTable = KeyTable {
    file: "tokenizer_config.json",
    scope: "all",
    keys: &[
        INIT_KEYS,
        &[
            honour("tokenizer_class", "decides how the tokenizer is built; unsupported classes are refused"),
            restrict("auto_map.AutoTokenizer", &[], CODE),
            restrict("auto_map.AutoProcessor", &[], CODE),
            ignore("auto_map.*", "belongs to something that is not used"),
            restrict("init_inputs", &["[]"], "remove it, and name its values by their keys"),
            ignore("slow_tokenizer_class", "all tokenizers are fast ones"),
            ignore("transformers_version", "which version wrote the file"),
            ignore("_commit_hash", "where the tokenizer came from"),
            ignore("tokenizer_type", "not read from this file"),
        ],
    ],
};

pub const SPECIAL_TOKENS_MAP: KeyTable = KeyTable {
    file: "special_tokens_map.json",
    scope: "all; each key replaces that of tokenizer_config.json. Not read where that has `added_tokens_decoder`",
    keys: &[INIT_KEYS, &[ignore("tokenizer_class", "only read from tokenizer_config.json")]],
};

pub const TOKENIZER: KeyTable = KeyTable {
    file: "tokenizer.json",
    scope: "all; classes with a tokenizer of their own (BERT, RoBERTa, XLM-R, CamemBERT) take only what is marked",
    keys: &[&[
        honour(
            "model",
            "vocabulary and, for classes without an own tokenizer, everything else; own: vocabulary, merges",
        ),
        honour("added_tokens", "added tokens; own: only without `added_tokens_decoder` in tokenizer_config.json"),
        honour(
            "normalizer",
            "own classes build it from tokenizer_config.json; own: only the sentencepiece character map",
        ),
        honour("pre_tokenizer", "own classes build it from tokenizer_config.json"),
        honour("post_processor", "own classes build it from their special tokens"),
        honour("truncation", "only its `direction`, where tokenizer_config.json has no `truncation_side`"),
        ignore("padding", PADDING),
        ignore("decoder", DECODING),
        restrict("version", &["\"1.0\""], "save the tokenizer with a current version of the tokenizers library"),
    ]],
};
