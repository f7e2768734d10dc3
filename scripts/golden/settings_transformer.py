"""Cases of sentence_bert_config.json, and of the other six names that it may have."""

from settings_case import Case, drops, sets, several, without
from settings_changes import Change, delete, move, put, whole

FILE, TOKENIZER_CONFIG = "sentence_bert_config.json", "tokenizer_config.json"
OTHER_NAMES = [
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
]
CASED = put(TOKENIZER_CONFIG, "do_lower_case", False)
LOGITS = {"method": "forward", "method_output_name": "logits"}


def nested(path: str, *values: object) -> list[Case]:
    return sets(FILE, path, *values)


def modality(name: str, entry: object, output: str | None = "token_embeddings", *more: Change) -> Case:
    changes = [put(FILE, "modality_config", entry), *more]
    if output is not None:
        changes.insert(1, put(FILE, "module_output_name", output))
    return Case(f"modality_config: {name}", [f"{FILE}: modality_config", f"{FILE}: module_output_name"], changes)


LENGTHS = [
    *sets(FILE, "max_seq_length", 16, 128, 512, 2, 1, None, 16.0, "16", -1),
    *drops(FILE, "max_seq_length", "do_lower_case"),
    several(
        "max_seq_length wins over model_max_length",
        FILE,
        {"max_seq_length": 40},
        put(TOKENIZER_CONFIG, "model_max_length", 16),
    ),
    several(
        "max_seq_length null, model_max_length 16",
        FILE,
        {"max_seq_length": None},
        put(TOKENIZER_CONFIG, "model_max_length", 16),
    ),
    Case(
        "model_max_length 16 without max_seq_length",
        [f"{FILE}: max_seq_length", f"{TOKENIZER_CONFIG}: model_max_length"],
        [delete(FILE), put(TOKENIZER_CONFIG, "model_max_length", 16)],
    ),
    several(
        "processor_kwargs.model_max_length wins over max_seq_length",
        FILE,
        {"max_seq_length": 40, "processor_kwargs.model_max_length": 16},
    ),
    several("processor_kwargs.model_max_length beyond the positions", FILE, {"processor_kwargs.model_max_length": 512}),
    several(
        "special_tokens_map.json and max_seq_length",
        FILE,
        {"max_seq_length": 40},
        put("special_tokens_map.json", "model_max_length", 16),
    ),
    *sets(FILE, "query_length", 8, 2, 300, None),
    *sets(FILE, "document_length", 8, 300, None),
    several("query_length and document_length", FILE, {"query_length": 8, "document_length": 12}),
    several("query_length beyond max_seq_length", FILE, {"query_length": 60, "max_seq_length": 16}),
    Case("do_lower_case of a cased tokenizer", [f"{FILE}: do_lower_case"], [CASED, put(FILE, "do_lower_case", True)]),
    *sets(FILE, "do_lower_case", True, None, 0),
    several(
        "do_lower_case of a cased tokenizer, with a prompt",
        FILE,
        {"do_lower_case": True},
        CASED,
        put("config_sentence_transformers.json", "prompts", {"query": "THE "}),
    ),
    Case(
        "do_lower_case, taken as it is",
        [f"{FILE}: do_lower_case"],
        [
            whole(TOKENIZER_CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}),
            put("tokenizer.json", "normalizer.lowercase", False),
            put(FILE, "do_lower_case", True),
        ],
    ),
    Case(
        "do_lower_case, lowered already",
        [f"{FILE}: do_lower_case"],
        [
            whole(TOKENIZER_CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}),
            put(
                "tokenizer.json",
                "normalizer",
                {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
            ),
            put(FILE, "do_lower_case", True),
        ],
    ),
]

EXPANSION = [
    *nested(
        "query_expansion", {"strategy": "fixed", "length": 16}, {"strategy": "fixed", "length": 16, "attend": True}
    ),
    *nested("query_expansion", {"strategy": "min", "length": 16}, {"strategy": "min", "length": 16, "attend": True}),
    *nested("query_expansion", {"strategy": "fixed", "length": 40, "attend": True, "token": "the"}),
    *nested("query_expansion", {"strategy": "fixed", "length": 16, "attend": True, "token": "[NEW]"}),
    *nested("query_expansion", {"strategy": "nonsense", "length": 16}, {"strategy": "fixed"}, {}, None),
    several(
        "query_expansion and query_length",
        FILE,
        {"query_expansion": {"strategy": "min", "length": 8, "attend": True}, "query_length": 12},
    ),
    several(
        "query_expansion longer than query_length",
        FILE,
        {"query_expansion": {"strategy": "min", "length": 16}, "query_length": 12},
    ),
    several(
        "query_expansion with a prompt",
        FILE,
        {"query_expansion": {"strategy": "fixed", "length": 16, "attend": True}},
        put("config_sentence_transformers.json", "prompts", {"query": "the "}),
    ),
]

PROCESSOR = [
    *nested("processor_kwargs.do_lower_case", False),
    *nested("tokenizer_args.do_lower_case", False),
    several(
        "tokenizer_args wins over processor_kwargs",
        FILE,
        {"tokenizer_args.do_lower_case": False, "processor_kwargs.do_lower_case": True},
    ),
    several(
        "processor_kwargs of the caller's own names",
        FILE,
        {
            "processor_kwargs.token": "x",
            "processor_kwargs.revision": "y",
            "processor_kwargs.subfolder": "1_SpladePooling",
        },
    ),
    *nested("processor_kwargs.model_max_length", 16, None),
    *nested("processor_kwargs.truncation_side", "left"),
    *nested("processor_kwargs.padding_side", "left"),
    *nested("processor_kwargs.strip_accents", False),
    *nested("processor_kwargs.cls_token", "[MASK]"),
    *nested("processor_kwargs.extra_special_tokens", ["the"]),
    *nested("processor_kwargs.tokenizer_type", "roberta", "bert"),
    *nested("processor_kwargs.use_fast", False),
    *nested("processor_kwargs.trust_remote_code", True),
    *nested("processor_kwargs.extra", 1),
    *nested("processor_kwargs.split_special_tokens", True),
    *nested("processor_kwargs.max_length", 16),
    *nested("tokenizer_args", None),
    *nested("processor_kwargs", None, []),
    several(
        "processor_kwargs wins over special_tokens_map.json",
        FILE,
        {"processor_kwargs.cls_token": "[MASK]"},
        put("special_tokens_map.json", "cls_token", "the"),
    ),
    *nested("tokenizer_name_or_path", "bert-base-uncased", None),
]

PROCESSING = [
    *nested("processing_kwargs.text.max_length", 16, 300, 2, None),
    *nested(
        "processing_kwargs.text.truncation",
        False,
        "do_not_truncate",
        "only_first",
        "longest_first",
        "only_second",
        True,
        None,
    ),
    *nested("processing_kwargs.text.padding", "max_length", False, "longest", "do_not_pad"),
    *nested("processing_kwargs.text.add_special_tokens", False),
    *nested("processing_kwargs.text.split_special_tokens", True),
    *nested("processing_kwargs.text.return_token_type_ids", False),
    *nested("processing_kwargs.text.return_attention_mask", False),
    *nested("processing_kwargs.text.return_special_tokens_mask", True),
    *nested("processing_kwargs.text.return_offsets_mapping", True),
    *nested("processing_kwargs.text.return_length", True),
    *nested("processing_kwargs.text.return_overflowing_tokens", True),
    *nested("processing_kwargs.text.stride", 3),
    *nested("processing_kwargs.text.pad_to_multiple_of", 8, 7),
    *nested("processing_kwargs.text.padding_side", "left"),
    several(
        "padding to the left up to max_length",
        FILE,
        {"processing_kwargs.text.padding_side": "left", "processing_kwargs.text.padding": "max_length"},
    ),
    several(
        "padding to the left to multiples",
        FILE,
        {"processing_kwargs.text.padding_side": "left", "processing_kwargs.text.pad_to_multiple_of": 8},
    ),
    several(
        "padding to the left of the tokenizer up to max_length",
        FILE,
        {"processing_kwargs.text.padding": "max_length"},
        put(TOKENIZER_CONFIG, "padding_side", "left"),
    ),
    *nested("processing_kwargs.text.is_split_into_words", True),
    *nested("processing_kwargs.text.text_pair", ["the"]),
    *nested("processing_kwargs.text.logits_to_keep", 1),
    *nested("processing_kwargs.text.verbose", False),
    *nested("processing_kwargs.text.extra", 1),
    *nested("processing_kwargs.text.do_lower_case", False),
    *nested("processing_kwargs.text", {}, None, []),
    *nested("processing_kwargs.common.max_length", 16),
    *nested("processing_kwargs.common.add_special_tokens", False),
    *nested("processing_kwargs.common.padding", "max_length"),
    *nested("processing_kwargs.common.truncation", False),
    *nested("processing_kwargs.common.return_tensors", "np", None),
    several(
        "common wins over text",
        FILE,
        {"processing_kwargs.common.max_length": 12, "processing_kwargs.text.max_length": 20},
    ),
    several(
        "text.max_length wins over query_length", FILE, {"processing_kwargs.text.max_length": 20, "query_length": 8}
    ),
    several(
        "common.max_length wins over query_length", FILE, {"processing_kwargs.common.max_length": 20, "query_length": 8}
    ),
    *nested("processing_kwargs.image", {"x": 1}),
    *nested("processing_kwargs.chat_template", {"x": 1}),
    *nested("processing_kwargs.max_length", 16),
    *nested("processing_kwargs", None, {}, []),
]

MODEL = [
    *nested("config_kwargs.hidden_act", "relu"),
    *nested("config_args.hidden_act", "relu"),
    several(
        "config_args wins over config_kwargs",
        FILE,
        {"config_args.hidden_act": "relu", "config_kwargs.hidden_act": "silu"},
    ),
    *nested("config_kwargs.layer_norm_eps", 0.5),
    *nested("config_kwargs.is_causal", True),
    *nested("config_kwargs.num_hidden_layers", 1),
    *nested("config_kwargs.use_cache", True),
    *nested("config_kwargs.output_hidden_states", True),
    *nested("config_kwargs.nonsense", 1),
    *nested("config_kwargs.trust_remote_code", True),
    *nested("config_kwargs.pad_token_id", 5),
    *nested("config_kwargs.model_type", "distilbert"),
    *nested("model_kwargs.attn_implementation", "eager", "nonsense"),
    *nested("model_args.attn_implementation", "eager"),
    *nested("model_kwargs.dtype", "float16"),
    *nested("model_kwargs.torch_dtype", "float16"),
    *nested("model_args.torch_dtype", "bfloat16"),
    *nested("model_kwargs.ignore_mismatched_sizes", True),
    *nested("model_kwargs.use_safetensors", False, True),
    *nested("model_kwargs.variant", "fp16"),
    *nested("model_kwargs.key_mapping", {"^bert.encoder.layer.0": "bert.encoder.layer.1"}),
    *nested("model_kwargs.hidden_act", "relu"),
    *nested("model_kwargs.nonsense", 1),
    *nested("model_kwargs.trust_remote_code", True),
    *nested("model_kwargs.low_cpu_mem_usage", True),
    *nested("model_kwargs.device_map", "cpu"),
    *nested("model_kwargs.quantization_config", {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    *nested("model_kwargs.add_pooling_layer", True),
    *nested("model_kwargs.load_in_8bit", True),
    *nested("model_kwargs.load_in_4bit", True),
    *nested("model_kwargs.subfolder", "1_SpladePooling"),
    *nested("model_args", None),
    *nested("config_args", None),
]

TASK = [
    *sets(FILE, "transformer_task", "fill-mask", "feature-extraction", "sequence-classification", "nonsense", None),
    *sets(FILE, "module_output_name", "token_embeddings", "sentence_embedding"),
    modality("logits", {"text": LOGITS}),
    modality("logits in a list", {"text": {**LOGITS, "method_output_name": ["logits"]}}),
    modality("logits by their place", {"text": {**LOGITS, "method_output_name": 0}}),
    modality("no output", {"text": {**LOGITS, "method_output_name": None}}),
    modality("no name of the output", {"text": LOGITS}, None),
    modality("another output", {"text": {**LOGITS, "method_output_name": "last_hidden_state"}}),
    modality("hidden states", {"text": {**LOGITS, "method_output_name": ["hidden_states", -1]}}),
    modality("loss", {"text": {**LOGITS, "method_output_name": "loss"}}),
    modality("another method", {"text": {**LOGITS, "method": "bert"}}),
    modality("a missing method", {"text": {**LOGITS, "method": "nonsense"}}),
    modality("no text", {"image": LOGITS}),
    modality("more than text", {"text": LOGITS, "image": LOGITS, "image+text": LOGITS, "nonsense": LOGITS}),
    modality("unknown keys", {"text": {**LOGITS, "format": "flat", "extra": 1}}),
    modality("incomplete", {"text": {"method": "forward"}}),
    modality("empty", {}),
    modality("null", None),
    modality("messages without a template", {"text": LOGITS, "message": {**LOGITS, "format": "flat"}}),
    modality(
        "messages with a template",
        {"text": LOGITS, "message": {**LOGITS, "format": "flat"}},
        "token_embeddings",
        put(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} the"),
    ),
    modality(
        "messages alone",
        {"message": {**LOGITS, "format": "flat"}},
        "token_embeddings",
        put(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} the"),
    ),
    Case(
        "a chat template where modules.json is",
        [f"{TOKENIZER_CONFIG}: chat_template"],
        [put(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} the")],
    ),
    *sets(FILE, "unpad_inputs", True, False, None),
    *sets(FILE, "backend", "onnx"),
    *sets(FILE, "extra", 1),
    *sets(FILE, "cache_dir", "x"),
    *sets(FILE, "model_name_or_path", "x"),
    *sets(FILE, "subfolder", "x"),
]

NAMES = [
    without(FILE),
    Case("sentence_bert_config.json is empty", [FILE], [whole(FILE, {})]),
    *(
        Case(f"{FILE} is named {name}", [name], [move(FILE, name), put(name, "max_seq_length", 16)])
        for name in OTHER_NAMES
    ),
    Case("two names: the first wins", [FILE, OTHER_NAMES[0]], [whole(OTHER_NAMES[0], {"max_seq_length": 16})]),
    Case(
        "two of the other names: the first wins",
        OTHER_NAMES[:2],
        [delete(FILE), whole(OTHER_NAMES[1], {"max_seq_length": 16}), whole(OTHER_NAMES[0], {"max_seq_length": 24})],
    ),
    Case(
        "an empty file gives way to the next name",
        [FILE, OTHER_NAMES[3]],
        [whole(FILE, {}), whole(OTHER_NAMES[3], {"max_seq_length": 16})],
    ),
    Case(
        "config_name.json is no name",
        ["sentence_modernbert_config.json"],
        [delete(FILE), whole("sentence_modernbert_config.json", {"max_seq_length": 16})],
    ),
]

BERT = [*LENGTHS, *EXPANSION, *PROCESSOR, *PROCESSING, *MODEL, *TASK, *NAMES]
# Without modules.json none of these names is read.
PLAIN = [
    Case(
        "sentence_bert_config.json without modules.json",
        [FILE],
        [whole(FILE, {"max_seq_length": 16, "do_lower_case": True, "query_length": 8})],
    ),
    Case(
        "config_sentence_transformers.json without modules.json",
        ["config_sentence_transformers.json"],
        [
            whole(
                "config_sentence_transformers.json",
                {"model_type": "SparseEncoder", "prompts": {"query": "the "}, "max_active_dims": 5},
            )
        ],
    ),
    Case("router_config.json without modules.json", ["router_config.json"], [whole("router_config.json", {})]),
]
