"""Cases of the tokenizer's other files, for BERT: special_tokens_map.json, added_tokens.json, vocab.txt and more."""

from settings_case import Case, base_json, sets, several
from settings_changes import copy, delete, put, text, whole
from settings_wordpiece import (
    ADDED,
    AS_IT_IS,
    BASE,
    CONFIG,
    NAMES,
    SPECIAL,
    SPECIAL_MAP,
    THE,
    THE_ID,
    TOKENIZER,
    VOCAB,
    token,
)

LEGACY_FILES = [
    *sets(
        SPECIAL_MAP, "cls_token", "[MASK]", {"content": "[MASK]", "lstrip": True, "rstrip": False, "normalized": False}
    ),
    *sets(SPECIAL_MAP, "unk_token", "[MASK]"),
    *sets(SPECIAL_MAP, "sep_token", "[MASK]"),
    *sets(SPECIAL_MAP, "bos_token", THE),
    *sets(SPECIAL_MAP, "eos_token", THE),
    *sets(SPECIAL_MAP, "pad_token", THE),
    *sets(SPECIAL_MAP, "additional_special_tokens", [THE]),
    *sets(SPECIAL_MAP, "extra_special_tokens", [THE], [token(THE, single_word=True)], {"image_token": THE}),
    *sets(SPECIAL_MAP, "image_token", THE),
    *sets(SPECIAL_MAP, "do_lower_case", False),
    *sets(SPECIAL_MAP, "model_max_length", 16),
    several(
        "special_tokens_map.json wins over tokenizer_config.json",
        SPECIAL_MAP,
        {"cls_token": "[MASK]"},
        put(CONFIG, "cls_token", "the"),
    ),
    several(
        "added_tokens_decoder silences special_tokens_map.json",
        SPECIAL_MAP,
        {"cls_token": "[MASK]"},
        put(CONFIG, "added_tokens_decoder", {}),
    ),
    Case("special_tokens_map.json is a list", [SPECIAL_MAP], [whole(SPECIAL_MAP, [])]),
    *sets(ADDED, THE, THE_ID, 300),
    *sets(ADDED, "vector-space", 701),
    several(
        "added_tokens_decoder silences added_tokens.json", ADDED, {THE: THE_ID}, put(CONFIG, "added_tokens_decoder", {})
    ),
    several("a special token in added_tokens.json", ADDED, {THE: THE_ID}, put(CONFIG, "mask_token", THE)),
]

WORDS = ["the", "sparse", "search", "vector", "s", "a", "b", "c", "e", "n", "t", ",", ".", "##s", "##e", "##a", "##d"]
LINES = [*SPECIAL, *WORDS]


def vocabulary(name: str, content: str, *more: dict) -> Case:
    """The vocabulary in vocab.txt alone. The weights have more rows than it has lines."""
    return Case(f"vocab.txt: {name}", [VOCAB], [delete(TOKENIZER), text(VOCAB, content), *more])


def whole_vocabulary() -> str:
    """The base's own, one token a line in the order of their ids."""
    ids = base_json(BASE, TOKENIZER)["model"]["vocab"]
    return "".join(f"{token}\n" for token in sorted(ids, key=ids.__getitem__))


VOCABULARY = [
    vocabulary("the same vocabulary", whole_vocabulary()),
    vocabulary("the same vocabulary, cased", whole_vocabulary(), put(CONFIG, "do_lower_case", False)),
    vocabulary("plain", "\n".join(LINES) + "\n"),
    vocabulary("no newline at the end", "\n".join(LINES)),
    vocabulary("carriage returns", "\r\n".join(LINES) + "\r\n"),
    vocabulary("empty lines", "\n".join([*SPECIAL, "", "the", "", *WORDS[1:], "", ""]) + "\n"),
    vocabulary("lines of spaces", "\n".join([*SPECIAL, " ", "the", "\t", *WORDS[1:]]) + "\n"),
    vocabulary(
        "trailing spaces", "\n".join([*SPECIAL, "the ", "sparse\t", "search\u00a0", "vector\u3000", *WORDS[4:]]) + "\n"
    ),
    vocabulary("leading spaces", "\n".join([*SPECIAL, " the", "\tsparse", *WORDS[2:]]) + "\n"),
    vocabulary("duplicates", "\n".join([*SPECIAL, "the", "sparse", "the", *WORDS[2:], "sparse"]) + "\n"),
    vocabulary(
        "not ASCII", "\n".join([*SPECIAL, "東", "京", "cafe", "café", "straße", "москва", "##é", *WORDS]) + "\n"
    ),
    vocabulary(
        "separators of lines inside", "\n".join([*SPECIAL, "the\u2028x", "a\u0085b", "c\x0bd", "e\rf", *WORDS]) + "\n"
    ),
    vocabulary("a byte order mark", "\ufeff" + "\n".join(LINES) + "\n"),
    vocabulary("special tokens elsewhere", "\n".join([*WORDS, *SPECIAL]) + "\n"),
    vocabulary("no special tokens", "\n".join(WORDS) + "\n"),
    vocabulary("no unknown token", "\n".join([*SPECIAL[:1], *SPECIAL[2:], *WORDS]) + "\n"),
    vocabulary("empty", ""),
    vocabulary("cased", "\n".join([*LINES, "Sparse", "SPARSE"]) + "\n", put(CONFIG, "do_lower_case", False)),
    vocabulary("another file of vocabulary is named", "\n".join(LINES) + "\n", put(CONFIG, "vocab_file", "other.txt")),
    vocabulary("added tokens", "\n".join(LINES) + "\n", put(ADDED, "vectors", 22)),
    vocabulary("added tokens with a gap", "\n".join(LINES) + "\n", put(ADDED, "vectors", 30)),
    vocabulary("of a class that has no vocab.txt", "\n".join(LINES) + "\n", AS_IT_IS, *NAMES),
    vocabulary("and nothing says how", "\n".join(LINES) + "\n", delete(CONFIG)),
    Case("vocab.txt beside tokenizer.json", [VOCAB], [text(VOCAB, "\n".join(LINES) + "\n")]),
    Case("no vocabulary", [TOKENIZER], [delete(TOKENIZER)]),
    Case("tokenizer.json of another kind", [TOKENIZER], [copy(TOKENIZER, "../roberta-random-tied/tokenizer.json")]),
]

OTHER_FILES = [
    Case(
        "processor_config.json",
        ["processor_config.json"],
        [whole("processor_config.json", {"processor_class": "CLIPProcessor"})],
    ),
    Case(
        "preprocessor_config.json",
        ["preprocessor_config.json"],
        [whole("preprocessor_config.json", {"image_processor_type": "CLIPImageProcessor"})],
    ),
    Case(
        "preprocessor_config.json says nothing",
        ["preprocessor_config.json"],
        [whole("preprocessor_config.json", {"x": 1})],
    ),
    Case(
        "adapter_config.json",
        ["adapter_config.json"],
        [whole("adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "x/y"})],
    ),
    Case(
        "files that nothing reads",
        ["generation_config.json", "README.md", "idf.json", "merges.txt", "onnx/model.onnx"],
        [
            whole("generation_config.json", {"max_length": 3}),
            text("README.md", "---\nbase_model: x/y\n---\n"),
            whole("idf.json", {"the": 9.0}),
            text("merges.txt", "a b\n"),
            text("onnx/model.onnx", "x"),
            whole("1_SpladePooling/config.json", {"pooling_strategy": "sum"}),
        ],
    ),
]

BERT = [*LEGACY_FILES, *VOCABULARY, *OTHER_FILES]
