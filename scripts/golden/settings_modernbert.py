"""Cases that change config.json and tokenizer.json of ModernBERT, which uses the generic tokenizer class."""

from settings_case import Case, append_added_token, delete_file_case, drop_each, set_each, set_irrelevant, set_together
from settings_changes import remove_file, remove_value, set_value
from settings_config import COMMON_IRRELEVANT, OBSOLETE_KEYS
from settings_wordpiece import build_added_token, build_token

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
AND, AND_ID = "and", 356
FULL, SLIDING = "full_attention", "sliding_attention"


def build_rope_parameters(**rope: object) -> dict[str, dict[str, object]]:
    """Returns the same RoPE parameters, except for the bases, for both kinds of layers."""
    return {FULL: {"rope_theta": 3000.0, **rope}, SLIDING: {"rope_theta": 70.0, **rope}}


ROPE = [
    {"rope_type": "linear", "factor": 4.0},
    {"rope_type": "dynamic", "factor": 4.0},
    {"rope_type": "yarn", "factor": 4.0},
    {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    {"rope_type": "longrope", "factor": 4.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4},
    {"rope_type": "proportional"},
    {"rope_type": "nonsense"},
    {"rope_type": "default", "partial_rotary_factor": 0.5},
    {"type": "linear", "factor": 4.0},
]

COMMON = [
    *set_each(CONFIG, "hidden_activation", "relu", "gelu_new", "silu", "gelu_pytorch_tanh", None),
    *set_each(CONFIG, "hidden_act", "relu"),
    *set_each(CONFIG, "norm_eps", 0.5),
    *set_each(CONFIG, "layer_norm_eps", 0.25),
    *set_each(CONFIG, "norm_bias", True, False),
    *set_each(CONFIG, "attention_bias", True, False),
    *set_each(CONFIG, "mlp_bias", True, False),
    *set_each(CONFIG, "decoder_bias", False),
    *set_each(CONFIG, "classifier_bias", True, False),
    *set_each(CONFIG, "classifier_activation", "relu", "silu"),
    *set_each(CONFIG, "num_attention_heads", 2, 8),
    *set_each(CONFIG, "num_hidden_layers", 3),
    *set_each(CONFIG, "local_attention", 8, 2, 1, 0, 7, 10000, -1),
    *set_each(CONFIG, "sliding_window", 4),
    *set_each(CONFIG, "global_attn_every_n_layers", 2, 1, 9, 0),
    *set_each(CONFIG, "global_rope_theta", 77.0),
    *set_each(CONFIG, "local_rope_theta", 7.0),
    *set_each(CONFIG, "rope_theta", 7.0),
    *set_each(CONFIG, "partial_rotary_factor", 0.5),
    *set_each(
        CONFIG,
        "rope_scaling",
        {"rope_type": "linear", "factor": 4.0},
        {"type": "linear", "factor": 4.0},
        {"factor": 2.0},
    ),
    *set_each(CONFIG, "layer_types", [FULL] * 4, [SLIDING] * 4, [FULL], ["chunked_attention"] * 4, ["nonsense"] * 4),
    *set_each(
        CONFIG,
        "rope_parameters",
        build_rope_parameters(rope_type="default"),
        {FULL: {"rope_theta": 9.0}},
        {"rope_theta": 9.0},
        {},
    ),
    *set_each(CONFIG, "rope_parameters", {"rope_theta": 9.0, "rope_type": "linear", "factor": 2.0}, {FULL: None}, None),
    *(
        Case(
            f"rope_parameters {number}: {rope.get('rope_type', rope.get('type'))}",
            [f"{CONFIG}: rope_parameters"],
            [set_value(CONFIG, "rope_parameters", build_rope_parameters(**rope))],
        )
        for number, rope in enumerate(ROPE)
    ),
    *set_each(
        CONFIG,
        "rope_parameters",
        {FULL: {"rope_theta": 9.0, "rope_type": "linear", "factor": 3.0}},
        tag="one kind scaled: ",
    ),
    *set_each(CONFIG, "max_position_embeddings", 64, 1024),
    *set_each(CONFIG, "pad_token_id", 5, None, 608),
    *set_each(CONFIG, "cls_token_id", 5),
    *set_each(CONFIG, "tie_word_embeddings", False, True),
    *set_each(CONFIG, "is_causal", True),
    *set_each(CONFIG, "is_decoder", True),
    *set_each(CONFIG, "sparse_prediction", True),
    *set_each(CONFIG, "head_dim", 4),
    *set_each(CONFIG, "return_dict", False),
    set_irrelevant(CONFIG, OBSOLETE_KEYS, "config.json obsolete keys"),
    *set_each(CONFIG, "vocab_size", 601),
    *set_each(CONFIG, "attn_implementation", "eager"),
    *set_each(CONFIG, "classifier_pooling", "mean", "nonsense"),
    *drop_each(CONFIG, "norm_eps", "hidden_activation", "norm_bias", "attention_bias", "mlp_bias", "decoder_bias"),
    *drop_each(
        CONFIG, "classifier_activation", "classifier_bias", "local_attention", "pad_token_id", "tie_word_embeddings"
    ),
    *drop_each(CONFIG, "max_position_embeddings"),
    set_irrelevant(
        CONFIG,
        {
            **{key: value for key, value in COMMON_IRRELEVANT.items() if "dropout" not in key and key != "return_dict"},
            "attention_dropout": 0.9,
            "causal_mask": True,
            "classifier_dropout": 0.9,
            "deterministic_flash_attn": True,
            "embedding_dropout": 0.9,
            "initializer_cutoff_factor": 9.0,
            "mlp_dropout": 0.9,
            "position_embedding_type": "relative_key",
            "reference_compile": True,
            "repad_logits_with_grad": True,
            "sep_token_id": 5,
            "sparse_pred_ignore_index": 3,
        },
    ),
]

TOKENIZER_CASES = [
    *drop_each(TOKENIZER_CONFIG, "tokenizer_class", "pad_token", "cls_token"),
    *set_each(
        TOKENIZER_CONFIG,
        "tokenizer_class",
        "TokenizersBackend",
        "ModernBertTokenizer",
        "BertTokenizer",
        "RobertaTokenizer",
    ),
    *set_each(TOKENIZER_CONFIG, "model_max_length", 16, 1000),
    *set_each(TOKENIZER_CONFIG, "add_prefix_space", True),
    *set_each(TOKENIZER_CONFIG, "do_lower_case", True),
    *set_each(TOKENIZER_CONFIG, "truncation_side", "left"),
    *set_each(
        TOKENIZER_CONFIG,
        "mask_token",
        {"__type": "AddedToken", **build_token("[MASK]", rstrip=True)},
        tag="strips right: ",
    ),
    *set_each(TOKENIZER_CONFIG, "mask_token", AND, tag="another word: "),
    *set_each(TOKENIZER_CONFIG, "cls_token", "[MASK]", "[NEW]"),
    *set_each(TOKENIZER_CONFIG, "pad_token", "[NEW]", AND),
    *set_each(TOKENIZER_CONFIG, "extra_special_tokens", [AND, "[NEW]", "vector-space"]),
    *set_each(TOKENIZER_CONFIG, "additional_special_tokens", ["vector-space"]),
    *set_each(TOKENIZER_CONFIG, "image_token", "vector-space"),
    *set_each(
        TOKENIZER_CONFIG,
        "added_tokens_decoder",
        {"601": build_token("vector-space")},
        {"605": build_token("vector-space")},
    ),
    *set_each(
        TOKENIZER_CONFIG, "added_tokens_decoder", {str(AND_ID): build_token(AND, single_word=True)}, tag="one word: "
    ),
    *set_each(TOKENIZER_CONFIG, "split_special_tokens", True),
    *set_each(TOKENIZER_CONFIG, "add_bos_token", True),
    *set_each(TOKENIZER_CONFIG, "post_processor", None),
    *set_each(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} and"),
    *set_each("special_tokens_map.json", "mask_token", AND, {"content": "[MASK]", "rstrip": True, "lstrip": False}),
    *set_each("special_tokens_map.json", "model_max_length", 16),
    *set_each("added_tokens.json", "vector-space", 601, 604),
    *set_each(TOKENIZER, "normalizer", None, {"type": "NFKC"}, {"type": "Lowercase"}),
    *set_each(
        TOKENIZER, "normalizer", {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}
    ),
    *set_each(TOKENIZER, "normalizer", {"type": "Replace", "pattern": {"Regex": "[aeiou]+"}, "content": "o"}),
    *set_each(TOKENIZER, "normalizer", {"type": "Prepend", "prepend": "and"}),
    *set_each(TOKENIZER, "normalizer", {"type": "Strip", "strip_left": True, "strip_right": True}),
    *set_each(TOKENIZER, "pre_tokenizer.add_prefix_space", True),
    *set_each(TOKENIZER, "pre_tokenizer.use_regex", False),
    *set_each(
        TOKENIZER,
        "pre_tokenizer",
        {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": " ?\\p{L}+| ?\\p{N}"}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
    ),
    *set_each(
        TOKENIZER,
        "pre_tokenizer",
        {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "Punctuation", "behavior": "Isolated"},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            ],
        },
        tag="digits: ",
    ),
    *set_each(TOKENIZER, "post_processor", None),
    *set_each(TOKENIZER, "model.ignore_merges", True),
    *set_each(TOKENIZER, "model.dropout", 0.5),
    *set_each(TOKENIZER, "truncation.direction", "Left"),
    *(
        Case(
            f"an added token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [
                append_added_token(
                    "modernbert-random-tied", build_added_token(601, "vector", **{flag: flag != "normalized"})
                )
            ],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    *(
        Case(
            f"mask token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [set_value(TOKENIZER, ["added_tokens", 4, flag], flag not in ("special", "lstrip"))],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    delete_file_case(TOKENIZER_CONFIG),
    Case("no vocabulary", [TOKENIZER], [remove_file(TOKENIZER)]),
]

# Base with the old format of config.json, without biases, tied.
OLD = [
    *COMMON,
    *drop_each(CONFIG, "global_attn_every_n_layers", "global_rope_theta", "local_rope_theta"),
    *TOKENIZER_CASES,
]
# Base with the new format (layer_types and rope_parameters), with biases, untied.
NEW = [
    *set_each(CONFIG, "norm_bias", False),
    *set_each(CONFIG, "attention_bias", False),
    *set_each(CONFIG, "mlp_bias", False),
    *set_each(CONFIG, "classifier_bias", False),
    *set_each(CONFIG, "decoder_bias", False),
    *drop_each(CONFIG, "norm_bias", "attention_bias", "mlp_bias", "classifier_bias", "decoder_bias"),
    *set_each(CONFIG, "tie_word_embeddings", True),
    *drop_each(CONFIG, "tie_word_embeddings", "layer_types", "rope_parameters"),
    *set_each(CONFIG, "global_attn_every_n_layers", 2),
    *set_each(CONFIG, "global_rope_theta", 77.0),
    *set_each(CONFIG, "local_rope_theta", 7.0),
    *set_each(CONFIG, "rope_theta", 7.0),
    *set_each(CONFIG, "rope_scaling", {"rope_type": "linear", "factor": 4.0}, {"rope_theta": 9.0}),
    *set_each(CONFIG, "rope_parameters.full_attention.rope_theta", 9.0, 9, None),
    *set_each(CONFIG, "rope_parameters.full_attention.rope_type", "linear"),
    *set_each(CONFIG, "rope_parameters.full_attention.nonsense", 1),
    *drop_each(CONFIG, "rope_parameters.full_attention.rope_theta", "rope_parameters.full_attention.rope_type"),
    *drop_each(CONFIG, "rope_parameters.full_attention"),
    set_together("layer_types null", CONFIG, {"layer_types": None}),
    set_together(
        "all layers the same, one rope",
        CONFIG,
        {"layer_types": [FULL] * 4},
        remove_value(CONFIG, "rope_parameters.sliding_attention"),
    ),
    *set_each(CONFIG, "num_hidden_layers", 2),
]
