//! The files that sentence-transformers adds.

use super::table::{KeySpec, KeyTable, honour, ignore, restrict};
use super::tokenizer::INIT_KEYS;

const DTYPE: &str = "weights are converted to float32; vectors equal those of sentence-transformers in float32";
const NOT_TEXT: &str = "not used for texts";
const SEARCH: &str =
    "Search ranks by dot product; set it to \"dot\" if that ranking is acceptable, or use another model";

pub const MODULE: KeyTable = KeyTable {
    file: "modules.json",
    scope: "each module",
    keys: &[&[
        honour(
            "type",
            "MLMTransformer, Transformer, SpladePooling, SparseStaticEmbedding or Router; others are refused",
        ),
        honour("path", "the directory of the module"),
        honour("name", "names must differ"),
        ignore("idx", "modules are in the order of the file"),
        restrict("kwargs", &["[]"], "arguments of modules are not supported; remove them"),
    ]],
};

pub const ROUTER: KeyTable = KeyTable {
    file: "router_config.json",
    scope: "a Router module; config.json where there is no router_config.json",
    keys: &[&[
        honour("types", "the class of each module"),
        honour("structure", "the modules of each route, in order"),
        honour("parameters.route_mappings", "which route a task and a modality take"),
        honour("parameters.default_route", "must be a route; it isn't used, since every text is a query or a document"),
        ignore("parameters.allow_empty_key", "every text is a query or a document"),
    ]],
};

pub const CONFIG_SENTENCE_TRANSFORMERS: KeyTable = KeyTable {
    file: "config_sentence_transformers.json",
    scope: "only with modules.json",
    keys: &[&[
        honour("model_type", "must be SparseEncoder where there is a modules.json"),
        honour("prompts.query", "put before each query"),
        honour("prompts.document", "put before each document"),
        ignore("prompts.*", "only used where a caller asks for it by name"),
        honour(
            "default_prompt_name",
            "must be one of the prompts; it isn't used, since query and document have theirs",
        ),
        honour(
            "max_active_dims",
            "keeps so many terms of the largest magnitude; a request or a flag may ask for others",
        ),
        restrict("similarity_fn_name", &["\"dot\""], SEARCH),
        ignore("requirements", "versions of Python packages"),
        ignore("__version__", "which versions wrote the file"),
        ignore("truncate_dim", NOT_SPARSE),
    ]],
};

const NOT_SPARSE: &str = "not used by sparse encoders";

const TRANSFORMER_KEYS: &[KeySpec] = &[
    honour("max_seq_length", "maximum number of tokens, unless the tokenizer's arguments have `model_max_length`"),
    honour("do_lower_case", "lower-cases texts before the tokenizer's own normalizer"),
    honour("query_length", "maximum number of tokens of a query"),
    honour("document_length", "maximum number of tokens of a document"),
    honour("transformer_task", "must be fill-mask, which is the default of MLMTransformer"),
    honour("processing_kwargs.text.max_length", "maximum number of tokens; replaces those above"),
    honour("processing_kwargs.common.max_length", "maximum number of tokens; replaces those above"),
    restrict("processing_kwargs.text.truncation", &["true", "\"longest_first\"", "\"only_first\""], TRUNCATION),
    restrict("processing_kwargs.common.truncation", &["true", "\"longest_first\"", "\"only_first\""], TRUNCATION),
    restrict("processing_kwargs.text.add_special_tokens", &["true"], SPECIAL),
    restrict("processing_kwargs.common.add_special_tokens", &["true"], SPECIAL),
    restrict("processing_kwargs.text.split_special_tokens", &["false"], "set it in tokenizer_config.json"),
    restrict("processing_kwargs.common.split_special_tokens", &["false"], "set it in tokenizer_config.json"),
    restrict("processing_kwargs.text.is_split_into_words", &["false"], "texts are not split before the tokenizer"),
    restrict("processing_kwargs.common.is_split_into_words", &["false"], "texts are not split before the tokenizer"),
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
    restrict("processing_kwargs.text.return_token_type_ids", &["true", "false"], "token types are all 0"),
    restrict("processing_kwargs.text.return_attention_mask", &["true"], "pooling needs the attention mask"),
    restrict("processing_kwargs.common.return_attention_mask", &["true"], "pooling needs the attention mask"),
    restrict("processing_kwargs.common.return_tensors", &["\"pt\""], "it must be pt"),
    restrict("processing_kwargs.text.return_tensors", &["\"pt\""], "it must be pt"),
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
    ignore("processing_kwargs.text.return_length", "selects what else is returned"),
    ignore("processing_kwargs.text.return_special_tokens_mask", "selects what else is returned"),
    ignore("processing_kwargs.text.return_offsets_mapping", "selects what else is returned"),
    ignore("processing_kwargs.text.logits_to_keep", "only used to generate text"),
    ignore("processing_kwargs.audio", NOT_TEXT),
    ignore("processing_kwargs.image", NOT_TEXT),
    ignore("processing_kwargs.video", NOT_TEXT),
    ignore("processing_kwargs.chat_template", "only used in chats"),
    restrict(
        "modality_config",
        &["{\"text\":{\"method\":\"forward\",\"method_output_name\":\"logits\"}}"],
        "only texts, and the logits of the masked language model, are supported",
    ),
    restrict("module_output_name", &["\"token_embeddings\""], "the pooling reads token_embeddings"),
    restrict("query_expansion", &[], "it is for multi-vector models; remove it"),
    restrict("tokenizer_name_or_path", &[], "copy that tokenizer's files into the directory and remove the key"),
    restrict("config_args", &["{}"], "write its values into config.json and remove it"),
    restrict("config_kwargs", &["{}"], "write its values into config.json and remove it"),
    restrict("model_args.subfolder", &["\"\""], "move the weights to the module's directory"),
    restrict("model_args.variant", &[], "rename the weights to model.safetensors"),
    restrict("model_args.quantization_config", &[], "use --dtype int8 instead"),
    restrict("model_args.load_in_8bit", &["false"], "use --dtype int8 instead"),
    restrict("model_args.load_in_4bit", &["false"], "use --dtype int8 instead"),
    ignore("model_args.dtype", DTYPE),
    ignore("model_args.torch_dtype", DTYPE),
    ignore("model_args.attn_implementation", "selects a kernel of PyTorch"),
    ignore("model_args.device_map", "selects a device of PyTorch"),
    ignore("model_args.use_safetensors", "the file that exists is read"),
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
    ignore("model_kwargs.use_safetensors", "the file that exists is read"),
    ignore("model_kwargs.low_cpu_mem_usage", "only changes how weights are loaded"),
    ignore("model_kwargs.trust_remote_code", "custom code is never executed"),
    honour("tokenizer_args", "each key as in tokenizer_config.json, which it replaces"),
    honour("processor_kwargs", "each key as in tokenizer_config.json, which it replaces"),
    ignore("unpad_inputs", "texts are never padded"),
    ignore("backend", "not read from the file"),
];

const TRUNCATION: &str = "texts are cut to the model's length; ask for LONG_TEXT_WINDOW to encode all of a text";
const SPECIAL: &str = "texts get the special tokens of the tokenizer";
const PADDING: &str = "texts are not padded";
const NO_PADDING: &str = "texts are not padded; remove it";
const PAIRS: &str = "only single texts are supported; remove it";

pub const TRANSFORMER: KeyTable = KeyTable {
    file: "sentence_bert_config.json",
    scope: "a Transformer module; also under the names sentence_roberta_config.json, sentence_distilbert_config.json, \
            sentence_camembert_config.json, sentence_albert_config.json, sentence_xlm-roberta_config.json and \
            sentence_xlnet_config.json, of which the first that exists is read",
    keys: &[TRANSFORMER_KEYS],
};

/// The tokenizer's arguments of a Transformer module.
pub const PROCESSOR_CONFIG: KeyTable = KeyTable {
    file: "sentence_bert_config.json",
    scope: "tokenizer_args, processor_kwargs",
    keys: &[
        INIT_KEYS,
        &[
            restrict("subfolder", &["\"\""], "move the tokenizer's files to the module's directory"),
            restrict("tokenizer_type", &[], "set `tokenizer_class` in tokenizer_config.json"),
            ignore("trust_remote_code", "custom code is never executed"),
            ignore("revision", "where the tokenizer came from"),
            ignore("cache_dir", "where the tokenizer came from"),
            ignore("token", "where the tokenizer came from"),
        ],
    ],
};

pub const SPLADE_POOLING: KeyTable = KeyTable {
    file: "config.json",
    scope: "a SpladePooling module",
    keys: &[&[
        honour("pooling_strategy", "max (default) or sum"),
        honour("activation_function", "relu (default) or log1p_relu"),
        ignore("embedding_dimension", "it is the vocabulary's"),
        ignore("word_embedding_dimension", "it is the vocabulary's"),
        ignore("chunk_size", "only saves memory in PyTorch"),
    ]],
};

pub const SPARSE_STATIC_EMBEDDING: KeyTable = KeyTable {
    file: "config.json",
    scope: "a SparseStaticEmbedding module",
    keys: &[&[
        honour("path", "a .json file of weights by token, in the module's directory or the model's"),
        ignore("frozen", "only used in training"),
    ]],
};
