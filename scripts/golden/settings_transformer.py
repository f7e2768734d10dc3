"""Cases that change sentence_bert_config.json, under each of its seven possible names."""

from settings_case import Case, delete_file_case, drop_each, set_each, set_together
from settings_changes import Change, move_file, remove_file, replace_json, set_value

FILE, TOKENIZER_CONFIG = "sentence_bert_config.json", "tokenizer_config.json"
OTHER_NAMES = [
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
]
CASED = set_value(TOKENIZER_CONFIG, "do_lower_case", False)
LOGITS = {"method": "forward", "method_output_name": "logits"}


def set_each_nested(path: str, *values: object) -> list[Case]:
    """Returns one case per value of a dotted path."""
    return set_each(FILE, path, *values)


def build_modality_case(name: str, entry: object, output: str | None = "token_embeddings", *more: Change) -> Case:
    changes = [set_value(FILE, "modality_config", entry), *more]
    if output is not None:
        changes.insert(1, set_value(FILE, "module_output_name", output))
    return Case(f"modality_config: {name}", [f"{FILE}: modality_config", f"{FILE}: module_output_name"], changes)


LENGTHS = [
    *set_each(FILE, "max_seq_length", 16, 128, 512, 2, 1, None, 16.0, "16", -1),
    *drop_each(FILE, "max_seq_length", "do_lower_case"),
    set_together(
        "max_seq_length wins over model_max_length",
        FILE,
        {"max_seq_length": 40},
        set_value(TOKENIZER_CONFIG, "model_max_length", 16),
    ),
    set_together(
        "max_seq_length null, model_max_length 16",
        FILE,
        {"max_seq_length": None},
        set_value(TOKENIZER_CONFIG, "model_max_length", 16),
    ),
    Case(
        "model_max_length 16 without max_seq_length",
        [f"{FILE}: max_seq_length", f"{TOKENIZER_CONFIG}: model_max_length"],
        [remove_file(FILE), set_value(TOKENIZER_CONFIG, "model_max_length", 16)],
    ),
    set_together(
        "processor_kwargs.model_max_length wins over max_seq_length",
        FILE,
        {"max_seq_length": 40, "processor_kwargs.model_max_length": 16},
    ),
    set_together(
        "processor_kwargs.model_max_length beyond the positions", FILE, {"processor_kwargs.model_max_length": 512}
    ),
    set_together(
        "special_tokens_map.json and max_seq_length",
        FILE,
        {"max_seq_length": 40},
        set_value("special_tokens_map.json", "model_max_length", 16),
    ),
    *set_each(FILE, "query_length", 8, 2, 300, None),
    *set_each(FILE, "document_length", 8, 300, None),
    set_together("query_length and document_length", FILE, {"query_length": 8, "document_length": 12}),
    set_together("query_length beyond max_seq_length", FILE, {"query_length": 60, "max_seq_length": 16}),
    Case(
        "do_lower_case of a cased tokenizer",
        [f"{FILE}: do_lower_case"],
        [CASED, set_value(FILE, "do_lower_case", True)],
    ),
    *set_each(FILE, "do_lower_case", True, None, 0),
    set_together(
        "do_lower_case of a cased tokenizer, with a prompt",
        FILE,
        {"do_lower_case": True},
        CASED,
        set_value("config_sentence_transformers.json", "prompts", {"query": "THE "}),
    ),
    Case(
        "do_lower_case, generic tokenizer",
        [f"{FILE}: do_lower_case"],
        [
            replace_json(TOKENIZER_CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}),
            set_value("tokenizer.json", "normalizer.lowercase", False),
            set_value(FILE, "do_lower_case", True),
        ],
    ),
    Case(
        "do_lower_case with a lowercasing normalizer",
        [f"{FILE}: do_lower_case"],
        [
            replace_json(TOKENIZER_CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}),
            set_value(
                "tokenizer.json",
                "normalizer",
                {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
            ),
            set_value(FILE, "do_lower_case", True),
        ],
    ),
]

EXPANSION = [
    *set_each_nested(
        "query_expansion", {"strategy": "fixed", "length": 16}, {"strategy": "fixed", "length": 16, "attend": True}
    ),
    *set_each_nested(
        "query_expansion", {"strategy": "min", "length": 16}, {"strategy": "min", "length": 16, "attend": True}
    ),
    *set_each_nested("query_expansion", {"strategy": "fixed", "length": 40, "attend": True, "token": "the"}),
    *set_each_nested("query_expansion", {"strategy": "fixed", "length": 16, "attend": True, "token": "[NEW]"}),
    *set_each_nested("query_expansion", {"strategy": "nonsense", "length": 16}, {"strategy": "fixed"}, {}, None),
    set_together(
        "query_expansion and query_length",
        FILE,
        {"query_expansion": {"strategy": "min", "length": 8, "attend": True}, "query_length": 12},
    ),
    set_together(
        "query_expansion longer than query_length",
        FILE,
        {"query_expansion": {"strategy": "min", "length": 16}, "query_length": 12},
    ),
    set_together(
        "query_expansion with a prompt",
        FILE,
        {"query_expansion": {"strategy": "fixed", "length": 16, "attend": True}},
        set_value("config_sentence_transformers.json", "prompts", {"query": "the "}),
    ),
]

PROCESSOR = [
    *set_each_nested("processor_kwargs.do_lower_case", False),
    *set_each_nested("tokenizer_args.do_lower_case", False),
    set_together(
        "tokenizer_args wins over processor_kwargs",
        FILE,
        {"tokenizer_args.do_lower_case": False, "processor_kwargs.do_lower_case": True},
    ),
    set_together(
        "processor_kwargs that the caller passes itself",
        FILE,
        {
            "processor_kwargs.token": "x",
            "processor_kwargs.revision": "y",
            "processor_kwargs.subfolder": "1_SpladePooling",
        },
    ),
    *set_each_nested("processor_kwargs.model_max_length", 16, None),
    *set_each_nested("processor_kwargs.truncation_side", "left"),
    *set_each_nested("processor_kwargs.padding_side", "left"),
    *set_each_nested("processor_kwargs.strip_accents", False),
    *set_each_nested("processor_kwargs.cls_token", "[MASK]"),
    *set_each_nested("processor_kwargs.extra_special_tokens", ["the"]),
    *set_each_nested("processor_kwargs.tokenizer_type", "roberta", "bert"),
    *set_each_nested("processor_kwargs.use_fast", False),
    *set_each_nested("processor_kwargs.trust_remote_code", True),
    *set_each_nested("processor_kwargs.extra", 1),
    *set_each_nested("processor_kwargs.split_special_tokens", True),
    *set_each_nested("processor_kwargs.max_length", 16),
    *set_each_nested("tokenizer_args", None),
    *set_each_nested("processor_kwargs", None, []),
    set_together(
        "processor_kwargs wins over special_tokens_map.json",
        FILE,
        {"processor_kwargs.cls_token": "[MASK]"},
        set_value("special_tokens_map.json", "cls_token", "the"),
    ),
    *set_each_nested("tokenizer_name_or_path", "bert-base-uncased", None),
]

PROCESSING = [
    *set_each_nested("processing_kwargs.text.max_length", 16, 300, 2, None),
    *set_each_nested(
        "processing_kwargs.text.truncation",
        False,
        "do_not_truncate",
        "only_first",
        "longest_first",
        "only_second",
        True,
        None,
    ),
    *set_each_nested("processing_kwargs.text.padding", "max_length", False, "longest", "do_not_pad"),
    *set_each_nested("processing_kwargs.text.add_special_tokens", False),
    *set_each_nested("processing_kwargs.text.split_special_tokens", True),
    *set_each_nested("processing_kwargs.text.return_token_type_ids", False),
    *set_each_nested("processing_kwargs.text.return_attention_mask", False),
    *set_each_nested("processing_kwargs.text.return_special_tokens_mask", True),
    *set_each_nested("processing_kwargs.text.return_offsets_mapping", True),
    *set_each_nested("processing_kwargs.text.return_length", True),
    *set_each_nested("processing_kwargs.text.return_overflowing_tokens", True),
    *set_each_nested("processing_kwargs.text.stride", 3),
    *set_each_nested("processing_kwargs.text.pad_to_multiple_of", 8, 7),
    *set_each_nested("processing_kwargs.text.padding_side", "left"),
    set_together(
        "padding to the left up to max_length",
        FILE,
        {"processing_kwargs.text.padding_side": "left", "processing_kwargs.text.padding": "max_length"},
    ),
    set_together(
        "padding to the left to multiples",
        FILE,
        {"processing_kwargs.text.padding_side": "left", "processing_kwargs.text.pad_to_multiple_of": 8},
    ),
    set_together(
        "padding to the left of the tokenizer up to max_length",
        FILE,
        {"processing_kwargs.text.padding": "max_length"},
        set_value(TOKENIZER_CONFIG, "padding_side", "left"),
    ),
    *set_each_nested("processing_kwargs.text.is_split_into_words", True),
    *set_each_nested("processing_kwargs.text.text_pair", ["the"]),
    *set_each_nested("processing_kwargs.text.logits_to_keep", 1),
    *set_each_nested("processing_kwargs.text.verbose", False),
    *set_each_nested("processing_kwargs.text.extra", 1),
    *set_each_nested("processing_kwargs.text.do_lower_case", False),
    *set_each_nested("processing_kwargs.text", {}, None, []),
    *set_each_nested("processing_kwargs.common.max_length", 16),
    *set_each_nested("processing_kwargs.common.add_special_tokens", False),
    *set_each_nested("processing_kwargs.common.padding", "max_length"),
    *set_each_nested("processing_kwargs.common.truncation", False),
    *set_each_nested("processing_kwargs.common.return_tensors", "np", None),
    set_together(
        "common wins over text",
        FILE,
        {"processing_kwargs.common.max_length": 12, "processing_kwargs.text.max_length": 20},
    ),
    set_together(
        "text.max_length wins over query_length", FILE, {"processing_kwargs.text.max_length": 20, "query_length": 8}
    ),
    set_together(
        "common.max_length wins over query_length", FILE, {"processing_kwargs.common.max_length": 20, "query_length": 8}
    ),
    *set_each_nested("processing_kwargs.image", {"x": 1}),
    *set_each_nested("processing_kwargs.chat_template", {"x": 1}),
    *set_each_nested("processing_kwargs.max_length", 16),
    *set_each_nested("processing_kwargs", None, {}, []),
]

MODEL = [
    *set_each_nested("config_kwargs.hidden_act", "relu"),
    *set_each_nested("config_args.hidden_act", "relu"),
    set_together(
        "config_args wins over config_kwargs",
        FILE,
        {"config_args.hidden_act": "relu", "config_kwargs.hidden_act": "silu"},
    ),
    *set_each_nested("config_kwargs.layer_norm_eps", 0.5),
    *set_each_nested("config_kwargs.is_causal", True),
    *set_each_nested("config_kwargs.num_hidden_layers", 1),
    *set_each_nested("config_kwargs.use_cache", True),
    *set_each_nested("config_kwargs.output_hidden_states", True),
    *set_each_nested("config_kwargs.nonsense", 1),
    *set_each_nested("config_kwargs.trust_remote_code", True),
    *set_each_nested("config_kwargs.pad_token_id", 5),
    *set_each_nested("config_kwargs.model_type", "distilbert"),
    *set_each_nested("model_kwargs.attn_implementation", "eager", "nonsense"),
    *set_each_nested("model_args.attn_implementation", "eager"),
    *set_each_nested("model_kwargs.dtype", "float16"),
    *set_each_nested("model_kwargs.torch_dtype", "float16"),
    *set_each_nested("model_args.torch_dtype", "bfloat16"),
    *set_each_nested("model_kwargs.ignore_mismatched_sizes", True),
    *set_each_nested("model_kwargs.use_safetensors", False, True),
    *set_each_nested("model_kwargs.variant", "fp16"),
    *set_each_nested("model_kwargs.key_mapping", {"^bert.encoder.layer.0": "bert.encoder.layer.1"}),
    *set_each_nested("model_kwargs.hidden_act", "relu"),
    *set_each_nested("model_kwargs.nonsense", 1),
    *set_each_nested("model_kwargs.trust_remote_code", True),
    *set_each_nested("model_kwargs.low_cpu_mem_usage", True),
    *set_each_nested("model_kwargs.device_map", "cpu"),
    *set_each_nested("model_kwargs.quantization_config", {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    *set_each_nested("model_kwargs.add_pooling_layer", True),
    *set_each_nested("model_kwargs.load_in_8bit", True),
    *set_each_nested("model_kwargs.load_in_4bit", True),
    *set_each_nested("model_kwargs.subfolder", "1_SpladePooling"),
    *set_each_nested("model_args", None),
    *set_each_nested("config_args", None),
]

TASK = [
    *set_each(FILE, "transformer_task", "fill-mask", "feature-extraction", "sequence-classification", "nonsense", None),
    *set_each(FILE, "module_output_name", "token_embeddings", "sentence_embedding"),
    build_modality_case("logits", {"text": LOGITS}),
    build_modality_case("logits in a list", {"text": {**LOGITS, "method_output_name": ["logits"]}}),
    build_modality_case("logits by index", {"text": {**LOGITS, "method_output_name": 0}}),
    build_modality_case("no output", {"text": {**LOGITS, "method_output_name": None}}),
    build_modality_case("no name of the output", {"text": LOGITS}, None),
    build_modality_case("another output", {"text": {**LOGITS, "method_output_name": "last_hidden_state"}}),
    build_modality_case("hidden states", {"text": {**LOGITS, "method_output_name": ["hidden_states", -1]}}),
    build_modality_case("loss", {"text": {**LOGITS, "method_output_name": "loss"}}),
    build_modality_case("another method", {"text": {**LOGITS, "method": "bert"}}),
    build_modality_case("a missing method", {"text": {**LOGITS, "method": "nonsense"}}),
    build_modality_case("no text", {"image": LOGITS}),
    build_modality_case("more than text", {"text": LOGITS, "image": LOGITS, "image+text": LOGITS, "nonsense": LOGITS}),
    build_modality_case("unknown keys", {"text": {**LOGITS, "format": "flat", "extra": 1}}),
    build_modality_case("incomplete", {"text": {"method": "forward"}}),
    build_modality_case("empty", {}),
    build_modality_case("null", None),
    build_modality_case("messages without a template", {"text": LOGITS, "message": {**LOGITS, "format": "flat"}}),
    build_modality_case(
        "messages with a template",
        {"text": LOGITS, "message": {**LOGITS, "format": "flat"}},
        "token_embeddings",
        set_value(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} the"),
    ),
    build_modality_case(
        "messages alone",
        {"message": {**LOGITS, "format": "flat"}},
        "token_embeddings",
        set_value(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} the"),
    ),
    Case(
        "a chat template next to modules.json",
        [f"{TOKENIZER_CONFIG}: chat_template"],
        [set_value(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} the")],
    ),
    *set_each(FILE, "unpad_inputs", True, False, None),
    *set_each(FILE, "backend", "onnx"),
    *set_each(FILE, "extra", 1),
    *set_each(FILE, "cache_dir", "x"),
    *set_each(FILE, "model_name_or_path", "x"),
    *set_each(FILE, "subfolder", "x"),
]

NAMES = [
    delete_file_case(FILE),
    Case("sentence_bert_config.json is empty", [FILE], [replace_json(FILE, {})]),
    *(
        Case(f"{FILE} is named {name}", [name], [move_file(FILE, name), set_value(name, "max_seq_length", 16)])
        for name in OTHER_NAMES
    ),
    Case("two names: the first wins", [FILE, OTHER_NAMES[0]], [replace_json(OTHER_NAMES[0], {"max_seq_length": 16})]),
    Case(
        "two of the other names: the first wins",
        OTHER_NAMES[:2],
        [
            remove_file(FILE),
            replace_json(OTHER_NAMES[1], {"max_seq_length": 16}),
            replace_json(OTHER_NAMES[0], {"max_seq_length": 24}),
        ],
    ),
    Case(
        "an empty file, and a file with the next name",
        [FILE, OTHER_NAMES[3]],
        [replace_json(FILE, {}), replace_json(OTHER_NAMES[3], {"max_seq_length": 16})],
    ),
    Case(
        "config_name.json is not a recognized name",
        ["sentence_modernbert_config.json"],
        [remove_file(FILE), replace_json("sentence_modernbert_config.json", {"max_seq_length": 16})],
    ),
]

BERT = [*LENGTHS, *EXPANSION, *PROCESSOR, *PROCESSING, *MODEL, *TASK, *NAMES]
# Base without modules.json, for which none of the names is read.
PLAIN = [
    Case(
        "sentence_bert_config.json without modules.json",
        [FILE],
        [replace_json(FILE, {"max_seq_length": 16, "do_lower_case": True, "query_length": 8})],
    ),
    Case(
        "config_sentence_transformers.json without modules.json",
        ["config_sentence_transformers.json"],
        [
            replace_json(
                "config_sentence_transformers.json",
                {"model_type": "SparseEncoder", "prompts": {"query": "the "}, "max_active_dims": 5},
            )
        ],
    ),
    Case("router_config.json without modules.json", ["router_config.json"], [replace_json("router_config.json", {})]),
]
