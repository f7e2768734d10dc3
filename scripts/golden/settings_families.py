"""Cases of config.json and of the tokenizer's files, for DistilBERT, RoBERTa, XLM-R, CamemBERT and BERT untied."""

from charsmap import charsmap
from settings_case import Case, adds_token, base_json, drops, irrelevant, sets, several, without
from settings_changes import Change, delete, drop, put, text, whole
from settings_config import COMMON_IRRELEVANT, OLD_NOTES
from settings_wordpiece import added, token

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
SPECIAL_MAP, ADDED = "special_tokens_map.json", "added_tokens.json"

DISTILBERT = [
    *sets(CONFIG, "activation", "relu", "gelu_new", "silu", "GELU", None),
    *drops(CONFIG, "activation", "pad_token_id", "tie_word_embeddings", "sinusoidal_pos_embds", "n_heads", "n_layers"),
    *sets(CONFIG, "n_heads", 2, 3),
    *sets(CONFIG, "n_layers", 1, 3),
    *sets(CONFIG, "num_attention_heads", 2),
    *sets(CONFIG, "num_hidden_layers", 1),
    *sets(CONFIG, "hidden_size", 16),
    *sets(CONFIG, "dim", 16),
    *sets(CONFIG, "hidden_dim", 64),
    irrelevant(CONFIG, OLD_NOTES, "config.json old notes"),
    several("num_attention_heads without n_heads", CONFIG, {"num_attention_heads": 2}, drop(CONFIG, "n_heads")),
    several("num_hidden_layers without n_layers", CONFIG, {"num_hidden_layers": 1}, drop(CONFIG, "n_layers")),
    several("hidden_size without dim", CONFIG, {"hidden_size": 32}, drop(CONFIG, "dim")),
    *sets(CONFIG, "chunk_size_feed_forward", 3),
    *sets(CONFIG, "sinusoidal_pos_embds", True),
    *sets(CONFIG, "tie_weights_", False),
    *sets(CONFIG, "tie_word_embeddings", False),
    *sets(CONFIG, "hidden_act", "relu"),
    *sets(CONFIG, "layer_norm_eps", 0.5),
    *sets(CONFIG, "is_decoder", True),
    *sets(CONFIG, "is_causal", True),
    *sets(CONFIG, "pad_token_id", 5, None),
    *sets(CONFIG, "intermediate_size", 64),
    *sets(CONFIG, "type_vocab_size", 2),
    *sets(CONFIG, "position_embedding_type", "relative_key"),
    irrelevant(
        CONFIG,
        {
            **{key: value for key, value in COMMON_IRRELEVANT.items() if "dropout" not in key},
            "attention_dropout": 0.9,
            "dropout": 0.9,
            "qa_dropout": 0.9,
            "seq_classif_dropout": 0.9,
        },
    ),
    *drops(TOKENIZER_CONFIG, "tokenizer_class"),
    *sets(TOKENIZER_CONFIG, "tokenizer_class", "DistilBertTokenizer", "DistilBertTokenizerFast", "BertTokenizerFast"),
    several(
        "DistilBertTokenizer, cased",
        TOKENIZER_CONFIG,
        {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": False},
    ),
    *sets(TOKENIZER_CONFIG, "truncation_side", "left"),
    *sets(TOKENIZER_CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
    without(TOKENIZER_CONFIG),
]

# What RoBERTa, XLM-R and CamemBERT have in common.
ROBERTA_CONFIG = [
    *sets(CONFIG, "hidden_act", "relu", "gelu_new", None),
    *sets(CONFIG, "layer_norm_eps", 0.5),
    *drops(CONFIG, "layer_norm_eps", "hidden_act", "pad_token_id", "tie_word_embeddings", "type_vocab_size"),
    *drops(CONFIG, "bos_token_id", "eos_token_id"),
    *sets(CONFIG, "num_attention_heads", 2),
    *sets(CONFIG, "num_hidden_layers", 1),
    *sets(CONFIG, "pad_token_id", 0, 2, None),
    # Positions count from the one after it, so that fewer of them are left.
    several(
        "pad_token_id 9, shorter texts", CONFIG, {"pad_token_id": 9}, put(TOKENIZER_CONFIG, "model_max_length", 100)
    ),
    *sets(CONFIG, "pad_token_id", 9, tag="too long: "),
    *sets(CONFIG, "type_vocab_size", 2),
    *sets(CONFIG, "tie_word_embeddings", False),
    *sets(CONFIG, "position_embedding_type", "relative_key"),
    *sets(CONFIG, "is_decoder", True),
    *sets(CONFIG, "is_causal", True),
    *sets(CONFIG, "bos_token_id", 9),
    *sets(CONFIG, "eos_token_id", 9),
    irrelevant(CONFIG, COMMON_IRRELEVANT),
    irrelevant(CONFIG, OLD_NOTES, "config.json old notes"),
]
CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": charsmap("ﬁ", "FI!")}


def common_tokenizer(base: str, the: int, word: str) -> list[Case]:
    """`word` is a token of the vocabulary that other words contain, `the` its id."""
    mask = len(base_json(base, TOKENIZER)["added_tokens"]) - 1
    return [
        *drops(TOKENIZER_CONFIG, "tokenizer_class", "model_max_length"),
        *sets(TOKENIZER_CONFIG, "model_max_length", 16, 130, 1e30, 2, None),
        *sets(TOKENIZER_CONFIG, "truncation_side", "left"),
        *sets(TOKENIZER_CONFIG, "add_prefix_space", True, False, None),
        *sets(TOKENIZER_CONFIG, "cls_token", "<mask>", "<new>", {"content": "<mask>", "__type": "AddedToken"}),
        *sets(TOKENIZER_CONFIG, "sep_token", "<mask>", "<new>"),
        *sets(TOKENIZER_CONFIG, "bos_token", "<mask>"),
        *sets(TOKENIZER_CONFIG, "eos_token", "<mask>"),
        *sets(TOKENIZER_CONFIG, "unk_token", "<mask>"),
        *sets(TOKENIZER_CONFIG, "pad_token", "<mask>", word),
        *sets(TOKENIZER_CONFIG, "mask_token", word, "<new>"),
        *sets(
            TOKENIZER_CONFIG,
            "mask_token",
            {"__type": "AddedToken", **token("<mask>", lstrip=True)},
            tag="strips left: ",
        ),
        *sets(
            TOKENIZER_CONFIG,
            "mask_token",
            {"__type": "AddedToken", **token("<mask>", rstrip=True)},
            tag="strips right: ",
        ),
        *sets(TOKENIZER_CONFIG, "additional_special_tokens", [word], []),
        *sets(TOKENIZER_CONFIG, "extra_special_tokens", [word], {"image_token": word}),
        *sets(TOKENIZER_CONFIG, "added_tokens_decoder", {str(the): token(word)}, {}),
        *sets(TOKENIZER_CONFIG, "split_special_tokens", True),
        *sets(TOKENIZER_CONFIG, "tokenizer_class", "PreTrainedTokenizerFast", "TokenizersBackend", "BertTokenizer"),
        *sets(
            TOKENIZER_CONFIG,
            "tokenizer_class",
            "RobertaTokenizerFast",
            "XLMRobertaTokenizerFast",
            "CamembertTokenizerFast",
        ),
        *sets(TOKENIZER_CONFIG, "add_bos_token", False),
        *sets(TOKENIZER_CONFIG, "do_lower_case", True),
        *sets(TOKENIZER_CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
        *sets(TOKENIZER, "normalizer", {"type": "Lowercase"}),
        *sets(TOKENIZER, "pre_tokenizer", {"type": "WhitespaceSplit"}),
        *sets(TOKENIZER, "post_processor", None),
        *sets(TOKENIZER, "truncation.direction", "Left"),
        *sets(TOKENIZER, "added_tokens", []),
        *(
            Case(
                f"an added token, {flag}",
                [f"{TOKENIZER}: added_tokens.{flag}"],
                [adds_token(base, added(the, word, **{flag: flag != "normalized"}))],
            )
            for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
        ),
        *(
            Case(
                f"mask token, {flag}",
                [f"{TOKENIZER}: added_tokens.{flag}"],
                [put(TOKENIZER, ["added_tokens", mask, flag], flag not in ("special", "lstrip"))],
            )
            for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
        ),
        *sets(SPECIAL_MAP, "cls_token", "<mask>"),
        *sets(SPECIAL_MAP, "mask_token", {"content": "<mask>", "lstrip": False, "rstrip": True, "normalized": True}),
        *sets(SPECIAL_MAP, "add_prefix_space", True, False),
        *sets(ADDED, word, the),
        irrelevant(
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
        without(TOKENIZER_CONFIG),
        Case("no vocabulary", [TOKENIZER], [delete(TOKENIZER)]),
    ]


ROBERTA = [
    *ROBERTA_CONFIG,
    *common_tokenizer("roberta-random-tied", 360, "and"),
    *sets(TOKENIZER, "pre_tokenizer.add_prefix_space", True),
    *sets(TOKENIZER, "pre_tokenizer.use_regex", False),
    *sets(TOKENIZER, "model.dropout", 0.9),
    *sets(TOKENIZER, "model.ignore_merges", True),
    *sets(TOKENIZER, "model.byte_fallback", True),
    *sets(TOKENIZER, "model.unk_token", "<unk>"),
    *sets(TOKENIZER, "model.continuing_subword_prefix", "##"),
    *sets(TOKENIZER, "model.end_of_word_suffix", "</w>"),
    *sets(TOKENIZER, "model.merges", []),
    *drops(TOKENIZER, "model.merges"),
    Case(
        "the first merge taken away",
        [f"{TOKENIZER}: model.merges"],
        [put(TOKENIZER, "model.merges", base_json("roberta-random-tied", TOKENIZER)["model"]["merges"][1:])],
    ),
]


def as_it_is(name: str, names: dict[str, str], *changes: Change) -> Case:
    """tokenizer.json taken as it is; `names` are its special tokens."""
    keys = [f"{change['file']}: {'.'.join(map(str, change['path']))}" for change in changes]
    named = whole(TOKENIZER_CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 128, **names})
    return Case(f"as it is: {name}", keys, [named, *changes])


ROBERTA_NAMES = {
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
    "unk_token": "<unk>",
}
ROBERTA += [
    as_it_is("unchanged", ROBERTA_NAMES),
    as_it_is("add_prefix_space", ROBERTA_NAMES, put(TOKENIZER, "pre_tokenizer.add_prefix_space", True)),
    as_it_is(
        "add_prefix_space of tokenizer_config.json", ROBERTA_NAMES, put(TOKENIZER_CONFIG, "add_prefix_space", True)
    ),
    as_it_is("no regex", ROBERTA_NAMES, put(TOKENIZER, "pre_tokenizer.use_regex", False)),
    as_it_is("ignore_merges", ROBERTA_NAMES, put(TOKENIZER, "model.ignore_merges", True)),
    as_it_is("dropout", ROBERTA_NAMES, put(TOKENIZER, "model.dropout", 0.5)),
    as_it_is("byte_fallback", ROBERTA_NAMES, put(TOKENIZER, "model.byte_fallback", True)),
    as_it_is("lower case", ROBERTA_NAMES, put(TOKENIZER, "normalizer", {"type": "Lowercase"})),
    as_it_is("no post-processor", ROBERTA_NAMES, put(TOKENIZER, "post_processor", None)),
    as_it_is("post-processor trades its ends", ROBERTA_NAMES, put(TOKENIZER, "post_processor.cls", ["</s>", 2])),
]


def vocabulary_files(name: str, *more: Change) -> Case:
    """The vocabulary and merges in files of their own, as before there was a tokenizer.json."""
    model = base_json("roberta-random-tied", TOKENIZER)["model"]
    merges = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in model["merges"])
    changes = [delete(TOKENIZER), whole("vocab.json", model["vocab"]), text("merges.txt", merges)]
    return Case(name, ["vocab.json", "merges.txt"], [*changes, *more])


ROBERTA += [
    vocabulary_files("vocab.json and merges.txt"),
    vocabulary_files("vocab.json without merges.txt", delete("merges.txt")),
]


def unigram(the: int) -> list[Case]:
    """`the` is the id of that piece; that of ▁the is the next one."""
    return [
        *sets(TOKENIZER, "normalizer", CHARSMAP, tag="a table: "),
        *sets(
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
            tag="a table among others: ",
        ),
        *sets(TOKENIZER, "pre_tokenizer.pretokenizers", [{"type": "WhitespaceSplit"}]),
        *sets(TOKENIZER, "model.unk_id", 9, None),
        *sets(TOKENIZER, "model.byte_fallback", True),
        *sets(TOKENIZER, ["model", "vocab", the + 1, 1], -99.0),
        Case(
            "two pieces trade places",
            [f"{TOKENIZER}: model.vocab"],
            [put(TOKENIZER, ["model", "vocab", the, 0], "▁the"), put(TOKENIZER, ["model", "vocab", the + 1, 0], "the")],
        ),
        as_it_is("unchanged", ROBERTA_NAMES),
        as_it_is(
            "a table among others",
            ROBERTA_NAMES,
            put(TOKENIZER, "normalizer", {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, CHARSMAP]}),
        ),
        as_it_is("unk_id", ROBERTA_NAMES, put(TOKENIZER, "model.unk_id", 9)),
        as_it_is("byte_fallback", ROBERTA_NAMES, put(TOKENIZER, "model.byte_fallback", True)),
        as_it_is(
            "prepend_scheme first",
            ROBERTA_NAMES,
            put(
                TOKENIZER,
                "pre_tokenizer",
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
            ),
        ),
        as_it_is(
            "prepend_scheme never",
            ROBERTA_NAMES,
            put(
                TOKENIZER,
                "pre_tokenizer",
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
            ),
        ),
    ]


XLM_ROBERTA = [*ROBERTA_CONFIG, *common_tokenizer("xlm-roberta-random-tied", 100, "the"), *unigram(100)]
XLM_ROBERTA += [
    *sets(CONFIG, "model_type", "roberta", "camembert"),
    Case(
        "the unknown token isn't the fourth piece",
        [f"{TOKENIZER}: model.vocab"],
        [put(TOKENIZER, ["model", "vocab", 3, 0], "the?"), put(TOKENIZER, ["model", "vocab", 100, 0], "<unk>")],
    ),
]
CAMEMBERT = [*ROBERTA_CONFIG, *common_tokenizer("camembert-random-tied", 103, "the"), *unigram(103)]
CAMEMBERT += [
    *sets(CONFIG, "model_type", "roberta", "xlm-roberta"),
    Case(
        "the unknown token isn't the fourth piece",
        [f"{TOKENIZER}: model.vocab"],
        [put(TOKENIZER, ["model", "vocab", 3, 0], "the?"), put(TOKENIZER, ["model", "vocab", 100, 0], "<unk>")],
    ),
]

# A decoder of its own in the weights, whatever config.json says.
BERT_UNTIED = [
    *sets(CONFIG, "tie_word_embeddings", True),
    *drops(CONFIG, "tie_word_embeddings", "layer_norm_eps"),
]
ROBERTA_UNTIED = [*sets(CONFIG, "tie_word_embeddings", True), *drops(CONFIG, "tie_word_embeddings")]
DISTILBERT_UNTIED = [
    *sets(CONFIG, "tie_word_embeddings", True),
    *sets(CONFIG, "tie_weights_", True),
    *drops(CONFIG, "tie_word_embeddings"),
]
