//! Keys of the tokenizer files.

use super::table::{KeySpec, KeyTable, honour, ignore, restrict};

const PADDING: &str = "texts are not padded";
const DECODING: &str = "only used to turn tokens into text";
const CHAT: &str = "only used in chats";
const CODE: &str = "custom code is never executed; save the tokenizer with a transformers class as tokenizer.json";

/// Keys of tokenizer_config.json that the tokenizer arguments of a Transformer module may also have.
pub const INIT_KEYS: &[KeySpec] = &[
    honour("model_max_length", "maximum number of tokens, special tokens included"),
    honour("max_len", "alias of `model_max_length`, which takes precedence"),
    honour("do_lower_case", "BERT classes: whether text is lower-cased (default true)"),
    honour("strip_accents", "BERT classes: whether accents are removed (default: value of `do_lower_case`)"),
    honour("tokenize_chinese_chars", "BERT classes: whether each CJK character is a word (default true)"),
    honour("add_prefix_space", "RoBERTa, XLM-R and CamemBERT classes: whether a space is prepended to the text"),
    honour("truncation_side", "side from which long texts are truncated"),
    honour("split_special_tokens", "whether special tokens in the text are tokenized like other text"),
    honour("bos_token", "special token"),
    honour("eos_token", "special token"),
    honour("unk_token", "special token for unknown words"),
    honour("sep_token", "special token; appended by BERT and RoBERTa classes"),
    honour("pad_token", "special token"),
    honour("cls_token", "special token; prepended by BERT and RoBERTa classes"),
    honour("mask_token", "special token"),
    honour("additional_special_tokens", "further special tokens"),
    honour("extra_special_tokens", "further special tokens"),
    restrict("model_specific_special_tokens", &["{}"], "list them in `extra_special_tokens`"),
    honour("*_token", "further special tokens"),
    honour("added_tokens_decoder", "added tokens; if present, those of other files are not read"),
    restrict("processor_class", &[], "only tokenizers are supported; remove the key if the model encodes texts"),
    restrict("gguf_file", &[], "GGUF is not supported; save the tokenizer as tokenizer.json"),
    restrict("fast_tokenizer_files", &["[]", "[\"tokenizer.json\"]"], "rename the tokenizer file to tokenizer.json"),
    restrict("fix_mistral_regex", &["false"], "only for Mistral tokenizers"),
    ignore("add_bos_token", "the class or tokenizer.json determines the special tokens of a text"),
    ignore("add_eos_token", "the class or tokenizer.json determines the special tokens of a text"),
    ignore("tokenizer_file", "the file in the directory is read"),
    ignore("vocab_file", "the file in the directory is read"),
    ignore("merges_file", "the file in the directory is read"),
    ignore("special_tokens_map_file", "the file in the directory is read"),
    ignore("do_basic_tokenize", "not used by these classes"),
    ignore("never_split", "not used by these classes"),
    ignore("sp_model_kwargs", "not used by these classes"),
    ignore("errors", DECODING),
    ignore("trim_offsets", "only affects the reported offsets of tokens"),
    ignore("clean_up_tokenization_spaces", DECODING),
    ignore("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", DECODING),
    ignore("model_input_names", "the tokenizer determines token types, which must be 0"),
    ignore("padding_side", PADDING),
    ignore("pad_token_type_id", PADDING),
    ignore("pad_to_multiple_of", PADDING),
    ignore("max_length", "an explicit maximum length is passed to the tokenizer"),
    ignore("stride", "an explicit stride is passed to the tokenizer"),
    ignore("truncation_strategy", "an explicit strategy is passed to the tokenizer"),
    ignore("truncation", "an explicit strategy is passed to the tokenizer"),
    ignore("padding", PADDING),
    ignore("chat_template", "only used in chats; refused without modules.json, since it would be applied to texts"),
    ignore("response_template", CHAT),
    ignore("response_schema", CHAT),
    ignore("chat_control_tokens", CHAT),
    ignore("name_or_path", "origin of the tokenizer"),
    ignore("use_fast", "all tokenizers are fast tokenizers"),
    ignore("from_slow", "all tokenizers are fast tokenizers"),
    ignore("legacy", "not used by these classes"),
    ignore("is_local", "origin of the tokenizer"),
    ignore("local_files_only", "origin of the tokenizer"),
    ignore("files_loaded", "origin of the tokenizer"),
    ignore("backend", "all tokenizers are fast tokenizers"),
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
            honour("tokenizer_class", "selects how the tokenizer is built; unsupported classes are refused"),
            restrict("auto_map.AutoTokenizer", &[], CODE),
            restrict("auto_map.AutoProcessor", &[], CODE),
            ignore("auto_map.*", "unused"),
            restrict("init_inputs", &["[]"], "positional arguments are not supported; set the values by key"),
            ignore("slow_tokenizer_class", "all tokenizers are fast tokenizers"),
            ignore("transformers_version", "version that wrote the file"),
            ignore("_commit_hash", "origin of the tokenizer"),
            ignore("tokenizer_type", "not read from this file"),
        ],
    ],
};

pub const SPECIAL_TOKENS_MAP: KeyTable = KeyTable {
    file: "special_tokens_map.json",
    scope: "all; takes precedence over tokenizer_config.json. Not read if that has `added_tokens_decoder`",
    keys: &[INIT_KEYS, &[ignore("tokenizer_class", "only read from tokenizer_config.json")]],
};

pub const TOKENIZER: KeyTable = KeyTable {
    file: "tokenizer.json",
    scope: "all; classes with their own tokenizer (BERT, RoBERTa, XLM-R, CamemBERT) use only the parts marked \"own\"",
    keys: &[&[
        honour("model", "own: vocabulary and merges; other classes: everything"),
        honour(
            "added_tokens",
            "added tokens; own: only if there is no `added_tokens_decoder` in tokenizer_config.json",
        ),
        honour("normalizer", "own: only the sentencepiece character map, the rest is built from tokenizer_config.json"),
        honour("pre_tokenizer", "own: not used, built from tokenizer_config.json"),
        honour("post_processor", "own: not used, built from the special tokens"),
        honour("truncation", "only `direction`, if tokenizer_config.json has no `truncation_side`"),
        ignore("padding", PADDING),
        ignore("decoder", DECODING),
        restrict("version", &["\"1.0\""], "save the tokenizer with a current release of the tokenizers library"),
    ]],
};
