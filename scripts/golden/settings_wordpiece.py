"""Cases of the tokenizer's files, for the classes of BERT and DistilBERT.

transformers builds BertTokenizer from the vocabulary and tokenizer_config.json; most of tokenizer.json has no part.
"""

from typing import Any

from settings_case import Case, adds_token, drops, irrelevant, sets, several, without
from settings_changes import drop, put, text, whole

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"
SPECIAL_MAP, ADDED, VOCAB = "special_tokens_map.json", "added_tokens.json", "vocab.txt"
BASE = "bert-random-tied"
# A word of the vocabulary that other words contain.
THE, THE_ID = "the", 110
SPARSE = {"content": THE, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def token(content: str, **flags: bool) -> dict[str, Any]:
    return {**SPARSE, "content": content, **flags}


def added(index: int, content: str, **flags: bool) -> dict[str, Any]:
    return {"id": index, **token(content, **flags)}


TOKENIZER_CONFIG = [
    *sets(CONFIG, "do_lower_case", False, None, "false"),
    *drops(CONFIG, "do_lower_case", "tokenizer_class"),
    *sets(CONFIG, "strip_accents", False, True, None),
    several("cased, accents stripped", CONFIG, {"do_lower_case": False, "strip_accents": True}),
    several("cased, accents kept", CONFIG, {"do_lower_case": False, "strip_accents": False}),
    *sets(CONFIG, "tokenize_chinese_chars", False, None),
    *sets(CONFIG, "model_max_length", 16, 2, 1, 0, 512, 1e30, 16.0, None, "16", -1),
    *sets(CONFIG, "max_len", 16),
    several("model_max_length wins over max_len", CONFIG, {"max_len": 16, "model_max_length": 24}),
    several("model_max_length null, max_len 16", CONFIG, {"max_len": 16, "model_max_length": None}),
    *sets(CONFIG, "max_length", 16),
    *sets(CONFIG, "truncation_side", "left", "middle"),
    *sets(CONFIG, "padding_side", "left", "middle"),
    *sets(CONFIG, "cls_token", "[MASK]", "the", "[NEW]", None, token("[CLS]", lstrip=True), {"content": "[MASK]"}),
    *sets(CONFIG, "sep_token", "[MASK]", "[NEW]", None),
    *sets(CONFIG, "unk_token", "[MASK]", "the", "[NEW]", None),
    *sets(CONFIG, "pad_token", "[MASK]", "the", "[NEW]", None),
    *sets(CONFIG, "mask_token", THE, "[NEW]", None, {"__type": "AddedToken", **token("[MASK]", lstrip=True)}),
    *sets(CONFIG, "bos_token", THE, None),
    *sets(CONFIG, "eos_token", THE),
    *sets(CONFIG, "additional_special_tokens", [THE], ["[NEW]"], [], None),
    *sets(CONFIG, "extra_special_tokens", [THE], {"image_token": THE}, [], {}),
    *sets(CONFIG, "image_token", THE),
    *sets(CONFIG, "model_specific_special_tokens", {"image_token": THE}),
    *sets(
        CONFIG,
        "added_tokens_decoder",
        {},
        {str(THE_ID): SPARSE},
        {str(THE_ID): token(THE, single_word=True, special=True)},
    ),
    *sets(CONFIG, "added_tokens_decoder", {"300": SPARSE}, tag="an id that isn't the vocabulary's: "),
    *sets(CONFIG, "added_tokens_decoder", {"701": token("vector-space")}, tag="an id beyond the weights: "),
    *sets(
        CONFIG, "added_tokens_decoder", {"4": token("[MASK]", lstrip=True, rstrip=True, special=True)}, tag="strips: "
    ),
    *sets(CONFIG, "split_special_tokens", True),
    *sets(CONFIG, "model_input_names", ["input_ids"], ["input_ids", "attention_mask"], ["attention_mask"]),
    *sets(CONFIG, "tokenizer_class", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast"),
    *sets(CONFIG, "tokenizer_class", "PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer"),
    *sets(CONFIG, "tokenizer_class", "RobertaTokenizer", "XLMRobertaTokenizer", "FooTokenizer", "ElectraTokenizer"),
    *sets(CONFIG, "tokenizer_class", "MPNetTokenizer", "LlamaTokenizer", "BertJapaneseTokenizer", "CamembertTokenizer"),
    *sets(CONFIG, "auto_map", {"AutoTokenizer": ["tokenization_x.XTokenizer", None]}),
    *sets(CONFIG, "processor_class", "CLIPProcessor", "FooProcessor"),
    *sets(CONFIG, "fast_tokenizer_files", ["tokenizer.json", "tokenizer.4.0.0.json"]),
    *sets(CONFIG, "init_inputs", ["vocab.txt"]),
    *sets(CONFIG, "backend", "python"),
    *sets(CONFIG, "fix_mistral_regex", True),
    *sets(CONFIG, "gguf_file", "x.gguf"),
    *sets(CONFIG, "device_map", "auto"),
    *sets(CONFIG, "files_loaded", ["x"]),
    *sets(CONFIG, "special", True),
    *sets(CONFIG, "response_template", "x"),
    *sets(CONFIG, "add_bos_token", True),
    *sets(CONFIG, "add_eos_token", False),
    *sets(CONFIG, "add_special_tokens", False),
    *sets(CONFIG, "vocab", {"[PAD]": 0}),
    *sets(CONFIG, "vocab_file", "other.txt"),
    *sets(CONFIG, "encode", "x"),
    *sets(CONFIG, "post_processor", {"type": "ByteLevel"}),
    *sets(CONFIG, "chat_control_tokens", [THE]),
    *sets(CONFIG, "chat_template", "{% for m in messages %}{{ m['content'] }} the end{% endfor %}"),
    Case(
        "chat_template.jinja",
        ["chat_template.jinja"],
        [text("chat_template.jinja", "the {{ messages[0]['content'] }}")],
    ),
    Case(
        "additional_chat_templates/x.jinja",
        ["additional_chat_templates/x.jinja"],
        [text("additional_chat_templates/x.jinja", "the {{ messages[0]['content'] }}")],
    ),
    irrelevant(
        CONFIG,
        {
            "_commit_hash": "0123",
            "add_prefix_space": True,
            "clean_text": False,
            "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": True,
            "clean_up_tokenization_spaces": True,
            "do_basic_tokenize": False,
            "errors": "strict",
            "from_slow": True,
            "is_local": False,
            "local_files_only": False,
            "merges_file": "other.txt",
            "padding": "max_length",
            "response_schema": {},
            "slow_tokenizer_class": "x",
            "transformers_version": "4.0.0",
            "verbose": True,
            "legacy": True,
            "max_input_chars_per_word": 5,
            "name_or_path": "someone/something",
            "never_split": [THE],
            "pad_to_multiple_of": 8,
            "pad_token_type_id": 1,
            "sp_model_kwargs": {"x": 1},
            "special_tokens_map_file": "other.json",
            "stride": 3,
            "suffix": "x",
            "tokenizer_file": "other.json",
            "tokenizer_type": "roberta",
            "trim_offsets": False,
            "truncation": False,
            "truncation_strategy": "only_second",
            "unk_id": 7,
            "use_fast": False,
            "wordpieces_prefix": "@@",
        },
    ),
    without(CONFIG),
]

TOKENIZER_JSON = [
    *sets(TOKENIZER, "normalizer.lowercase", False),
    *sets(TOKENIZER, "normalizer", None, {"type": "Lowercase"}),
    *sets(TOKENIZER, "pre_tokenizer", {"type": "WhitespaceSplit"}, None),
    *sets(TOKENIZER, "post_processor", None, {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[MASK]", 4]}),
    *sets(TOKENIZER, "model.max_input_chars_per_word", 5, 200),
    *sets(TOKENIZER, "model.unk_token", "[MASK]"),
    *sets(TOKENIZER, "model.continuing_subword_prefix", "@@"),
    *sets(TOKENIZER, "model.type", "WordLevel"),
    *drops(TOKENIZER, "model.type", "added_tokens", "model.vocab"),
    Case(
        "two tokens trade their ids",
        ["tokenizer.json: model.vocab"],
        [put(TOKENIZER, "model.vocab.the", 113), put(TOKENIZER, "model.vocab.and", 110)],
    ),
    Case("the vocabulary has a gap", ["tokenizer.json: model.vocab"], [drop(TOKENIZER, "model.vocab.sparse")]),
    *sets(TOKENIZER, "truncation.direction", "Left"),
    several(
        "truncation_side wins over truncation.direction",
        TOKENIZER,
        {"truncation.direction": "Left"},
        put(CONFIG, "truncation_side", "right"),
    ),
    *sets(TOKENIZER, "truncation.strategy", "OnlySecond"),
    *sets(TOKENIZER, "truncation.stride", 3),
    *sets(TOKENIZER, "truncation", None),
    *sets(
        TOKENIZER,
        "padding",
        {
            "strategy": {"Fixed": 64},
            "direction": "Left",
            "pad_to_multiple_of": 8,
            "pad_id": 4,
            "pad_type_id": 1,
            "pad_token": "[MASK]",
        },
    ),
    *sets(TOKENIZER, "added_tokens", []),
    Case("an added token", ["tokenizer.json: added_tokens"], [adds_token(BASE, added(THE_ID, THE))]),
    *(
        Case(
            f"an added token, {flag}",
            [f"tokenizer.json: added_tokens.{flag}"],
            [adds_token(BASE, added(THE_ID, THE, **{flag: flag != "normalized"}))],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    Case(
        "an added token in upper case",
        ["tokenizer.json: added_tokens.normalized"],
        [adds_token(BASE, added(701, "THE"))],
    ),
    Case(
        "an added token with another id",
        ["tokenizer.json: added_tokens.id"],
        [adds_token(BASE, added(300, THE))],
    ),
    *(
        Case(
            f"special token, {flag}",
            [f"tokenizer.json: added_tokens.{flag}"],
            [put(TOKENIZER, ["added_tokens", 4, flag], flag != "special")],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    *sets(TOKENIZER, "version", "9.9"),
    *sets(TOKENIZER, "extra", 1),
    irrelevant(TOKENIZER, {"decoder": None, "truncation.max_length": 3, "model.fuse_unk": True}),
]

AS_IT_IS = put(CONFIG, "tokenizer_class", "PreTrainedTokenizerFast")
NAMES = [put(CONFIG, f"{name.strip('[]').lower()}_token", name) for name in SPECIAL]


def as_it_is(name: str, path: str, value: object, *more: dict) -> Case:
    """A change of tokenizer.json, where tokenizer_config.json says to take it as it is."""
    keys = [f"{TOKENIZER}: {path}", f"{CONFIG}: tokenizer_class"]
    return Case(f"as it is: {name}", keys, [AS_IT_IS, *NAMES, put(TOKENIZER, path, value), *more])


TOKENIZER_AS_IT_IS = [
    as_it_is("lowercase false", "normalizer.lowercase", False),
    as_it_is("strip_accents false", "normalizer.strip_accents", False),
    as_it_is("handle_chinese_chars false", "normalizer.handle_chinese_chars", False),
    as_it_is("clean_text false", "normalizer.clean_text", False),
    as_it_is("no normalizer", "normalizer", None),
    as_it_is("whitespace", "pre_tokenizer", {"type": "Whitespace"}),
    as_it_is("no post-processor", "post_processor", None),
    as_it_is(
        "another post-processor",
        "post_processor",
        {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[MASK]", 4]},
    ),
    as_it_is(
        "type id 1",
        "post_processor.single",
        [
            {"SpecialToken": {"id": "[CLS]", "type_id": 1}},
            {"Sequence": {"id": "A", "type_id": 1}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
    ),
    as_it_is(
        "type id 1, and token types are asked for",
        "post_processor.single",
        [
            {"SpecialToken": {"id": "[CLS]", "type_id": 1}},
            {"Sequence": {"id": "A", "type_id": 1}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
        put(CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
    ),
    *(
        Case(
            f"as it is: an added token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [AS_IT_IS, *NAMES, adds_token(BASE, added(THE_ID, THE, **{flag: flag != "normalized"}))],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    *(
        Case(
            f"as it is: special token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [AS_IT_IS, *NAMES, put(TOKENIZER, ["added_tokens", 4, flag], flag != "special")],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    Case(
        "as it is: another class's name",
        [f"{CONFIG}: tokenizer_class"],
        [put(CONFIG, "tokenizer_class", "FooTokenizer"), *NAMES, put(TOKENIZER, "normalizer.lowercase", False)],
    ),
    as_it_is("long words", "model.max_input_chars_per_word", 200),
    as_it_is("short words", "model.max_input_chars_per_word", 5),
    as_it_is("unknown token", "model.unk_token", "[MASK]"),
    as_it_is("prefix", "model.continuing_subword_prefix", "@@"),
    as_it_is("left truncation", "truncation.direction", "Left"),
    as_it_is("do_lower_case of tokenizer_config.json", "truncation", None, put(CONFIG, "do_lower_case", False)),
    as_it_is(
        "token types are asked for",
        "truncation",
        None,
        put(CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
    ),
    as_it_is("add_bos_token", "truncation", None, put(CONFIG, "add_bos_token", True)),
    Case(
        "as it is: no names of special tokens",
        [f"{CONFIG}: tokenizer_class", f"{CONFIG}: pad_token"],
        [whole(CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast"})],
    ),
    Case(
        "as it is: a pad token alone",
        [f"{CONFIG}: pad_token"],
        [whole(CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"})],
    ),
    Case(
        "as it is: padding of tokenizer.json names the pad token",
        [f"{TOKENIZER}: padding.pad_token"],
        [
            whole(CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast"}),
            put(
                TOKENIZER,
                "padding",
                {
                    "strategy": "BatchLongest",
                    "direction": "Left",
                    "pad_to_multiple_of": None,
                    "pad_id": 0,
                    "pad_type_id": 0,
                    "pad_token": "[PAD]",
                },
            ),
        ],
    ),
    Case("as it is: vocab.txt beside it", [VOCAB], [AS_IT_IS, *NAMES, text(VOCAB, "[PAD]\n[UNK]\n")]),
]

BERT = [*TOKENIZER_CONFIG, *TOKENIZER_JSON, *TOKENIZER_AS_IT_IS]
