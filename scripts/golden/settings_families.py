"""Cases that change config.json and tokenizer files of DistilBERT, RoBERTa, XLM-R, CamemBERT and untied BERT."""

from charsmap import build_charsmap
from settings_case import (
    Case,
    append_added_token,
    delete_file_case,
    drop_each,
    read_base_json,
    set_each,
    set_irrelevant,
    set_together,
)
from settings_changes import Change, remove_file, remove_value, replace_json, replace_text, set_value
from settings_config import COMMON_IRRELEVANT, OBSOLETE_KEYS
from settings_wordpiece import build_added_token, build_token

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
SPECIAL_MAP, ADDED = "special_tokens_map.json", "added_tokens.json"

DISTILBERT = [
    *set_each(CONFIG, "activation", "relu", "gelu_new", "silu", "GELU", None),
    *drop_each(
        CONFIG, "activation", "pad_token_id", "tie_word_embeddings", "sinusoidal_pos_embds", "n_heads", "n_layers"
    ),
    *set_each(CONFIG, "n_heads", 2, 3),
    *set_each(CONFIG, "n_layers", 1, 3),
    *set_each(CONFIG, "num_attention_heads", 2),
    *set_each(CONFIG, "num_hidden_layers", 1),
    *set_each(CONFIG, "hidden_size", 16),
    *set_each(CONFIG, "dim", 16),
    *set_each(CONFIG, "hidden_dim", 64),
    set_irrelevant(CONFIG, OBSOLETE_KEYS, "config.json obsolete keys"),
    set_together(
        "num_attention_heads without n_heads", CONFIG, {"num_attention_heads": 2}, remove_value(CONFIG, "n_heads")
    ),
    set_together(
        "num_hidden_layers without n_layers", CONFIG, {"num_hidden_layers": 1}, remove_value(CONFIG, "n_layers")
    ),
    set_together("hidden_size without dim", CONFIG, {"hidden_size": 32}, remove_value(CONFIG, "dim")),
    *set_each(CONFIG, "chunk_size_feed_forward", 3),
    *set_each(CONFIG, "sinusoidal_pos_embds", True),
    *set_each(CONFIG, "tie_weights_", False),
    *set_each(CONFIG, "tie_word_embeddings", False),
    *set_each(CONFIG, "hidden_act", "relu"),
    *set_each(CONFIG, "layer_norm_eps", 0.5),
    *set_each(CONFIG, "is_decoder", True),
    *set_each(CONFIG, "is_causal", True),
    *set_each(CONFIG, "pad_token_id", 5, None),
    *set_each(CONFIG, "intermediate_size", 64),
    *set_each(CONFIG, "type_vocab_size", 2),
    *set_each(CONFIG, "position_embedding_type", "relative_key"),
    set_irrelevant(
        CONFIG,
        {
            **{key: value for key, value in COMMON_IRRELEVANT.items() if "dropout" not in key},
            "attention_dropout": 0.9,
            "dropout": 0.9,
            "qa_dropout": 0.9,
            "seq_classif_dropout": 0.9,
        },
    ),
    *drop_each(TOKENIZER_CONFIG, "tokenizer_class"),
    *set_each(
        TOKENIZER_CONFIG, "tokenizer_class", "DistilBertTokenizer", "DistilBertTokenizerFast", "BertTokenizerFast"
    ),
    set_together(
        "DistilBertTokenizer, cased",
        TOKENIZER_CONFIG,
        {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": False},
    ),
    *set_each(TOKENIZER_CONFIG, "truncation_side", "left"),
    *set_each(TOKENIZER_CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
    delete_file_case(TOKENIZER_CONFIG),
]

# Cases for RoBERTa, XLM-R and CamemBERT.
ROBERTA_CONFIG = [
    *set_each(CONFIG, "hidden_act", "relu", "gelu_new", None),
    *set_each(CONFIG, "layer_norm_eps", 0.5),
    *drop_each(CONFIG, "layer_norm_eps", "hidden_act", "pad_token_id", "tie_word_embeddings", "type_vocab_size"),
    *drop_each(CONFIG, "bos_token_id", "eos_token_id"),
    *set_each(CONFIG, "num_attention_heads", 2),
    *set_each(CONFIG, "num_hidden_layers", 1),
    *set_each(CONFIG, "pad_token_id", 0, 2, None),
    # Positions start after this id, which reduces the maximum length.
    set_together(
        "pad_token_id 9, shorter texts",
        CONFIG,
        {"pad_token_id": 9},
        set_value(TOKENIZER_CONFIG, "model_max_length", 100),
    ),
    *set_each(CONFIG, "pad_token_id", 9, tag="too long: "),
    *set_each(CONFIG, "type_vocab_size", 2),
    *set_each(CONFIG, "tie_word_embeddings", False),
    *set_each(CONFIG, "position_embedding_type", "relative_key"),
    *set_each(CONFIG, "is_decoder", True),
    *set_each(CONFIG, "is_causal", True),
    *set_each(CONFIG, "bos_token_id", 9),
    *set_each(CONFIG, "eos_token_id", 9),
    set_irrelevant(CONFIG, COMMON_IRRELEVANT),
    set_irrelevant(CONFIG, OBSOLETE_KEYS, "config.json obsolete keys"),
]
CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": build_charsmap("ﬁ", "FI!")}


def build_tokenizer_cases(base: str, the: int, word: str) -> list[Case]:
    """Returns the cases of tokenizer files. `word` is a token that is a substring of other words, `the` its id."""
    mask = len(read_base_json(base, TOKENIZER)["added_tokens"]) - 1
    return [
        *drop_each(TOKENIZER_CONFIG, "tokenizer_class", "model_max_length"),
        *set_each(TOKENIZER_CONFIG, "model_max_length", 16, 130, 1e30, 2, None),
        *set_each(TOKENIZER_CONFIG, "truncation_side", "left"),
        *set_each(TOKENIZER_CONFIG, "add_prefix_space", True, False, None),
        *set_each(TOKENIZER_CONFIG, "cls_token", "<mask>", "<new>", {"content": "<mask>", "__type": "AddedToken"}),
        *set_each(TOKENIZER_CONFIG, "sep_token", "<mask>", "<new>"),
        *set_each(TOKENIZER_CONFIG, "bos_token", "<mask>"),
        *set_each(TOKENIZER_CONFIG, "eos_token", "<mask>"),
        *set_each(TOKENIZER_CONFIG, "unk_token", "<mask>"),
        *set_each(TOKENIZER_CONFIG, "pad_token", "<mask>", word),
        *set_each(TOKENIZER_CONFIG, "mask_token", word, "<new>"),
        *set_each(
            TOKENIZER_CONFIG,
            "mask_token",
            {"__type": "AddedToken", **build_token("<mask>", lstrip=True)},
            tag="strips left: ",
        ),
        *set_each(
            TOKENIZER_CONFIG,
            "mask_token",
            {"__type": "AddedToken", **build_token("<mask>", rstrip=True)},
            tag="strips right: ",
        ),
        *set_each(TOKENIZER_CONFIG, "additional_special_tokens", [word], []),
        *set_each(TOKENIZER_CONFIG, "extra_special_tokens", [word], {"image_token": word}),
        *set_each(TOKENIZER_CONFIG, "added_tokens_decoder", {str(the): build_token(word)}, {}),
        *set_each(TOKENIZER_CONFIG, "split_special_tokens", True),
        *set_each(TOKENIZER_CONFIG, "tokenizer_class", "PreTrainedTokenizerFast", "TokenizersBackend", "BertTokenizer"),
        *set_each(
            TOKENIZER_CONFIG,
            "tokenizer_class",
            "RobertaTokenizerFast",
            "XLMRobertaTokenizerFast",
            "CamembertTokenizerFast",
        ),
        *set_each(TOKENIZER_CONFIG, "add_bos_token", False),
        *set_each(TOKENIZER_CONFIG, "do_lower_case", True),
        *set_each(TOKENIZER_CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
        *set_each(TOKENIZER, "normalizer", {"type": "Lowercase"}),
        *set_each(TOKENIZER, "pre_tokenizer", {"type": "WhitespaceSplit"}),
        *set_each(TOKENIZER, "post_processor", None),
        *set_each(TOKENIZER, "truncation.direction", "Left"),
        *set_each(TOKENIZER, "added_tokens", []),
        *(
            Case(
                f"an added token, {flag}",
                [f"{TOKENIZER}: added_tokens.{flag}"],
                [append_added_token(base, build_added_token(the, word, **{flag: flag != "normalized"}))],
            )
            for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
        ),
        *(
            Case(
                f"mask token, {flag}",
                [f"{TOKENIZER}: added_tokens.{flag}"],
                [set_value(TOKENIZER, ["added_tokens", mask, flag], flag not in ("special", "lstrip"))],
            )
            for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
        ),
        *set_each(SPECIAL_MAP, "cls_token", "<mask>"),
        *set_each(
            SPECIAL_MAP, "mask_token", {"content": "<mask>", "lstrip": False, "rstrip": True, "normalized": True}
        ),
        *set_each(SPECIAL_MAP, "add_prefix_space", True, False),
        *set_each(ADDED, word, the),
        set_irrelevant(
            TOKENIZER_CONFIG,
            {
                "clean_up_tokenization_spaces": True,
                "errors": "strict",
                "keep_accents": True,
                "lowercase": True,
                "padding_side": "left",
                "remove_space": False,
                "sp_model_kwargs": {"nbest_size": 5},
                "strip_accents": True,
                "trim_offsets": False,
                "unk_id": 9,
                "use_fast": False,
                "vocab_file": "other.model",
            },
        ),
        delete_file_case(TOKENIZER_CONFIG),
        Case("no vocabulary", [TOKENIZER], [remove_file(TOKENIZER)]),
    ]


ROBERTA = [
    *ROBERTA_CONFIG,
    *build_tokenizer_cases("roberta-random-tied", 360, "and"),
    *set_each(TOKENIZER, "pre_tokenizer.add_prefix_space", True),
    *set_each(TOKENIZER, "pre_tokenizer.use_regex", False),
    *set_each(TOKENIZER, "model.dropout", 0.9),
    *set_each(TOKENIZER, "model.ignore_merges", True),
    *set_each(TOKENIZER, "model.byte_fallback", True),
    *set_each(TOKENIZER, "model.unk_token", "<unk>"),
    *set_each(TOKENIZER, "model.continuing_subword_prefix", "##"),
    *set_each(TOKENIZER, "model.end_of_word_suffix", "</w>"),
    *set_each(TOKENIZER, "model.merges", []),
    *drop_each(TOKENIZER, "model.merges"),
    Case(
        "without the first merge",
        [f"{TOKENIZER}: model.merges"],
        [set_value(TOKENIZER, "model.merges", read_base_json("roberta-random-tied", TOKENIZER)["model"]["merges"][1:])],
    ),
]


def build_generic_case(name: str, names: dict[str, str], *changes: Change) -> Case:
    """Returns a case with the generic tokenizer class, which uses tokenizer.json; `names` are the special tokens."""
    keys = [f"{change['file']}: {'.'.join(map(str, change['path']))}" for change in changes]
    named = replace_json(
        TOKENIZER_CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 128, **names}
    )
    return Case(f"generic tokenizer: {name}", keys, [named, *changes])


ROBERTA_NAMES = {
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
    "unk_token": "<unk>",
}
ROBERTA += [
    build_generic_case("unchanged", ROBERTA_NAMES),
    build_generic_case("add_prefix_space", ROBERTA_NAMES, set_value(TOKENIZER, "pre_tokenizer.add_prefix_space", True)),
    build_generic_case(
        "add_prefix_space of tokenizer_config.json",
        ROBERTA_NAMES,
        set_value(TOKENIZER_CONFIG, "add_prefix_space", True),
    ),
    build_generic_case("no regex", ROBERTA_NAMES, set_value(TOKENIZER, "pre_tokenizer.use_regex", False)),
    build_generic_case("ignore_merges", ROBERTA_NAMES, set_value(TOKENIZER, "model.ignore_merges", True)),
    build_generic_case("dropout", ROBERTA_NAMES, set_value(TOKENIZER, "model.dropout", 0.5)),
    build_generic_case("byte_fallback", ROBERTA_NAMES, set_value(TOKENIZER, "model.byte_fallback", True)),
    build_generic_case("lower case", ROBERTA_NAMES, set_value(TOKENIZER, "normalizer", {"type": "Lowercase"})),
    build_generic_case("no post-processor", ROBERTA_NAMES, set_value(TOKENIZER, "post_processor", None)),
    build_generic_case(
        "post-processor with swapped special tokens",
        ROBERTA_NAMES,
        set_value(TOKENIZER, "post_processor.cls", ["</s>", 2]),
    ),
]


def build_vocabulary_case(name: str, *more: Change) -> Case:
    """Returns a case with vocab.json and merges.txt instead of tokenizer.json."""
    model = read_base_json("roberta-random-tied", TOKENIZER)["model"]
    merges = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in model["merges"])
    changes = [remove_file(TOKENIZER), replace_json("vocab.json", model["vocab"]), replace_text("merges.txt", merges)]
    return Case(name, ["vocab.json", "merges.txt"], [*changes, *more])


ROBERTA += [
    build_vocabulary_case("vocab.json and merges.txt"),
    build_vocabulary_case("vocab.json without merges.txt", remove_file("merges.txt")),
]


def build_unigram_cases(the: int) -> list[Case]:
    """Returns the cases of Unigram tokenizers. `the` is the id of the token `the`; `▁the` has the next id."""
    return [
        *set_each(TOKENIZER, "normalizer", CHARSMAP, tag="charsmap: "),
        *set_each(
            TOKENIZER,
            "normalizer",
            {
                "type": "Sequence",
                "normalizers": [
                    {"type": "Lowercase"},
                    CHARSMAP,
                    {"type": "Replace", "pattern": {"String": "e"}, "content": "a"},
                ],
            },
            tag="charsmap in a sequence: ",
        ),
        *set_each(TOKENIZER, "pre_tokenizer.pretokenizers", [{"type": "WhitespaceSplit"}]),
        *set_each(TOKENIZER, "model.unk_id", 9, None),
        *set_each(TOKENIZER, "model.byte_fallback", True),
        *set_each(TOKENIZER, ["model", "vocab", the + 1, 1], -99.0),
        Case(
            "two swapped tokens",
            [f"{TOKENIZER}: model.vocab"],
            [
                set_value(TOKENIZER, ["model", "vocab", the, 0], "▁the"),
                set_value(TOKENIZER, ["model", "vocab", the + 1, 0], "the"),
            ],
        ),
        build_generic_case("unchanged", ROBERTA_NAMES),
        build_generic_case(
            "charsmap in a sequence",
            ROBERTA_NAMES,
            set_value(TOKENIZER, "normalizer", {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, CHARSMAP]}),
        ),
        build_generic_case("unk_id", ROBERTA_NAMES, set_value(TOKENIZER, "model.unk_id", 9)),
        build_generic_case("byte_fallback", ROBERTA_NAMES, set_value(TOKENIZER, "model.byte_fallback", True)),
        build_generic_case(
            "prepend_scheme first",
            ROBERTA_NAMES,
            set_value(
                TOKENIZER,
                "pre_tokenizer",
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
            ),
        ),
        build_generic_case(
            "prepend_scheme never",
            ROBERTA_NAMES,
            set_value(
                TOKENIZER,
                "pre_tokenizer",
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
            ),
        ),
    ]


XLM_ROBERTA = [
    *ROBERTA_CONFIG,
    *build_tokenizer_cases("xlm-roberta-random-tied", 100, "the"),
    *build_unigram_cases(100),
]
XLM_ROBERTA += [
    *set_each(CONFIG, "model_type", "roberta", "camembert"),
    Case(
        "the unknown token is not the fourth token",
        [f"{TOKENIZER}: model.vocab"],
        [
            set_value(TOKENIZER, ["model", "vocab", 3, 0], "the?"),
            set_value(TOKENIZER, ["model", "vocab", 100, 0], "<unk>"),
        ],
    ),
]
CAMEMBERT = [*ROBERTA_CONFIG, *build_tokenizer_cases("camembert-random-tied", 103, "the"), *build_unigram_cases(103)]
CAMEMBERT += [
    *set_each(CONFIG, "model_type", "roberta", "xlm-roberta"),
    Case(
        "the unknown token is not the fourth token",
        [f"{TOKENIZER}: model.vocab"],
        [
            set_value(TOKENIZER, ["model", "vocab", 3, 0], "the?"),
            set_value(TOKENIZER, ["model", "vocab", 100, 0], "<unk>"),
        ],
    ),
]

# Bases whose weights include a decoder, regardless of config.json.
BERT_UNTIED = [
    *set_each(CONFIG, "tie_word_embeddings", True),
    *drop_each(CONFIG, "tie_word_embeddings", "layer_norm_eps"),
]
ROBERTA_UNTIED = [*set_each(CONFIG, "tie_word_embeddings", True), *drop_each(CONFIG, "tie_word_embeddings")]
DISTILBERT_UNTIED = [
    *set_each(CONFIG, "tie_word_embeddings", True),
    *set_each(CONFIG, "tie_weights_", True),
    *drop_each(CONFIG, "tie_word_embeddings"),
]
