//! The files that sentence-transformers adds.

use super::table::{Key, KeyTable, honoured, irrelevant, only};
use super::tokenizer::INIT_KEYS;

const DTYPE: &str = "weights are converted to float32; vectors equal those of sentence-transformers in float32";
const NOT_TEXT: &str = "not used for texts";
const SEARCH: &str =
    "Search ranks by dot product; set it to \"dot\" if that ranking is acceptable, or use another model";

pub const MODULE: KeyTable = KeyTable {
    file: "modules.json",
    scope: "each module",
    keys: &[&[
        honoured(
            "type",
            "MLMTransformer, Transformer, SpladePooling, SparseStaticEmbedding or Router; others are refused",
        ),
        honoured("path", "the directory of the module"),
        honoured("name", "names must differ"),
        irrelevant("idx", "modules are in the order of the file"),
        only("kwargs", &["[]"], "arguments of modules are not supported; remove them"),
    ]],
};

pub const ROUTER: KeyTable = KeyTable {
    file: "router_config.json",
    scope: "a Router module; config.json where there is no router_config.json",
    keys: &[&[
        honoured("types", "the class of each module"),
        honoured("structure", "the modules of each route, in order"),
        honoured("parameters.route_mappings", "which route a task and a modality take"),
        honoured(
            "parameters.default_route",
            "must be a route; it isn't used, since every text is a query or a document",
        ),
        irrelevant("parameters.allow_empty_key", "every text is a query or a document"),
    ]],
};

pub const CONFIG_SENTENCE_TRANSFORMERS: KeyTable = KeyTable {
    file: "config_sentence_transformers.json",
    scope: "only with modules.json",
    keys: &[&[
        honoured("model_type", "must be SparseEncoder where there is a modules.json"),
        honoured("prompts.query", "put before each query"),
        honoured("prompts.document", "put before each document"),
        irrelevant("prompts.*", "only used where a caller asks for it by name"),
        honoured(
            "default_prompt_name",
            "must be one of the prompts; it isn't used, since query and document have theirs",
        ),
        honoured(
            "max_active_dims",
            "keeps so many terms of the largest magnitude; a request or a flag may ask for others",
        ),
        only("similarity_fn_name", &["\"dot\""], SEARCH),
        irrelevant("requirements", "versions of Python packages"),
        irrelevant("__version__", "which versions wrote the file"),
        irrelevant("truncate_dim", NOT_SPARSE),
    ]],
};

const NOT_SPARSE: &str = "not used by sparse encoders";

const TRANSFORMER_KEYS: &[Key] = &[
    honoured("max_seq_length", "maximum number of tokens, unless the tokenizer's arguments have `model_max_length`"),
    honoured("do_lower_case", "lower-cases texts before the tokenizer's own normalizer"),
    honoured("query_length", "maximum number of tokens of a query"),
    honoured("document_length", "maximum number of tokens of a document"),
    honoured("transformer_task", "must be fill-mask, which is the default of MLMTransformer"),
    honoured("processing_kwargs.text.max_length", "maximum number of tokens; replaces those above"),
    honoured("processing_kwargs.common.max_length", "maximum number of tokens; replaces those above"),
    only("processing_kwargs.text.truncation", &["true", "\"longest_first\"", "\"only_first\""], TRUNCATION),
    only("processing_kwargs.common.truncation", &["true", "\"longest_first\"", "\"only_first\""], TRUNCATION),
    only("processing_kwargs.text.add_special_tokens", &["true"], SPECIAL),
    only("processing_kwargs.common.add_special_tokens", &["true"], SPECIAL),
    only("processing_kwargs.text.split_special_tokens", &["false"], "set it in tokenizer_config.json"),
    only("processing_kwargs.common.split_special_tokens", &["false"], "set it in tokenizer_config.json"),
    only("processing_kwargs.text.is_split_into_words", &["false"], "texts are not split before the tokenizer"),
    only("processing_kwargs.common.is_split_into_words", &["false"], "texts are not split before the tokenizer"),
    only("processing_kwargs.text.return_overflowing_tokens", &["false"], "use long_text = LONG_TEXT_WINDOW instead"),
    only("processing_kwargs.common.return_overflowing_tokens", &["false"], "use long_text = LONG_TEXT_WINDOW instead"),
    only("processing_kwargs.text.return_token_type_ids", &["true", "false"], "token types are all 0"),
    only("processing_kwargs.text.return_attention_mask", &["true"], "pooling needs the attention mask"),
    only("processing_kwargs.common.return_attention_mask", &["true"], "pooling needs the attention mask"),
    only("processing_kwargs.common.return_tensors", &["\"pt\""], "it must be pt"),
    only("processing_kwargs.text.return_tensors", &["\"pt\""], "it must be pt"),
    only("processing_kwargs.text.padding", &["true", "false", "\"longest\"", "\"do_not_pad\""], NO_PADDING),
    only("processing_kwargs.common.padding", &["true", "false", "\"longest\"", "\"do_not_pad\""], NO_PADDING),
    only("processing_kwargs.text.text_pair", &[], PAIRS),
    only("processing_kwargs.common.text_pair", &[], PAIRS),
    only("processing_kwargs.text.text_target", &[], PAIRS),
    only("processing_kwargs.common.text_target", &[], PAIRS),
    only("processing_kwargs.text.text_pair_target", &[], PAIRS),
    only("processing_kwargs.common.text_pair_target", &[], PAIRS),
    irrelevant("processing_kwargs.text.padding_side", PADDING),
    irrelevant("processing_kwargs.common.padding_side", PADDING),
    only("processing_kwargs.text.pad_to_multiple_of", &["1"], NO_PADDING),
    only("processing_kwargs.common.pad_to_multiple_of", &["1"], NO_PADDING),
    irrelevant("processing_kwargs.text.stride", "only used for overflowing tokens"),
    irrelevant("processing_kwargs.common.stride", "only used for overflowing tokens"),
    irrelevant("processing_kwargs.text.verbose", "only changes what is logged"),
    irrelevant("processing_kwargs.common.verbose", "only changes what is logged"),
    irrelevant("processing_kwargs.text.return_length", "selects what else is returned"),
    irrelevant("processing_kwargs.text.return_special_tokens_mask", "selects what else is returned"),
    irrelevant("processing_kwargs.text.return_offsets_mapping", "selects what else is returned"),
    irrelevant("processing_kwargs.text.logits_to_keep", "only used to generate text"),
    irrelevant("processing_kwargs.audio", NOT_TEXT),
    irrelevant("processing_kwargs.image", NOT_TEXT),
    irrelevant("processing_kwargs.video", NOT_TEXT),
    irrelevant("processing_kwargs.chat_template", "only used in chats"),
    only(
        "modality_config",
        &["{\"text\":{\"method\":\"forward\",\"method_output_name\":\"logits\"}}"],
        "only texts, and the logits of the masked language model, are supported",
    ),
    only("module_output_name", &["\"token_embeddings\""], "the pooling reads token_embeddings"),
    only("query_expansion", &[], "it is for multi-vector models; remove it"),
    only("tokenizer_name_or_path", &[], "copy that tokenizer's files into the directory and remove the key"),
    only("config_args", &["{}"], "write its values into config.json and remove it"),
    only("config_kwargs", &["{}"], "write its values into config.json and remove it"),
    only("model_args.subfolder", &["\"\""], "move the weights to the module's directory"),
    only("model_args.variant", &[], "rename the weights to model.safetensors"),
    only("model_args.quantization_config", &[], "use --dtype int8 instead"),
    only("model_args.load_in_8bit", &["false"], "use --dtype int8 instead"),
    only("model_args.load_in_4bit", &["false"], "use --dtype int8 instead"),
    irrelevant("model_args.dtype", DTYPE),
    irrelevant("model_args.torch_dtype", DTYPE),
    irrelevant("model_args.attn_implementation", "selects a kernel of PyTorch"),
    irrelevant("model_args.device_map", "selects a device of PyTorch"),
    irrelevant("model_args.use_safetensors", "the file that exists is read"),
    irrelevant("model_args.low_cpu_mem_usage", "only changes how weights are loaded"),
    irrelevant("model_args.trust_remote_code", "custom code is never executed"),
    only("model_kwargs.subfolder", &["\"\""], "move the weights to the module's directory"),
    only("model_kwargs.variant", &[], "rename the weights to model.safetensors"),
    only("model_kwargs.quantization_config", &[], "use --dtype int8 instead"),
    only("model_kwargs.load_in_8bit", &["false"], "use --dtype int8 instead"),
    only("model_kwargs.load_in_4bit", &["false"], "use --dtype int8 instead"),
    irrelevant("model_kwargs.dtype", DTYPE),
    irrelevant("model_kwargs.torch_dtype", DTYPE),
    irrelevant("model_kwargs.attn_implementation", "selects a kernel of PyTorch"),
    irrelevant("model_kwargs.device_map", "selects a device of PyTorch"),
    irrelevant("model_kwargs.use_safetensors", "the file that exists is read"),
    irrelevant("model_kwargs.low_cpu_mem_usage", "only changes how weights are loaded"),
    irrelevant("model_kwargs.trust_remote_code", "custom code is never executed"),
    honoured("tokenizer_args", "each key as in tokenizer_config.json, which it replaces"),
    honoured("processor_kwargs", "each key as in tokenizer_config.json, which it replaces"),
    irrelevant("unpad_inputs", "texts are never padded"),
    irrelevant("backend", "not read from the file"),
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
            only("subfolder", &["\"\""], "move the tokenizer's files to the module's directory"),
            only("tokenizer_type", &[], "set `tokenizer_class` in tokenizer_config.json"),
            irrelevant("trust_remote_code", "custom code is never executed"),
            irrelevant("revision", "where the tokenizer came from"),
            irrelevant("cache_dir", "where the tokenizer came from"),
            irrelevant("token", "where the tokenizer came from"),
        ],
    ],
};

pub const SPLADE_POOLING: KeyTable = KeyTable {
    file: "config.json",
    scope: "a SpladePooling module",
    keys: &[&[
        honoured("pooling_strategy", "max (default) or sum"),
        honoured("activation_function", "relu (default) or log1p_relu"),
        irrelevant("embedding_dimension", "it is the vocabulary's"),
        irrelevant("word_embedding_dimension", "it is the vocabulary's"),
        irrelevant("chunk_size", "only saves memory in PyTorch"),
    ]],
};

pub const SPARSE_STATIC_EMBEDDING: KeyTable = KeyTable {
    file: "config.json",
    scope: "a SparseStaticEmbedding module",
    keys: &[&[
        honoured("path", "a .json file of weights by token, in the module's directory or the model's"),
        irrelevant("frozen", "only used in training"),
    ]],
};
