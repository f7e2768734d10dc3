"""Cases that change the module files: modules.json, the pooling configuration, and config_sentence_transformers.json.

The base has an MLMTransformer in its root directory and a SpladePooling module.
"""

from settings_case import Case, delete_file_case, drop_each, set_each, set_irrelevant, set_together
from settings_changes import Change, move_file, remove_file, replace_json, replace_text

MODULES, SAVED, POOLING = "modules.json", "config_sentence_transformers.json", "1_SpladePooling/config.json"
TRANSFORMER_CONFIG = "sentence_bert_config.json"
OLD = "sentence_transformers.sparse_encoder.models"
NEW = "sentence_transformers.sparse_encoder.modules"
BASE = "sentence_transformers.base.modules"
FILL_MASK = {"transformer_task": "fill-mask", "max_seq_length": 48}
MLM = f"{OLD}.MLMTransformer.MLMTransformer"
SPLADE = f"{OLD}.SpladePooling.SpladePooling"
NORMALIZE = "sentence_transformers.models.Normalize"


def build_module(index: int, path: str, kind: str, **more: object) -> dict[str, object]:
    return {"idx": index, "name": str(index), "path": path, "type": kind, **more}


def build_modules_case(name: str, entries: object, *more: Change) -> Case:
    return Case(
        f"modules.json: {name}", [MODULES, *find_changed_keys(entries)], [replace_json(MODULES, entries), *more]
    )


def find_changed_keys(entries: object) -> list[str]:
    """Returns the keys in which entries of modules.json differ from those of the base."""
    usual = [build_module(0, "", MLM), build_module(1, "1_SpladePooling", SPLADE)]
    pairs = zip(entries, usual) if isinstance(entries, list) else []
    differ = {key for one, other in pairs for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return [f"{MODULES}: {key}" for key in sorted(differ)]


def build_type_cases(kind: str) -> list[Case]:
    """Returns cases for a transformer class, which determines the task unless sentence_bert_config.json does."""
    entries = [build_module(0, "", kind), build_module(1, "1_SpladePooling", SPLADE)]
    keys = [f"{MODULES}: type", f"{TRANSFORMER_CONFIG}: transformer_task"]
    return [
        Case(f"type {kind}", keys, [replace_json(MODULES, entries)]),
        Case(
            f"type {kind}, fill-mask",
            keys,
            [replace_json(MODULES, entries), replace_json(TRANSFORMER_CONFIG, FILL_MASK)],
        ),
    ]


MODEL_FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", TRANSFORMER_CONFIG]
MODULE_LIST = [
    *(
        case
        for kind in (
            "sentence_transformers.models.Transformer",
            "sentence_transformers.models.Transformer.Transformer",
            f"{BASE}.Transformer",
            f"{BASE}.transformer.Transformer",
            "sentence_transformers.sentence_transformer.modules.Transformer",
            f"{OLD}.MLMTransformer",
            f"{NEW}.MLMTransformer",
            f"{NEW}.mlm_transformer.MLMTransformer",
            f"{NEW}.Transformer",
            f"{OLD}.Transformer",
            f"{NEW}.nonsense.MLMTransformer",
            "MLMTransformer",
            "modeling_x.MLMTransformer",
        )
        for case in build_type_cases(kind)
    ),
    *(
        build_modules_case(
            f"pooling of type {kind}", [build_module(0, "", MLM), build_module(1, "1_SpladePooling", kind)]
        )
        for kind in (
            f"{OLD}.SpladePooling",
            f"{NEW}.SpladePooling",
            f"{NEW}.splade_pooling.SpladePooling",
            "sentence_transformers.models.SpladePooling",
            "sentence_transformers.models.Pooling",
            f"{NEW}.SparseAutoEncoder",
        )
    ),
    build_modules_case("in the other order", [build_module(1, "1_SpladePooling", SPLADE), build_module(0, "", MLM)]),
    build_modules_case(
        "numbers in the other order", [build_module(7, "", MLM), build_module(3, "1_SpladePooling", SPLADE)]
    ),
    build_modules_case(
        "the same name twice", [build_module(0, "", MLM), {**build_module(1, "1_SpladePooling", SPLADE), "name": "0"}]
    ),
    build_modules_case(
        "odd names",
        [{**build_module(0, "", MLM), "name": "a"}, {**build_module(1, "1_SpladePooling", SPLADE), "name": "b c"}],
    ),
    build_modules_case(
        "a name with a dot", [{**build_module(0, "", MLM), "name": "a.b"}, build_module(1, "1_SpladePooling", SPLADE)]
    ),
    build_modules_case(
        "no numbers",
        [
            {k: v for k, v in m.items() if k != "idx"}
            for m in (build_module(0, "", MLM), build_module(1, "1_SpladePooling", SPLADE))
        ],
    ),
    build_modules_case(
        "no names",
        [
            {k: v for k, v in m.items() if k != "name"}
            for m in (build_module(0, "", MLM), build_module(1, "1_SpladePooling", SPLADE))
        ],
    ),
    build_modules_case(
        "no path",
        [
            {k: v for k, v in m.items() if k != "path"}
            for m in (build_module(0, "", MLM), build_module(1, "1_SpladePooling", SPLADE))
        ],
    ),
    build_modules_case(
        "kwargs", [build_module(0, "", MLM, kwargs=["x"]), build_module(1, "1_SpladePooling", SPLADE, kwargs=["task"])]
    ),
    build_modules_case(
        "unknown keys", [build_module(0, "", MLM, extra=1), build_module(1, "1_SpladePooling", SPLADE, extra=1)]
    ),
    build_modules_case(
        "a path to the parent directory", [build_module(0, "../model", MLM), build_module(1, "1_SpladePooling", SPLADE)]
    ),
    build_modules_case(
        "an absolute path", [build_module(0, "/model", MLM), build_module(1, "1_SpladePooling", SPLADE)]
    ),
    build_modules_case("a path with a dot", [build_module(0, ".", MLM), build_module(1, "./1_SpladePooling/", SPLADE)]),
    build_modules_case("empty", []),
    build_modules_case("an object", {}),
    build_modules_case("no pooling", [build_module(0, "", MLM)]),
    build_modules_case("no transformer", [build_module(0, "1_SpladePooling", SPLADE)]),
    build_modules_case(
        "missing directory of the pooling", [build_module(0, "", MLM), build_module(1, "2_SpladePooling", SPLADE)]
    ),
    build_modules_case(
        "pooling twice",
        [
            build_module(0, "", MLM),
            build_module(1, "1_SpladePooling", SPLADE),
            build_module(2, "1_SpladePooling", SPLADE),
        ],
    ),
    build_modules_case(
        "Normalize after the pooling",
        [
            build_module(0, "", MLM),
            build_module(1, "1_SpladePooling", SPLADE),
            build_module(2, "2_Normalize", NORMALIZE),
        ],
    ),
    build_modules_case(
        "Dense after the pooling",
        [
            build_module(0, "", MLM),
            build_module(1, "1_SpladePooling", SPLADE),
            build_module(2, "2_Dense", "sentence_transformers.models.Dense"),
        ],
    ),
    build_modules_case(
        "the transformer in a subdirectory",
        [build_module(0, "0_MLM", MLM), build_module(1, "1_SpladePooling", SPLADE)],
        *(move_file(file, f"0_MLM/{file}") for file in MODEL_FILES),
    ),
    build_modules_case(
        "the transformer in a nested subdirectory",
        [build_module(0, "a/0_MLM", MLM), build_module(1, "1_SpladePooling", SPLADE)],
        *(move_file(file, f"a/0_MLM/{file}") for file in MODEL_FILES),
    ),
    build_modules_case(
        "the transformer in a subdirectory, without sentence_bert_config.json",
        [build_module(0, "0_MLM", MLM), build_module(1, "1_SpladePooling", SPLADE)],
        *(move_file(file, f"0_MLM/{file}") for file in MODEL_FILES[:-1]),
    ),
    build_modules_case(
        "the transformer in a subdirectory, without its tokenizer",
        [build_module(0, "0_MLM", MLM), build_module(1, "1_SpladePooling", SPLADE)],
        *(move_file(file, f"0_MLM/{file}") for file in MODEL_FILES if "tokenizer" not in file),
    ),
    build_modules_case(
        "the pooling in the root's config.json",
        [build_module(0, "0_MLM", MLM), build_module(1, "", SPLADE)],
        *(move_file(file, f"0_MLM/{file}") for file in MODEL_FILES),
        move_file(POOLING, "config.json"),
    ),
    # sentence_bert_config.json and the pooling configuration are ignored; SpladePooling has its default activation.
    Case("without modules.json", [MODULES], [remove_file(MODULES)]),
]

POOLING_CASES = [
    *set_each(POOLING, "pooling_strategy", "max", "mean", None),
    *set_each(POOLING, "activation_function", "log1p_relu", "log1p", None),
    *drop_each(POOLING, "pooling_strategy", "activation_function"),
    *set_each(POOLING, "word_embedding_dimension", 701, 5, None),
    *set_each(POOLING, "embedding_dimension", 701, 5, None),
    set_together("both names of the dimension", POOLING, {"word_embedding_dimension": 3, "embedding_dimension": 701}),
    *set_each(POOLING, "chunk_size", 1, 7, 0, -1, None, 7.0, "7"),
    *set_each(POOLING, "extra", 1),
    *set_each(POOLING, "__version__", "5.0.0"),
    *set_each(POOLING, "config", {}),
    delete_file_case(POOLING),
    delete_file_case("1_SpladePooling"),
    Case("the pooling's config is empty", [POOLING], [replace_json(POOLING, {})]),
    Case("the pooling's config is a list", [POOLING], [replace_json(POOLING, [])]),
]

SAVED_CASES = [
    *set_each(SAVED, "prompts", {"query": "the ", "document": "and "}, {"query": "the "}, {"document": "and the "}),
    *set_each(SAVED, "prompts", {"query": None, "document": None}, {"query": "", "document": ""}, {}, None, []),
    *set_each(
        SAVED, "prompts", {"passage": "the ", "corpus": "and "}, {"other": "the "}, {"query": 5}, {"query": ["the"]}
    ),
    set_together("prompt with special tokens", SAVED, {"prompts": {"query": "[MASK] SEARCH: ", "document": " [SEP]"}}),
    set_together("default prompt", SAVED, {"prompts": {"other": "the "}, "default_prompt_name": "other"}),
    set_together(
        "default prompt document", SAVED, {"prompts": {"document": "the "}, "default_prompt_name": "document"}
    ),
    set_together("default prompt query", SAVED, {"prompts": {"query": "the "}, "default_prompt_name": "query"}),
    *set_each(SAVED, "default_prompt_name", "unknown", "query", "document", None, ""),
    *set_each(SAVED, "similarity_fn_name", "cosine", "euclidean", "maxsim", "nonsense", None, 5),
    *set_each(SAVED, "max_active_dims", 5, 1, 700, 100000, 0, -1, True, 5.0, "5", None),
    set_together("max_active_dims and the prompts", SAVED, {"max_active_dims": 9, "prompts": {"query": "the "}}),
    *set_each(SAVED, "model_type", "SentenceTransformer", "CrossEncoder", "MultiVectorEncoder", "nonsense", None),
    set_together(
        "another model_type, and prompts",
        SAVED,
        {"model_type": "CrossEncoder", "prompts": {"query": "the "}, "max_active_dims": 5},
    ),
    *drop_each(SAVED, "model_type", "similarity_fn_name"),
    *set_each(SAVED, "requirements", {"transformers": ">=99"}, [], {}, ["transformers>=99"], ["nonsense>=1"]),
    *set_each(SAVED, "__version__", {"sentence_transformers": "99.0.0"}, {"sentence_transformers": "5.0.0"}, {}),
    *set_each(SAVED, "truncate_dim", 5),
    set_irrelevant(
        SAVED,
        {
            "extra": 1,
            "score_functions": ["dot"],
            "pooling_mode": "mean",
            "activation_fn": "x",
            "scores": 1,
            "backend": "onnx",
        },
    ),
    delete_file_case(SAVED),
    Case("config_sentence_transformers.json is a list", [SAVED], [replace_json(SAVED, [])]),
    Case("config_sentence_transformers.json isn't JSON", [SAVED], [replace_text(SAVED, "{")]),
]

BERT = [*MODULE_LIST, *POOLING_CASES, *SAVED_CASES]
