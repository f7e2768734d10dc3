"""Cases of ModernBERT: config.json, and a tokenizer.json that is taken as it is."""

from settings_case import Case, adds_token, drops, irrelevant, sets, several, without
from settings_changes import delete, drop, put
from settings_config import COMMON_IRRELEVANT, OLD_NOTES
from settings_wordpiece import added, token

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
AND, AND_ID = "and", 356
FULL, SLIDING = "full_attention", "sliding_attention"


def scaled(**rope: object) -> dict[str, dict[str, object]]:
    """The same rotation for both kinds of layers."""
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
    *sets(CONFIG, "hidden_activation", "relu", "gelu_new", "silu", "gelu_pytorch_tanh", None),
    *sets(CONFIG, "hidden_act", "relu"),
    *sets(CONFIG, "norm_eps", 0.5),
    *sets(CONFIG, "layer_norm_eps", 0.25),
    *sets(CONFIG, "norm_bias", True, False),
    *sets(CONFIG, "attention_bias", True, False),
    *sets(CONFIG, "mlp_bias", True, False),
    *sets(CONFIG, "decoder_bias", False),
    *sets(CONFIG, "classifier_bias", True, False),
    *sets(CONFIG, "classifier_activation", "relu", "silu"),
    *sets(CONFIG, "num_attention_heads", 2, 8),
    *sets(CONFIG, "num_hidden_layers", 3),
    *sets(CONFIG, "local_attention", 8, 2, 1, 0, 7, 10000, -1),
    *sets(CONFIG, "sliding_window", 4),
    *sets(CONFIG, "global_attn_every_n_layers", 2, 1, 9, 0),
    *sets(CONFIG, "global_rope_theta", 77.0),
    *sets(CONFIG, "local_rope_theta", 7.0),
    *sets(CONFIG, "rope_theta", 7.0),
    *sets(CONFIG, "partial_rotary_factor", 0.5),
    *sets(
        CONFIG,
        "rope_scaling",
        {"rope_type": "linear", "factor": 4.0},
        {"type": "linear", "factor": 4.0},
        {"factor": 2.0},
    ),
    *sets(CONFIG, "layer_types", [FULL] * 4, [SLIDING] * 4, [FULL], ["chunked_attention"] * 4, ["nonsense"] * 4),
    *sets(CONFIG, "rope_parameters", scaled(rope_type="default"), {FULL: {"rope_theta": 9.0}}, {"rope_theta": 9.0}, {}),
    *sets(CONFIG, "rope_parameters", {"rope_theta": 9.0, "rope_type": "linear", "factor": 2.0}, {FULL: None}, None),
    *(
        Case(
            f"rope_parameters {number}: {rope.get('rope_type', rope.get('type'))}",
            [f"{CONFIG}: rope_parameters"],
            [put(CONFIG, "rope_parameters", scaled(**rope))],
        )
        for number, rope in enumerate(ROPE)
    ),
    *sets(
        CONFIG,
        "rope_parameters",
        {FULL: {"rope_theta": 9.0, "rope_type": "linear", "factor": 3.0}},
        tag="one kind scaled: ",
    ),
    *sets(CONFIG, "max_position_embeddings", 64, 1024),
    *sets(CONFIG, "pad_token_id", 5, None, 608),
    *sets(CONFIG, "cls_token_id", 5),
    *sets(CONFIG, "tie_word_embeddings", False, True),
    *sets(CONFIG, "is_causal", True),
    *sets(CONFIG, "is_decoder", True),
    *sets(CONFIG, "sparse_prediction", True),
    *sets(CONFIG, "head_dim", 4),
    *sets(CONFIG, "return_dict", False),
    irrelevant(CONFIG, OLD_NOTES, "config.json old notes"),
    *sets(CONFIG, "vocab_size", 601),
    *sets(CONFIG, "attn_implementation", "eager"),
    *sets(CONFIG, "classifier_pooling", "mean", "nonsense"),
    *drops(CONFIG, "norm_eps", "hidden_activation", "norm_bias", "attention_bias", "mlp_bias", "decoder_bias"),
    *drops(
        CONFIG, "classifier_activation", "classifier_bias", "local_attention", "pad_token_id", "tie_word_embeddings"
    ),
    *drops(CONFIG, "max_position_embeddings"),
    irrelevant(
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
    *drops(TOKENIZER_CONFIG, "tokenizer_class", "pad_token", "cls_token"),
    *sets(
        TOKENIZER_CONFIG,
        "tokenizer_class",
        "TokenizersBackend",
        "ModernBertTokenizer",
        "BertTokenizer",
        "RobertaTokenizer",
    ),
    *sets(TOKENIZER_CONFIG, "model_max_length", 16, 1000),
    *sets(TOKENIZER_CONFIG, "add_prefix_space", True),
    *sets(TOKENIZER_CONFIG, "do_lower_case", True),
    *sets(TOKENIZER_CONFIG, "truncation_side", "left"),
    *sets(
        TOKENIZER_CONFIG, "mask_token", {"__type": "AddedToken", **token("[MASK]", rstrip=True)}, tag="strips right: "
    ),
    *sets(TOKENIZER_CONFIG, "mask_token", AND, tag="another word: "),
    *sets(TOKENIZER_CONFIG, "cls_token", "[MASK]", "[NEW]"),
    *sets(TOKENIZER_CONFIG, "pad_token", "[NEW]", AND),
    *sets(TOKENIZER_CONFIG, "extra_special_tokens", [AND, "[NEW]", "vector-space"]),
    *sets(TOKENIZER_CONFIG, "additional_special_tokens", ["vector-space"]),
    *sets(TOKENIZER_CONFIG, "image_token", "vector-space"),
    *sets(TOKENIZER_CONFIG, "added_tokens_decoder", {"601": token("vector-space")}, {"605": token("vector-space")}),
    *sets(TOKENIZER_CONFIG, "added_tokens_decoder", {str(AND_ID): token(AND, single_word=True)}, tag="one word: "),
    *sets(TOKENIZER_CONFIG, "split_special_tokens", True),
    *sets(TOKENIZER_CONFIG, "add_bos_token", True),
    *sets(TOKENIZER_CONFIG, "post_processor", None),
    *sets(TOKENIZER_CONFIG, "chat_template", "{{ messages[0]['content'] }} and"),
    *sets("special_tokens_map.json", "mask_token", AND, {"content": "[MASK]", "rstrip": True, "lstrip": False}),
    *sets("special_tokens_map.json", "model_max_length", 16),
    *sets("added_tokens.json", "vector-space", 601, 604),
    *sets(TOKENIZER, "normalizer", None, {"type": "NFKC"}, {"type": "Lowercase"}),
    *sets(TOKENIZER, "normalizer", {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}),
    *sets(TOKENIZER, "normalizer", {"type": "Replace", "pattern": {"Regex": "[aeiou]+"}, "content": "o"}),
    *sets(TOKENIZER, "normalizer", {"type": "Prepend", "prepend": "and"}),
    *sets(TOKENIZER, "normalizer", {"type": "Strip", "strip_left": True, "strip_right": True}),
    *sets(TOKENIZER, "pre_tokenizer.add_prefix_space", True),
    *sets(TOKENIZER, "pre_tokenizer.use_regex", False),
    *sets(
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
    *sets(
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
    *sets(TOKENIZER, "post_processor", None),
    *sets(TOKENIZER, "model.ignore_merges", True),
    *sets(TOKENIZER, "model.dropout", 0.5),
    *sets(TOKENIZER, "truncation.direction", "Left"),
    *(
        Case(
            f"an added token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [adds_token("modernbert-random-tied", added(601, "vector", **{flag: flag != "normalized"}))],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    *(
        Case(
            f"mask token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [put(TOKENIZER, ["added_tokens", 4, flag], flag not in ("special", "lstrip"))],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    without(TOKENIZER_CONFIG),
    Case("no vocabulary", [TOKENIZER], [delete(TOKENIZER)]),
]

# The old form of config.json, without biases, tied.
OLD = [
    *COMMON,
    *drops(CONFIG, "global_attn_every_n_layers", "global_rope_theta", "local_rope_theta"),
    *TOKENIZER_CASES,
]
# The new form, with biases, untied: layer_types and rope_parameters are there already.
NEW = [
    *sets(CONFIG, "norm_bias", False),
    *sets(CONFIG, "attention_bias", False),
    *sets(CONFIG, "mlp_bias", False),
    *sets(CONFIG, "classifier_bias", False),
    *sets(CONFIG, "decoder_bias", False),
    *drops(CONFIG, "norm_bias", "attention_bias", "mlp_bias", "classifier_bias", "decoder_bias"),
    *sets(CONFIG, "tie_word_embeddings", True),
    *drops(CONFIG, "tie_word_embeddings", "layer_types", "rope_parameters"),
    *sets(CONFIG, "global_attn_every_n_layers", 2),
    *sets(CONFIG, "global_rope_theta", 77.0),
    *sets(CONFIG, "local_rope_theta", 7.0),
    *sets(CONFIG, "rope_theta", 7.0),
    *sets(CONFIG, "rope_scaling", {"rope_type": "linear", "factor": 4.0}, {"rope_theta": 9.0}),
    *sets(CONFIG, "rope_parameters.full_attention.rope_theta", 9.0, 9, None),
    *sets(CONFIG, "rope_parameters.full_attention.rope_type", "linear"),
    *sets(CONFIG, "rope_parameters.full_attention.nonsense", 1),
    *drops(CONFIG, "rope_parameters.full_attention.rope_theta", "rope_parameters.full_attention.rope_type"),
    *drops(CONFIG, "rope_parameters.full_attention"),
    several("layer_types null", CONFIG, {"layer_types": None}),
    several(
        "all layers the same, one rope",
        CONFIG,
        {"layer_types": [FULL] * 4},
        drop(CONFIG, "rope_parameters.sliding_attention"),
    ),
    *sets(CONFIG, "num_hidden_layers", 2),
]
