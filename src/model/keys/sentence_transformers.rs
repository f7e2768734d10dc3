//! Keys of the files that sentence-transformers adds.

use super::table::{KeySpec, KeyTable, honour, ignore, restrict};
use super::tokenizer::INIT_KEYS;

const DTYPE: &str = "weights are converted to float32; vectors equal those of sentence-transformers in float32";
const NOT_TEXT: &str = "not used for texts";
const SEARCH: &str =
    "search ranks by dot product; set it to \"dot\" if that ranking is acceptable, or use another model";

pub const MODULE: KeyTable = KeyTable {
    file: "modules.json",
    scope: "each module",
    keys: &[&[
        honour(
            "type",
            "MLMTransformer, Transformer, SpladePooling, SparseStaticEmbedding or Router; others are refused",
        ),
        honour("path", "directory of the module"),
        honour("name", "must be unique"),
        ignore("idx", "the order of the file applies"),
        restrict("kwargs", &["[]"], "module arguments are not supported; remove them"),
    ]],
};

pub const ROUTER: KeyTable = KeyTable {
    file: "router_config.json",
    scope: "a Router module; config.json if there is no router_config.json",
    keys: &[&[
        honour("types", "class of each module"),
        honour("structure", "modules of each route, in order"),
        honour("parameters.route_mappings", "route of each task and modality"),
        honour(
            "parameters.default_route",
            "must be a route; otherwise unused, since every text is a query or a document",
        ),
        ignore("parameters.allow_empty_key", "every text is a query or a document"),
    ]],
};

pub const CONFIG_SENTENCE_TRANSFORMERS: KeyTable = KeyTable {
    file: "config_sentence_transformers.json",
    scope: "only with modules.json",
    keys: &[&[
        honour("model_type", "must be SparseEncoder if there is a modules.json"),
        honour("prompts.query", "prefix of each query"),
        honour("prompts.document", "prefix of each document"),
        ignore("prompts.*", "only used if a caller selects it by name"),
        honour(
            "default_prompt_name",
            "must be one of the prompts; otherwise unused, since queries and documents have their own",
        ),
        honour(
            "max_active_dims",
            "maximum number of terms kept, highest weights first; requests and flags may override it",
        ),
        restrict("similarity_fn_name", &["\"dot\""], SEARCH),
        ignore("requirements", "versions of Python packages"),
        ignore("__version__", "versions that wrote the file"),
        ignore("truncate_dim", NOT_SPARSE),
    ]],
};

const NOT_SPARSE: &str = "not used by sparse encoders";

const TRANSFORMER_KEYS: &[KeySpec] = &[
    honour("max_seq_length", "maximum number of tokens, unless the tokenizer arguments have `model_max_length`"),
    honour("do_lower_case", "lower-cases texts before the tokenizer's own normalizer"),
    honour("query_length", "maximum number of tokens of a query"),
    honour("document_length", "maximum number of tokens of a document"),
    honour("transformer_task", "must be fill-mask, the default of MLMTransformer"),
    honour("processing_kwargs.text.max_length", "maximum number of tokens; takes precedence over the keys above"),
    honour("processing_kwargs.common.max_length", "maximum number of tokens; takes precedence over the keys above"),
    restrict("processing_kwargs.text.truncation", &["true", "\"longest_first\"", "\"only_first\""], TRUNCATION),
    restrict("processing_kwargs.common.truncation", &["true", "\"longest_first\"", "\"only_first\""], TRUNCATION),
    restrict("processing_kwargs.text.add_special_tokens", &["true"], SPECIAL),
    restrict("processing_kwargs.common.add_special_tokens", &["true"], SPECIAL),
    restrict("processing_kwargs.text.split_special_tokens", &["false"], "set it in tokenizer_config.json"),
    restrict("processing_kwargs.common.split_special_tokens", &["false"], "set it in tokenizer_config.json"),
    restrict("processing_kwargs.text.is_split_into_words", &["false"], "texts are not split before tokenization"),
    restrict("processing_kwargs.common.is_split_into_words", &["false"], "texts are not split before tokenization"),
    restrict(
        "processing_kwargs.text.return_overflowing_tokens",
        &["false"],
        "use long_text = LONG_TEXT_WINDOW instead",
    ),
    restrict(
        "processing_kwargs.common.return_overflowing_tokens",
        &["false"],
        "use long_text = LONG_TEXT_WINDOW instead",
    ),
    restrict("processing_kwargs.text.return_token_type_ids", &["true", "false"], "all tokens have type 0"),
    restrict("processing_kwargs.text.return_attention_mask", &["true"], "pooling needs the attention mask"),
    restrict("processing_kwargs.common.return_attention_mask", &["true"], "pooling needs the attention mask"),
    restrict("processing_kwargs.common.return_tensors", &["\"pt\""], "must be pt"),
    restrict("processing_kwargs.text.return_tensors", &["\"pt\""], "must be pt"),
    restrict("processing_kwargs.text.padding", &["true", "false", "\"longest\"", "\"do_not_pad\""], NO_PADDING),
    restrict("processing_kwargs.common.padding", &["true", "false", "\"longest\"", "\"do_not_pad\""], NO_PADDING),
    restrict("processing_kwargs.text.text_pair", &[], PAIRS),
    restrict("processing_kwargs.common.text_pair", &[], PAIRS),
    restrict("processing_kwargs.text.text_target", &[], PAIRS),
    restrict("processing_kwargs.common.text_target", &[], PAIRS),
    restrict("processing_kwargs.text.text_pair_target", &[], PAIRS),
    restrict("processing_kwargs.common.text_pair_target", &[], PAIRS),
    ignore("processing_kwargs.text.padding_side", PADDING),
    ignore("processing_kwargs.common.padding_side", PADDING),
    restrict("processing_kwargs.text.pad_to_multiple_of", &["1"], NO_PADDING),
    restrict("processing_kwargs.common.pad_to_multiple_of", &["1"], NO_PADDING),
    ignore("processing_kwargs.text.stride", "only used for overflowing tokens"),
    ignore("processing_kwargs.common.stride", "only used for overflowing tokens"),
    ignore("processing_kwargs.text.verbose", "only changes what is logged"),
    ignore("processing_kwargs.common.verbose", "only changes what is logged"),
    ignore("processing_kwargs.text.return_length", "selects additional outputs"),
    ignore("processing_kwargs.text.return_special_tokens_mask", "selects additional outputs"),
    ignore("processing_kwargs.text.return_offsets_mapping", "selects additional outputs"),
    ignore("processing_kwargs.text.logits_to_keep", "only used to generate text"),
    ignore("processing_kwargs.audio", NOT_TEXT),
    ignore("processing_kwargs.image", NOT_TEXT),
    ignore("processing_kwargs.video", NOT_TEXT),
    ignore("processing_kwargs.chat_template", "only used in chats"),
    restrict(
        "modality_config",
        &["{\"text\":{\"method\":\"forward\",\"method_output_name\":\"logits\"}}"],
        "only texts and the logits of the masked language model are supported",
    ),
    restrict("module_output_name", &["\"token_embeddings\""], "pooling reads token_embeddings"),
    restrict("query_expansion", &[], "only for multi-vector models; remove it"),
    restrict("tokenizer_name_or_path", &[], "copy the files of that tokenizer into the directory and remove the key"),
    restrict("config_args", &["{}"], "move its values to config.json and remove it"),
    restrict("config_kwargs", &["{}"], "move its values to config.json and remove it"),
    restrict("model_args.subfolder", &["\"\""], "move the weights to the module's directory"),
    restrict("model_args.variant", &[], "rename the weights to model.safetensors"),
    restrict("model_args.quantization_config", &[], "use --dtype int8 instead"),
    restrict("model_args.load_in_8bit", &["false"], "use --dtype int8 instead"),
    restrict("model_args.load_in_4bit", &["false"], "use --dtype int8 instead"),
    ignore("model_args.dtype", DTYPE),
    ignore("model_args.torch_dtype", DTYPE),
    ignore("model_args.attn_implementation", "selects a kernel of PyTorch"),
    ignore("model_args.device_map", "selects a device of PyTorch"),
    ignore("model_args.use_safetensors", "the existing file is read"),
    ignore("model_args.low_cpu_mem_usage", "only changes how weights are loaded"),
    ignore("model_args.trust_remote_code", "custom code is never executed"),
    restrict("model_kwargs.subfolder", &["\"\""], "move the weights to the module's directory"),
    restrict("model_kwargs.variant", &[], "rename the weights to model.safetensors"),
    restrict("model_kwargs.quantization_config", &[], "use --dtype int8 instead"),
    restrict("model_kwargs.load_in_8bit", &["false"], "use --dtype int8 instead"),
    restrict("model_kwargs.load_in_4bit", &["false"], "use --dtype int8 instead"),
    ignore("model_kwargs.dtype", DTYPE),
    ignore("model_kwargs.torch_dtype", DTYPE),
    ignore("model_kwargs.attn_implementation", "selects a kernel of PyTorch"),
    ignore("model_kwargs.device_map", "selects a device of PyTorch"),
    ignore("model_kwargs.use_safetensors", "the existing file is read"),
    ignore("model_kwargs.low_cpu_mem_usage", "only changes how weights are loaded"),
    ignore("model_kwargs.trust_remote_code", "custom code is never executed"),
    honour("tokenizer_args", "keys of tokenizer_config.json; take precedence over that file"),
    honour("processor_kwargs", "keys of tokenizer_config.json; take precedence over that file"),
    ignore("unpad_inputs", "texts are never padded"),
    ignore("backend", "not read from the file"),
];

const TRUNCATION: &str = "texts are truncated to the maximum length; use LONG_TEXT_WINDOW to encode whole texts";
const SPECIAL: &str = "texts always get the special tokens of the tokenizer";
const PADDING: &str = "texts are not padded";
const NO_PADDING: &str = "texts are not padded; remove it";
const PAIRS: &str = "only single texts are supported; remove it";

pub const TRANSFORMER: KeyTable = KeyTable {
    file: "sentence_bert_config.json",
    scope: "a Transformer module; also under the names sentence_roberta_config.json, sentence_distilbert_config.json, \
            sentence_camembert_config.json, sentence_albert_config.json, sentence_xlm-roberta_config.json and \
            sentence_xlnet_config.json; the first existing file is read",
    keys: &[TRANSFORMER_KEYS],
};

/// Tokenizer arguments of a Transformer module.
pub const PROCESSOR_CONFIG: KeyTable = KeyTable {
    file: "sentence_bert_config.json",
    scope: "tokenizer_args, processor_kwargs",
    keys: &[
        INIT_KEYS,
        &[
            restrict("subfolder", &["\"\""], "move the tokenizer's files to the module's directory"),
            restrict("tokenizer_type", &[], "set `tokenizer_class` in tokenizer_config.json"),
            ignore("trust_remote_code", "custom code is never executed"),
            ignore("revision", "origin of the tokenizer"),
            ignore("cache_dir", "origin of the tokenizer"),
            ignore("token", "origin of the tokenizer"),
        ],
    ],
};

pub const SPLADE_POOLING: KeyTable = KeyTable {
    file: "config.json",
    scope: "a SpladePooling module",
    keys: &[&[
        honour("pooling_strategy", "max (default) or sum"),
        honour("activation_function", "relu (default) or log1p_relu"),
        ignore("embedding_dimension", "always the size of the vocabulary"),
        ignore("word_embedding_dimension", "always the size of the vocabulary"),
        ignore("chunk_size", "only saves memory in PyTorch"),
    ]],
};

pub const SPARSE_STATIC_EMBEDDING: KeyTable = KeyTable {
    file: "config.json",
    scope: "a SparseStaticEmbedding module",
    keys: &[&[
        honour("path", ".json file of weights by token, in the directory of the module or of the model"),
        ignore("frozen", "only used in training"),
    ]],
};
