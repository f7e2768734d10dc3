"""Cases that change tokenizer files for the tokenizer classes of BERT and DistilBERT.

transformers builds BertTokenizer from the vocabulary and tokenizer_config.json, and ignores most of tokenizer.json.
"""

from typing import Any

from settings_case import Case, append_added_token, delete_file_case, drop_each, set_each, set_irrelevant, set_together
from settings_changes import remove_value, replace_json, replace_text, set_value

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"
SPECIAL_MAP, ADDED, VOCAB = "special_tokens_map.json", "added_tokens.json", "vocab.txt"
BASE = "bert-random-tied"
# Vocabulary token that is a substring of other words, and its id.
THE, THE_ID = "the", 110
SPARSE = {"content": THE, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def build_token(content: str, **flags: bool) -> dict[str, Any]:
    return {**SPARSE, "content": content, **flags}


def build_added_token(index: int, content: str, **flags: bool) -> dict[str, Any]:
    return {"id": index, **build_token(content, **flags)}


TOKENIZER_CONFIG = [
    *set_each(CONFIG, "do_lower_case", False, None, "false"),
    *drop_each(CONFIG, "do_lower_case", "tokenizer_class"),
    *set_each(CONFIG, "strip_accents", False, True, None),
    set_together("cased, accents stripped", CONFIG, {"do_lower_case": False, "strip_accents": True}),
    set_together("cased, accents kept", CONFIG, {"do_lower_case": False, "strip_accents": False}),
    *set_each(CONFIG, "tokenize_chinese_chars", False, None),
    *set_each(CONFIG, "model_max_length", 16, 2, 1, 0, 512, 1e30, 16.0, None, "16", -1),
    *set_each(CONFIG, "max_len", 16),
    set_together("model_max_length wins over max_len", CONFIG, {"max_len": 16, "model_max_length": 24}),
    set_together("model_max_length null, max_len 16", CONFIG, {"max_len": 16, "model_max_length": None}),
    *set_each(CONFIG, "max_length", 16),
    *set_each(CONFIG, "truncation_side", "left", "middle"),
    *set_each(CONFIG, "padding_side", "left", "middle"),
    *set_each(
        CONFIG, "cls_token", "[MASK]", "the", "[NEW]", None, build_token("[CLS]", lstrip=True), {"content": "[MASK]"}
    ),
    *set_each(CONFIG, "sep_token", "[MASK]", "[NEW]", None),
    *set_each(CONFIG, "unk_token", "[MASK]", "the", "[NEW]", None),
    *set_each(CONFIG, "pad_token", "[MASK]", "the", "[NEW]", None),
    *set_each(CONFIG, "mask_token", THE, "[NEW]", None, {"__type": "AddedToken", **build_token("[MASK]", lstrip=True)}),
    *set_each(CONFIG, "bos_token", THE, None),
    *set_each(CONFIG, "eos_token", THE),
    *set_each(CONFIG, "additional_special_tokens", [THE], ["[NEW]"], [], None),
    *set_each(CONFIG, "extra_special_tokens", [THE], {"image_token": THE}, [], {}),
    *set_each(CONFIG, "image_token", THE),
    *set_each(CONFIG, "model_specific_special_tokens", {"image_token": THE}),
    *set_each(
        CONFIG,
        "added_tokens_decoder",
        {},
        {str(THE_ID): SPARSE},
        {str(THE_ID): build_token(THE, single_word=True, special=True)},
    ),
    *set_each(CONFIG, "added_tokens_decoder", {"300": SPARSE}, tag="an id that isn't the vocabulary's: "),
    *set_each(CONFIG, "added_tokens_decoder", {"701": build_token("vector-space")}, tag="an id beyond the weights: "),
    *set_each(
        CONFIG,
        "added_tokens_decoder",
        {"4": build_token("[MASK]", lstrip=True, rstrip=True, special=True)},
        tag="strips: ",
    ),
    *set_each(CONFIG, "split_special_tokens", True),
    *set_each(CONFIG, "model_input_names", ["input_ids"], ["input_ids", "attention_mask"], ["attention_mask"]),
    *set_each(CONFIG, "tokenizer_class", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast"),
    *set_each(CONFIG, "tokenizer_class", "PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer"),
    *set_each(CONFIG, "tokenizer_class", "RobertaTokenizer", "XLMRobertaTokenizer", "FooTokenizer", "ElectraTokenizer"),
    *set_each(
        CONFIG, "tokenizer_class", "MPNetTokenizer", "LlamaTokenizer", "BertJapaneseTokenizer", "CamembertTokenizer"
    ),
    *set_each(CONFIG, "auto_map", {"AutoTokenizer": ["tokenization_x.XTokenizer", None]}),
    *set_each(CONFIG, "processor_class", "CLIPProcessor", "FooProcessor"),
    *set_each(CONFIG, "fast_tokenizer_files", ["tokenizer.json", "tokenizer.4.0.0.json"]),
    *set_each(CONFIG, "init_inputs", ["vocab.txt"]),
    *set_each(CONFIG, "backend", "python"),
    *set_each(CONFIG, "fix_mistral_regex", True),
    *set_each(CONFIG, "gguf_file", "x.gguf"),
    *set_each(CONFIG, "device_map", "auto"),
    *set_each(CONFIG, "files_loaded", ["x"]),
    *set_each(CONFIG, "special", True),
    *set_each(CONFIG, "response_template", "x"),
    *set_each(CONFIG, "add_bos_token", True),
    *set_each(CONFIG, "add_eos_token", False),
    *set_each(CONFIG, "add_special_tokens", False),
    *set_each(CONFIG, "vocab", {"[PAD]": 0}),
    *set_each(CONFIG, "vocab_file", "other.txt"),
    *set_each(CONFIG, "encode", "x"),
    *set_each(CONFIG, "post_processor", {"type": "ByteLevel"}),
    *set_each(CONFIG, "chat_control_tokens", [THE]),
    *set_each(CONFIG, "chat_template", "{% for m in messages %}{{ m['content'] }} the end{% endfor %}"),
    Case(
        "chat_template.jinja",
        ["chat_template.jinja"],
        [replace_text("chat_template.jinja", "the {{ messages[0]['content'] }}")],
    ),
    Case(
        "additional_chat_templates/x.jinja",
        ["additional_chat_templates/x.jinja"],
        [replace_text("additional_chat_templates/x.jinja", "the {{ messages[0]['content'] }}")],
    ),
    set_irrelevant(
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
    delete_file_case(CONFIG),
]

TOKENIZER_JSON = [
    *set_each(TOKENIZER, "normalizer.lowercase", False),
    *set_each(TOKENIZER, "normalizer", None, {"type": "Lowercase"}),
    *set_each(TOKENIZER, "pre_tokenizer", {"type": "WhitespaceSplit"}, None),
    *set_each(TOKENIZER, "post_processor", None, {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[MASK]", 4]}),
    *set_each(TOKENIZER, "model.max_input_chars_per_word", 5, 200),
    *set_each(TOKENIZER, "model.unk_token", "[MASK]"),
    *set_each(TOKENIZER, "model.continuing_subword_prefix", "@@"),
    *set_each(TOKENIZER, "model.type", "WordLevel"),
    *drop_each(TOKENIZER, "model.type", "added_tokens", "model.vocab"),
    Case(
        "two tokens with swapped ids",
        ["tokenizer.json: model.vocab"],
        [set_value(TOKENIZER, "model.vocab.the", 113), set_value(TOKENIZER, "model.vocab.and", 110)],
    ),
    Case("the vocabulary has a gap", ["tokenizer.json: model.vocab"], [remove_value(TOKENIZER, "model.vocab.sparse")]),
    *set_each(TOKENIZER, "truncation.direction", "Left"),
    set_together(
        "truncation_side wins over truncation.direction",
        TOKENIZER,
        {"truncation.direction": "Left"},
        set_value(CONFIG, "truncation_side", "right"),
    ),
    *set_each(TOKENIZER, "truncation.strategy", "OnlySecond"),
    *set_each(TOKENIZER, "truncation.stride", 3),
    *set_each(TOKENIZER, "truncation", None),
    *set_each(
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
    *set_each(TOKENIZER, "added_tokens", []),
    Case(
        "an added token", ["tokenizer.json: added_tokens"], [append_added_token(BASE, build_added_token(THE_ID, THE))]
    ),
    *(
        Case(
            f"an added token, {flag}",
            [f"tokenizer.json: added_tokens.{flag}"],
            [append_added_token(BASE, build_added_token(THE_ID, THE, **{flag: flag != "normalized"}))],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    Case(
        "an added token in upper case",
        ["tokenizer.json: added_tokens.normalized"],
        [append_added_token(BASE, build_added_token(701, "THE"))],
    ),
    Case(
        "an added token with another id",
        ["tokenizer.json: added_tokens.id"],
        [append_added_token(BASE, build_added_token(300, THE))],
    ),
    *(
        Case(
            f"special token, {flag}",
            [f"tokenizer.json: added_tokens.{flag}"],
            [set_value(TOKENIZER, ["added_tokens", 4, flag], flag != "special")],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    *set_each(TOKENIZER, "version", "9.9"),
    *set_each(TOKENIZER, "extra", 1),
    set_irrelevant(TOKENIZER, {"decoder": None, "truncation.max_length": 3, "model.fuse_unk": True}),
]

GENERIC_CLASS = set_value(CONFIG, "tokenizer_class", "PreTrainedTokenizerFast")
NAMES = [set_value(CONFIG, f"{name.strip('[]').lower()}_token", name) for name in SPECIAL]


def build_generic_case(name: str, path: str, value: object, *more: dict) -> Case:
    """Returns a case that changes tokenizer.json with the generic tokenizer class, which uses it unchanged."""
    keys = [f"{TOKENIZER}: {path}", f"{CONFIG}: tokenizer_class"]
    return Case(f"generic tokenizer: {name}", keys, [GENERIC_CLASS, *NAMES, set_value(TOKENIZER, path, value), *more])


GENERIC_TOKENIZER = [
    build_generic_case("lowercase false", "normalizer.lowercase", False),
    build_generic_case("strip_accents false", "normalizer.strip_accents", False),
    build_generic_case("handle_chinese_chars false", "normalizer.handle_chinese_chars", False),
    build_generic_case("clean_text false", "normalizer.clean_text", False),
    build_generic_case("no normalizer", "normalizer", None),
    build_generic_case("whitespace", "pre_tokenizer", {"type": "Whitespace"}),
    build_generic_case("no post-processor", "post_processor", None),
    build_generic_case(
        "another post-processor",
        "post_processor",
        {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[MASK]", 4]},
    ),
    build_generic_case(
        "type id 1",
        "post_processor.single",
        [
            {"SpecialToken": {"id": "[CLS]", "type_id": 1}},
            {"Sequence": {"id": "A", "type_id": 1}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
    ),
    build_generic_case(
        "type id 1, token types requested",
        "post_processor.single",
        [
            {"SpecialToken": {"id": "[CLS]", "type_id": 1}},
            {"Sequence": {"id": "A", "type_id": 1}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
        set_value(CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
    ),
    *(
        Case(
            f"generic tokenizer: an added token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [
                GENERIC_CLASS,
                *NAMES,
                append_added_token(BASE, build_added_token(THE_ID, THE, **{flag: flag != "normalized"})),
            ],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    *(
        Case(
            f"generic tokenizer: special token, {flag}",
            [f"{TOKENIZER}: added_tokens.{flag}"],
            [GENERIC_CLASS, *NAMES, set_value(TOKENIZER, ["added_tokens", 4, flag], flag != "special")],
        )
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
    ),
    Case(
        "generic tokenizer: another class's name",
        [f"{CONFIG}: tokenizer_class"],
        [
            set_value(CONFIG, "tokenizer_class", "FooTokenizer"),
            *NAMES,
            set_value(TOKENIZER, "normalizer.lowercase", False),
        ],
    ),
    build_generic_case("long words", "model.max_input_chars_per_word", 200),
    build_generic_case("short words", "model.max_input_chars_per_word", 5),
    build_generic_case("unknown token", "model.unk_token", "[MASK]"),
    build_generic_case("prefix", "model.continuing_subword_prefix", "@@"),
    build_generic_case("left truncation", "truncation.direction", "Left"),
    build_generic_case(
        "do_lower_case of tokenizer_config.json", "truncation", None, set_value(CONFIG, "do_lower_case", False)
    ),
    build_generic_case(
        "token types requested",
        "truncation",
        None,
        set_value(CONFIG, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"]),
    ),
    build_generic_case("add_bos_token", "truncation", None, set_value(CONFIG, "add_bos_token", True)),
    Case(
        "generic tokenizer: no names of special tokens",
        [f"{CONFIG}: tokenizer_class", f"{CONFIG}: pad_token"],
        [replace_json(CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast"})],
    ),
    Case(
        "generic tokenizer: a pad token alone",
        [f"{CONFIG}: pad_token"],
        [replace_json(CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"})],
    ),
    Case(
        "generic tokenizer: padding of tokenizer.json names the pad token",
        [f"{TOKENIZER}: padding.pad_token"],
        [
            replace_json(CONFIG, {"tokenizer_class": "PreTrainedTokenizerFast"}),
            set_value(
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
    Case(
        "generic tokenizer: vocab.txt beside it",
        [VOCAB],
        [GENERIC_CLASS, *NAMES, replace_text(VOCAB, "[PAD]\n[UNK]\n")],
    ),
]

BERT = [*TOKENIZER_CONFIG, *TOKENIZER_JSON, *GENERIC_TOKENIZER]
