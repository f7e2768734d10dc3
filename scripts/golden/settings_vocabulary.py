"""Cases that change other tokenizer files of BERT: special_tokens_map.json, added_tokens.json, vocab.txt and more."""

from settings_case import Case, read_base_json, set_each, set_together
from settings_changes import copy_file, remove_file, replace_json, replace_text, set_value
from settings_wordpiece import (
    ADDED,
    BASE,
    CONFIG,
    GENERIC_CLASS,
    NAMES,
    SPECIAL,
    SPECIAL_MAP,
    THE,
    THE_ID,
    TOKENIZER,
    VOCAB,
    build_token,
)

LEGACY_FILES = [
    *set_each(
        SPECIAL_MAP, "cls_token", "[MASK]", {"content": "[MASK]", "lstrip": True, "rstrip": False, "normalized": False}
    ),
    *set_each(SPECIAL_MAP, "unk_token", "[MASK]"),
    *set_each(SPECIAL_MAP, "sep_token", "[MASK]"),
    *set_each(SPECIAL_MAP, "bos_token", THE),
    *set_each(SPECIAL_MAP, "eos_token", THE),
    *set_each(SPECIAL_MAP, "pad_token", THE),
    *set_each(SPECIAL_MAP, "additional_special_tokens", [THE]),
    *set_each(SPECIAL_MAP, "extra_special_tokens", [THE], [build_token(THE, single_word=True)], {"image_token": THE}),
    *set_each(SPECIAL_MAP, "image_token", THE),
    *set_each(SPECIAL_MAP, "do_lower_case", False),
    *set_each(SPECIAL_MAP, "model_max_length", 16),
    set_together(
        "special_tokens_map.json wins over tokenizer_config.json",
        SPECIAL_MAP,
        {"cls_token": "[MASK]"},
        set_value(CONFIG, "cls_token", "the"),
    ),
    set_together(
        "added_tokens_decoder overrides special_tokens_map.json",
        SPECIAL_MAP,
        {"cls_token": "[MASK]"},
        set_value(CONFIG, "added_tokens_decoder", {}),
    ),
    Case("special_tokens_map.json is a list", [SPECIAL_MAP], [replace_json(SPECIAL_MAP, [])]),
    *set_each(ADDED, THE, THE_ID, 300),
    *set_each(ADDED, "vector-space", 701),
    set_together(
        "added_tokens_decoder overrides added_tokens.json",
        ADDED,
        {THE: THE_ID},
        set_value(CONFIG, "added_tokens_decoder", {}),
    ),
    set_together("a special token in added_tokens.json", ADDED, {THE: THE_ID}, set_value(CONFIG, "mask_token", THE)),
]

WORDS = ["the", "sparse", "search", "vector", "s", "a", "b", "c", "e", "n", "t", ",", ".", "##s", "##e", "##a", "##d"]
LINES = [*SPECIAL, *WORDS]


def build_vocabulary_case(name: str, content: str, *more: dict) -> Case:
    """Returns a case with vocab.txt instead of tokenizer.json. It has fewer lines than the weights have rows."""
    return Case(f"vocab.txt: {name}", [VOCAB], [remove_file(TOKENIZER), replace_text(VOCAB, content), *more])


def read_base_vocabulary() -> str:
    """Returns the vocabulary of the base as text of vocab.txt, ordered by id."""
    ids = read_base_json(BASE, TOKENIZER)["model"]["vocab"]
    return "".join(f"{token}\n" for token in sorted(ids, key=ids.__getitem__))


VOCABULARY = [
    build_vocabulary_case("the same vocabulary", read_base_vocabulary()),
    build_vocabulary_case(
        "the same vocabulary, cased", read_base_vocabulary(), set_value(CONFIG, "do_lower_case", False)
    ),
    build_vocabulary_case("plain", "\n".join(LINES) + "\n"),
    build_vocabulary_case("no newline at the end", "\n".join(LINES)),
    build_vocabulary_case("carriage returns", "\r\n".join(LINES) + "\r\n"),
    build_vocabulary_case("empty lines", "\n".join([*SPECIAL, "", "the", "", *WORDS[1:], "", ""]) + "\n"),
    build_vocabulary_case("lines of spaces", "\n".join([*SPECIAL, " ", "the", "\t", *WORDS[1:]]) + "\n"),
    build_vocabulary_case(
        "trailing spaces", "\n".join([*SPECIAL, "the ", "sparse\t", "search\u00a0", "vector\u3000", *WORDS[4:]]) + "\n"
    ),
    build_vocabulary_case("leading spaces", "\n".join([*SPECIAL, " the", "\tsparse", *WORDS[2:]]) + "\n"),
    build_vocabulary_case("duplicates", "\n".join([*SPECIAL, "the", "sparse", "the", *WORDS[2:], "sparse"]) + "\n"),
    build_vocabulary_case(
        "not ASCII", "\n".join([*SPECIAL, "東", "京", "cafe", "café", "straße", "москва", "##é", *WORDS]) + "\n"
    ),
    build_vocabulary_case(
        "line separators within lines", "\n".join([*SPECIAL, "the\u2028x", "a\u0085b", "c\x0bd", "e\rf", *WORDS]) + "\n"
    ),
    build_vocabulary_case("a byte order mark", "\ufeff" + "\n".join(LINES) + "\n"),
    build_vocabulary_case("special tokens elsewhere", "\n".join([*WORDS, *SPECIAL]) + "\n"),
    build_vocabulary_case("no special tokens", "\n".join(WORDS) + "\n"),
    build_vocabulary_case("no unknown token", "\n".join([*SPECIAL[:1], *SPECIAL[2:], *WORDS]) + "\n"),
    build_vocabulary_case("empty", ""),
    build_vocabulary_case(
        "cased", "\n".join([*LINES, "Sparse", "SPARSE"]) + "\n", set_value(CONFIG, "do_lower_case", False)
    ),
    build_vocabulary_case(
        "vocab_file names another file", "\n".join(LINES) + "\n", set_value(CONFIG, "vocab_file", "other.txt")
    ),
    build_vocabulary_case("added tokens", "\n".join(LINES) + "\n", set_value(ADDED, "vectors", 22)),
    build_vocabulary_case("added tokens with a gap", "\n".join(LINES) + "\n", set_value(ADDED, "vectors", 30)),
    build_vocabulary_case("generic tokenizer class", "\n".join(LINES) + "\n", GENERIC_CLASS, *NAMES),
    build_vocabulary_case("without tokenizer_config.json", "\n".join(LINES) + "\n", remove_file(CONFIG)),
    Case("vocab.txt beside tokenizer.json", [VOCAB], [replace_text(VOCAB, "\n".join(LINES) + "\n")]),
    Case("no vocabulary", [TOKENIZER], [remove_file(TOKENIZER)]),
    Case(
        "tokenizer.json of another kind", [TOKENIZER], [copy_file(TOKENIZER, "../roberta-random-tied/tokenizer.json")]
    ),
]

OTHER_FILES = [
    Case(
        "processor_config.json",
        ["processor_config.json"],
        [replace_json("processor_config.json", {"processor_class": "CLIPProcessor"})],
    ),
    Case(
        "preprocessor_config.json",
        ["preprocessor_config.json"],
        [replace_json("preprocessor_config.json", {"image_processor_type": "CLIPImageProcessor"})],
    ),
    Case(
        "preprocessor_config.json with an unknown key",
        ["preprocessor_config.json"],
        [replace_json("preprocessor_config.json", {"x": 1})],
    ),
    Case(
        "adapter_config.json",
        ["adapter_config.json"],
        [replace_json("adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "x/y"})],
    ),
    Case(
        "unused files",
        ["generation_config.json", "README.md", "idf.json", "merges.txt", "onnx/model.onnx"],
        [
            replace_json("generation_config.json", {"max_length": 3}),
            replace_text("README.md", "---\nbase_model: x/y\n---\n"),
            replace_json("idf.json", {"the": 9.0}),
            replace_text("merges.txt", "a b\n"),
            replace_text("onnx/model.onnx", "x"),
            replace_json("1_SpladePooling/config.json", {"pooling_strategy": "sum"}),
        ],
    ),
]

BERT = [*LEGACY_FILES, *VOCABULARY, *OTHER_FILES]
