"""Cases of what says which modules a model has: modules.json, the pooling, and config_sentence_transformers.json.

Their base has an MLMTransformer in its root and a SpladePooling.
"""

from settings_case import Case, drops, irrelevant, sets, several, without
from settings_changes import Change, delete, move, text, whole

MODULES, SAVED, POOLING = "modules.json", "config_sentence_transformers.json", "1_SpladePooling/config.json"
TRANSFORMER_CONFIG = "sentence_bert_config.json"
OLD = "sentence_transformers.sparse_encoder.models"
NEW = "sentence_transformers.sparse_encoder.modules"
BASE = "sentence_transformers.base.modules"
FILL_MASK = {"transformer_task": "fill-mask", "max_seq_length": 48}
MLM = f"{OLD}.MLMTransformer.MLMTransformer"
SPLADE = f"{OLD}.SpladePooling.SpladePooling"
NORMALIZE = "sentence_transformers.models.Normalize"


def module(index: int, path: str, kind: str, **more: object) -> dict[str, object]:
    return {"idx": index, "name": str(index), "path": path, "type": kind, **more}


def modules(name: str, entries: object, *more: Change) -> Case:
    return Case(f"modules.json: {name}", [MODULES, *changed_keys(entries)], [whole(MODULES, entries), *more])


def changed_keys(entries: object) -> list[str]:
    """The keys in which the entries differ from those of the base."""
    usual = [module(0, "", MLM), module(1, "1_SpladePooling", SPLADE)]
    pairs = zip(entries, usual) if isinstance(entries, list) else []
    differ = {key for one, other in pairs for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return [f"{MODULES}: {key}" for key in sorted(differ)]


def transformer_type(kind: str) -> list[Case]:
    """The task is what the class says, unless sentence_bert_config.json says it."""
    entries = [module(0, "", kind), module(1, "1_SpladePooling", SPLADE)]
    keys = [f"{MODULES}: type", f"{TRANSFORMER_CONFIG}: transformer_task"]
    return [
        Case(f"type {kind}", keys, [whole(MODULES, entries)]),
        Case(f"type {kind}, fill-mask", keys, [whole(MODULES, entries), whole(TRANSFORMER_CONFIG, FILL_MASK)]),
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
        for case in transformer_type(kind)
    ),
    *(
        modules(f"pooling of type {kind}", [module(0, "", MLM), module(1, "1_SpladePooling", kind)])
        for kind in (
            f"{OLD}.SpladePooling",
            f"{NEW}.SpladePooling",
            f"{NEW}.splade_pooling.SpladePooling",
            "sentence_transformers.models.SpladePooling",
            "sentence_transformers.models.Pooling",
            f"{NEW}.SparseAutoEncoder",
        )
    ),
    modules("in the other order", [module(1, "1_SpladePooling", SPLADE), module(0, "", MLM)]),
    modules("numbers in the other order", [module(7, "", MLM), module(3, "1_SpladePooling", SPLADE)]),
    modules("the same name twice", [module(0, "", MLM), {**module(1, "1_SpladePooling", SPLADE), "name": "0"}]),
    modules(
        "odd names", [{**module(0, "", MLM), "name": "a"}, {**module(1, "1_SpladePooling", SPLADE), "name": "b c"}]
    ),
    modules("a name with a dot", [{**module(0, "", MLM), "name": "a.b"}, module(1, "1_SpladePooling", SPLADE)]),
    modules(
        "no numbers",
        [
            {k: v for k, v in m.items() if k != "idx"}
            for m in (module(0, "", MLM), module(1, "1_SpladePooling", SPLADE))
        ],
    ),
    modules(
        "no names",
        [
            {k: v for k, v in m.items() if k != "name"}
            for m in (module(0, "", MLM), module(1, "1_SpladePooling", SPLADE))
        ],
    ),
    modules(
        "no path",
        [
            {k: v for k, v in m.items() if k != "path"}
            for m in (module(0, "", MLM), module(1, "1_SpladePooling", SPLADE))
        ],
    ),
    modules("kwargs", [module(0, "", MLM, kwargs=["x"]), module(1, "1_SpladePooling", SPLADE, kwargs=["task"])]),
    modules("unknown keys", [module(0, "", MLM, extra=1), module(1, "1_SpladePooling", SPLADE, extra=1)]),
    modules("a path upwards", [module(0, "../model", MLM), module(1, "1_SpladePooling", SPLADE)]),
    modules("an absolute path", [module(0, "/model", MLM), module(1, "1_SpladePooling", SPLADE)]),
    modules("a path with a dot", [module(0, ".", MLM), module(1, "./1_SpladePooling/", SPLADE)]),
    modules("empty", []),
    modules("an object", {}),
    modules("no pooling", [module(0, "", MLM)]),
    modules("no transformer", [module(0, "1_SpladePooling", SPLADE)]),
    modules("pooling's folder is missing", [module(0, "", MLM), module(1, "2_SpladePooling", SPLADE)]),
    modules(
        "pooling twice",
        [module(0, "", MLM), module(1, "1_SpladePooling", SPLADE), module(2, "1_SpladePooling", SPLADE)],
    ),
    modules(
        "Normalize after the pooling",
        [module(0, "", MLM), module(1, "1_SpladePooling", SPLADE), module(2, "2_Normalize", NORMALIZE)],
    ),
    modules(
        "Dense after the pooling",
        [
            module(0, "", MLM),
            module(1, "1_SpladePooling", SPLADE),
            module(2, "2_Dense", "sentence_transformers.models.Dense"),
        ],
    ),
    modules(
        "the transformer in a folder",
        [module(0, "0_MLM", MLM), module(1, "1_SpladePooling", SPLADE)],
        *(move(file, f"0_MLM/{file}") for file in MODEL_FILES),
    ),
    modules(
        "the transformer in a folder of a folder",
        [module(0, "a/0_MLM", MLM), module(1, "1_SpladePooling", SPLADE)],
        *(move(file, f"a/0_MLM/{file}") for file in MODEL_FILES),
    ),
    modules(
        "the transformer in a folder, its settings left behind",
        [module(0, "0_MLM", MLM), module(1, "1_SpladePooling", SPLADE)],
        *(move(file, f"0_MLM/{file}") for file in MODEL_FILES[:-1]),
    ),
    modules(
        "the transformer in a folder, its tokenizer left behind",
        [module(0, "0_MLM", MLM), module(1, "1_SpladePooling", SPLADE)],
        *(move(file, f"0_MLM/{file}") for file in MODEL_FILES if "tokenizer" not in file),
    ),
    modules(
        "the pooling in the root's config.json",
        [module(0, "0_MLM", MLM), module(1, "", SPLADE)],
        *(move(file, f"0_MLM/{file}") for file in MODEL_FILES),
        move(POOLING, "config.json"),
    ),
    # Then sentence_bert_config.json and the pooling have no part, and the activation is that of a new SpladePooling.
    Case("without modules.json", [MODULES], [delete(MODULES)]),
]

POOLING_CASES = [
    *sets(POOLING, "pooling_strategy", "max", "mean", None),
    *sets(POOLING, "activation_function", "log1p_relu", "log1p", None),
    *drops(POOLING, "pooling_strategy", "activation_function"),
    *sets(POOLING, "word_embedding_dimension", 701, 5, None),
    *sets(POOLING, "embedding_dimension", 701, 5, None),
    several("both names of the dimension", POOLING, {"word_embedding_dimension": 3, "embedding_dimension": 701}),
    *sets(POOLING, "chunk_size", 1, 7, 0, -1, None, 7.0, "7"),
    *sets(POOLING, "extra", 1),
    *sets(POOLING, "__version__", "5.0.0"),
    *sets(POOLING, "config", {}),
    without(POOLING),
    without("1_SpladePooling"),
    Case("the pooling's config is empty", [POOLING], [whole(POOLING, {})]),
    Case("the pooling's config is a list", [POOLING], [whole(POOLING, [])]),
]

SAVED_CASES = [
    *sets(SAVED, "prompts", {"query": "the ", "document": "and "}, {"query": "the "}, {"document": "and the "}),
    *sets(SAVED, "prompts", {"query": None, "document": None}, {"query": "", "document": ""}, {}, None, []),
    *sets(SAVED, "prompts", {"passage": "the ", "corpus": "and "}, {"other": "the "}, {"query": 5}, {"query": ["the"]}),
    several("prompt with special tokens", SAVED, {"prompts": {"query": "[MASK] SEARCH: ", "document": " [SEP]"}}),
    several("default prompt", SAVED, {"prompts": {"other": "the "}, "default_prompt_name": "other"}),
    several("default prompt document", SAVED, {"prompts": {"document": "the "}, "default_prompt_name": "document"}),
    several("default prompt query", SAVED, {"prompts": {"query": "the "}, "default_prompt_name": "query"}),
    *sets(SAVED, "default_prompt_name", "unknown", "query", "document", None, ""),
    *sets(SAVED, "similarity_fn_name", "cosine", "euclidean", "maxsim", "nonsense", None, 5),
    *sets(SAVED, "max_active_dims", 5, 1, 700, 100000, 0, -1, True, 5.0, "5", None),
    several("max_active_dims and the prompts", SAVED, {"max_active_dims": 9, "prompts": {"query": "the "}}),
    *sets(SAVED, "model_type", "SentenceTransformer", "CrossEncoder", "MultiVectorEncoder", "nonsense", None),
    several(
        "another model_type, and prompts",
        SAVED,
        {"model_type": "CrossEncoder", "prompts": {"query": "the "}, "max_active_dims": 5},
    ),
    *drops(SAVED, "model_type", "similarity_fn_name"),
    *sets(SAVED, "requirements", {"transformers": ">=99"}, [], {}, ["transformers>=99"], ["nonsense>=1"]),
    *sets(SAVED, "__version__", {"sentence_transformers": "99.0.0"}, {"sentence_transformers": "5.0.0"}, {}),
    *sets(SAVED, "truncate_dim", 5),
    irrelevant(
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
    without(SAVED),
    Case("config_sentence_transformers.json is a list", [SAVED], [whole(SAVED, [])]),
    Case("config_sentence_transformers.json isn't JSON", [SAVED], [text(SAVED, "{")]),
]

BERT = [*MODULE_LIST, *POOLING_CASES, *SAVED_CASES]
