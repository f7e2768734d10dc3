"""Cases of models with a Router: router_config.json, the sides of queries, and their weights."""

from settings_case import Case, drops, irrelevant, sets, several, without
from settings_changes import Change, copy, move, put, text, whole

FILE, MODULES, SAVED = "router_config.json", "modules.json", "config_sentence_transformers.json"
QUERY, DOCUMENT, POOLING = "query_0_SparseStaticEmbedding", "document_0_Transformer", "document_1_SpladePooling"
STATIC_TYPE = "sentence_transformers.sparse_encoder.modules.sparse_static_embedding.SparseStaticEmbedding"
SPLADE_TYPE = "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling"
ROUTER_TYPE = "sentence_transformers.base.modules.router.Router"
OLD = "sentence_transformers.sparse_encoder.models"


def router(name: str, values: dict[str, object], *more: Change) -> Case:
    """Keys with dots in them are paths."""
    return several(f"router: {name}", FILE, values, *more)


def entry(path: str, kind: str, name: str = "0") -> dict[str, object]:
    return {"idx": int(name), "name": name, "path": path, "type": kind}


# As sentence-transformers 6 saves.
SAVED_ROUTER = [
    *sets(FILE, "parameters.default_route", "query", "document", None, "nonsense"),
    *sets(FILE, "parameters.allow_empty_key", False, None),
    several(
        "no default route, and none allowed",
        FILE,
        {"parameters.default_route": None, "parameters.allow_empty_key": False},
    ),
    *drops(FILE, "parameters", "parameters.default_route", "parameters.allow_empty_key", "parameters.route_mappings"),
    *drops(FILE, "structure", "types", "structure.query", "structure.document"),
    *sets(FILE, "parameters.extra", 1),
    *sets(FILE, "extra", 1),
    *sets(FILE, "parameters.route_mappings", {"('query', 'text')": "document"}, {"('query', None)": "document"}),
    *sets(FILE, "parameters.route_mappings", {"(None, 'text')": "query"}, {"(None, None)": "document"}),
    *sets(FILE, "parameters.route_mappings", {"('query', 'image')": "document"}, {"(None, 'image')": "document"}),
    *sets(
        FILE,
        "parameters.route_mappings",
        {"('query', ('text', 'image'))": "document"},
        {"('document', 'text')": "query"},
    ),
    *sets(
        FILE,
        "parameters.route_mappings",
        {"nonsense": "document"},
        {"query": "document"},
        {"('query', 'text')": "nonsense"},
    ),
    *sets(FILE, "parameters.route_mappings", {"('query',)": "document"}, {"(1, 2, 3)": "document"}, None, []),
    several(
        "route_mappings: the exact one wins",
        FILE,
        {
            "parameters.route_mappings": {
                "(None, 'text')": "query",
                "('query', None)": "query",
                "('query', 'text')": "document",
            }
        },
    ),
    several(
        "route_mappings: the task wins over the modality",
        FILE,
        {
            "parameters.route_mappings": {
                "(None, 'text')": "query",
                "('query', None)": "document",
                "(None, None)": "query",
            }
        },
    ),
    router("routes by modality", {"structure": {"text": [DOCUMENT, POOLING], "query": [QUERY]}}),
    router("a route text alone", {"structure": {"text": [DOCUMENT, POOLING]}, "parameters.default_route": "text"}),
    router(
        "another name for documents",
        {"structure": {"passage": [DOCUMENT, POOLING], "query": [QUERY]}, "parameters.default_route": "passage"},
    ),
    router(
        "names of its own, mapped",
        {
            "structure": {"a": [DOCUMENT, POOLING], "b": [QUERY]},
            "parameters.default_route": "a",
            "parameters.route_mappings": {"('query', 'text')": "b", "('document', 'text')": "a"},
        },
    ),
    router(
        "names of its own, not mapped",
        {"structure": {"a": [DOCUMENT, POOLING], "b": [QUERY]}, "parameters.default_route": "a"},
    ),
    router("a third route", {"structure.image": [QUERY]}),
    router("the routes trade places", {"structure": {"query": [DOCUMENT, POOLING], "document": [QUERY]}}),
    router("the network for both", {"structure": {"query": [DOCUMENT, POOLING], "document": [DOCUMENT, POOLING]}}),
    router("the table for both", {"structure": {"query": [QUERY], "document": [QUERY]}}),
    router("network, pooling, table for queries", {"structure.query": [DOCUMENT, POOLING, QUERY]}),
    router("network, pooling, table for documents", {"structure.document": [DOCUMENT, POOLING, QUERY]}),
    router("table twice", {"structure.query": [QUERY, QUERY]}),
    router("table, then pooling", {"structure.query": [QUERY, POOLING]}),
    router("the pooling alone", {"structure.document": [POOLING]}),
    router("the network alone", {"structure.document": [DOCUMENT]}),
    router("an empty route", {"structure.query": []}),
    router("a module that types doesn't name", {"structure.query": ["query_9_X"]}),
    router("a module that the structure doesn't name", {f"types.{POOLING}2": SPLADE_TYPE}),
    router("a folder upwards", {"types": {"../x": STATIC_TYPE}, "structure": {"query": ["../x"]}}),
    Case(
        "router: the pooling after it",
        [MODULES, FILE],
        [
            whole(MODULES, [entry("", ROUTER_TYPE), entry(POOLING, SPLADE_TYPE, "1")]),
            put(FILE, "structure", {"query": [DOCUMENT], "document": [DOCUMENT]}),
        ],
    ),
    Case(
        "router: the pooling after it, a table for queries",
        [MODULES, FILE],
        [
            whole(MODULES, [entry("", ROUTER_TYPE), entry(POOLING, SPLADE_TYPE, "1")]),
            put(FILE, "structure.document", [DOCUMENT]),
        ],
    ),
    Case(
        "router: Normalize after it",
        [MODULES],
        [whole(MODULES, [entry("", ROUTER_TYPE), entry("1_Normalize", "sentence_transformers.models.Normalize", "1")])],
    ),
    *(
        Case(f"router: type {kind}", [f"{MODULES}: type"], [whole(MODULES, [entry("", kind)])])
        for kind in (
            "sentence_transformers.models.Router",
            "sentence_transformers.models.Router.Router",
            "sentence_transformers.models.Asym",
            "sentence_transformers.models.Asym.Asym",
            "sentence_transformers.base.modules.Router",
            "sentence_transformers.sparse_encoder.models.Router",
            "sentence_transformers.sparse_encoder.modules.Router",
            "sentence_transformers.base.modules.router.Asym",
        )
    ),
    *(
        case
        for kind in (
            f"{OLD}.SparseStaticEmbedding",
            f"{OLD}.SparseStaticEmbedding.SparseStaticEmbedding",
            f"{OLD}.IDF",
            f"{OLD}.IDF.IDF",
            "sentence_transformers.sparse_encoder.modules.SparseStaticEmbedding",
            "sentence_transformers.models.StaticEmbedding",
            "modeling_x.SparseStaticEmbedding",
        )
        for case in sets(FILE, ["types", QUERY], kind)
    ),
    *(
        case
        for kind in (f"{OLD}.MLMTransformer.MLMTransformer", "sentence_transformers.models.Transformer")
        for case in sets(FILE, ["types", DOCUMENT], kind)
    ),
    several(
        "router: Transformer without a task",
        f"{DOCUMENT}/sentence_bert_config.json",
        {},
        whole(f"{DOCUMENT}/sentence_bert_config.json", {}),
    ),
    Case(
        "router in a folder of its own",
        [MODULES],
        [
            whole(MODULES, [entry("0_Router", ROUTER_TYPE)]),
            move(FILE, f"0_Router/{FILE}"),
            *(move(folder, f"0_Router/{folder}") for folder in (QUERY, DOCUMENT, POOLING)),
        ],
    ),
    Case("router's config is config.json", [FILE, "config.json"], [move(FILE, "config.json")]),
    Case("router_config.json wins over config.json", [FILE], [whole("config.json", {"types": {}, "structure": {}})]),
    without(FILE),
    Case("router_config.json is empty", [FILE], [whole(FILE, {})]),
    *sets(SAVED, "prompts", {"query": "the ", "document": "and "}),
    *sets(SAVED, "max_active_dims", 3),
    *sets(SAVED, "default_prompt_name", "query"),
    *sets(SAVED, "model_type", "SentenceTransformer", "CrossEncoder"),
    *sets(f"{DOCUMENT}/sentence_bert_config.json", "query_length", 8),
    *sets(f"{DOCUMENT}/sentence_bert_config.json", "document_length", 8),
    *sets(f"{DOCUMENT}/sentence_bert_config.json", "max_seq_length", 16),
    *sets(f"{DOCUMENT}/sentence_bert_config.json", "processing_kwargs.text.max_length", 16),
    router(
        "query_length of the network for both",
        {"structure": {"query": [DOCUMENT, POOLING], "document": [DOCUMENT, POOLING]}},
        put(f"{DOCUMENT}/sentence_bert_config.json", "query_length", 8),
    ),
    *sets(f"{DOCUMENT}/config.json", "is_causal", True),
    *sets(f"{DOCUMENT}/tokenizer_config.json", "do_lower_case", False),
    *sets(f"{POOLING}/config.json", "pooling_strategy", "sum"),
]

STATIC = [
    *sets(f"{QUERY}/config.json", "frozen", True, None, 1),
    *sets(f"{QUERY}/config.json", "extra", 1),
    *sets(f"{QUERY}/config.json", "path", "missing.json", "weights.txt", None, ""),
    *sets(f"{QUERY}/config.json", "weight", None),
    *sets(f"{QUERY}/config.json", "tokenizer", None),
    *drops(f"{QUERY}/config.json", "frozen"),
    without(f"{QUERY}/config.json"),
    without(f"{QUERY}/model.safetensors"),
    without(f"{QUERY}/tokenizer.json"),
    without(f"{QUERY}/tokenizer_config.json"),
    *sets(f"{QUERY}/tokenizer_config.json", "model_max_length", 8, 1e30, None),
    *sets(f"{QUERY}/tokenizer_config.json", "do_lower_case", False),
    *sets(f"{QUERY}/tokenizer_config.json", "truncation_side", "left"),
    *sets(f"{QUERY}/tokenizer_config.json", "unk_token", "[MASK]"),
    *sets(f"{QUERY}/tokenizer_config.json", "extra_special_tokens", ["the"], ["[NEW]"]),
    *sets(f"{QUERY}/tokenizer_config.json", "model_input_names", ["input_ids"]),
    *sets(f"{QUERY}/tokenizer_config.json", "tokenizer_class", "PreTrainedTokenizerFast", "DistilBertTokenizer"),
    *sets(f"{QUERY}/tokenizer_config.json", "chat_template", "x"),
    *sets(f"{QUERY}/special_tokens_map.json", "do_lower_case", False),
    *sets(f"{QUERY}/sentence_bert_config.json", "max_seq_length", 8),
    *sets(f"{QUERY}/processor_config.json", "processor_class", "CLIPProcessor"),
    several(
        "static: tokenizer.json truncates on the left", f"{QUERY}/tokenizer.json", {"truncation.direction": "Left"}
    ),
    Case(
        "static: a configuration says what kind of model it is",
        [f"{QUERY}/config.json: model_type"],
        [put(f"{QUERY}/config.json", "model_type", "bert")],
    ),
    Case(
        "static: the table of another size",
        [f"{QUERY}/model.safetensors"],
        [copy(f"{QUERY}/model.safetensors", "../router-random-opensearch/document_1_SpladePooling/config.json")],
    ),
    Case(
        "static: weights of a network",
        [f"{QUERY}/model.safetensors"],
        [copy(f"{QUERY}/model.safetensors", f"{DOCUMENT}/model.safetensors")],
    ),
    Case(
        "static: another table",
        [f"{QUERY}/model.safetensors"],
        [
            copy(
                f"{QUERY}/model.safetensors",
                "../router-random-opensearch/query_0_SparseStaticEmbedding/model.safetensors",
            )
        ],
    ),
    irrelevant(
        f"{QUERY}/tokenizer_config.json", {"padding_side": "left", "use_fast": False, "max_length": 3, "stride": 2}
    ),
    Case(
        "a network, a pooling and a table, one after the other",
        [MODULES],
        [
            whole(
                MODULES,
                [
                    entry(DOCUMENT, "sentence_transformers.base.modules.transformer.Transformer"),
                    entry(POOLING, SPLADE_TYPE, "1"),
                    entry(QUERY, STATIC_TYPE, "2"),
                ],
            )
        ],
    ),
    Case("a table alone", [MODULES], [whole(MODULES, [entry(QUERY, STATIC_TYPE)])]),
    Case(
        "a table with a prompt",
        [MODULES, SAVED],
        [whole(MODULES, [entry(QUERY, STATIC_TYPE)]), put(SAVED, "prompts", {"query": "the search "})],
    ),
]

# The table in an idf.json, whose path counts from the working directory.
PATH = "query_0_SparseStaticEmbedding/config.json"
IDF = [
    *sets(PATH, "path", "./idf.json", f"{QUERY}/idf.json", None, "idf.JSON"),
    *sets(PATH, "frozen", False),
    *sets("idf.json", "and", 9.0, -1.5, 0, "9", None),
    *sets("idf.json", "no token", 9.0),
    *sets("idf.json", "[UNK]", 4.0),
    *sets("idf.json", "[CLS]", 4.0),
    *drops("idf.json", "and"),
    Case("idf.json beside the config as well", ["idf.json"], [whole(f"{QUERY}/idf.json", {"the": 9.0})]),
    Case("idf.json beside the config alone", ["idf.json"], [move("idf.json", f"{QUERY}/idf.json")]),
    Case("idf.json is empty", ["idf.json"], [whole("idf.json", {})]),
    Case("idf.json is a list", ["idf.json"], [whole("idf.json", [])]),
    Case("idf.json with a key twice", ["idf.json"], [text("idf.json", '{"the": 1.0, "and": 2.0, "the": 3.0}')]),
    Case("idf.json with NaN", ["idf.json"], [text("idf.json", '{"the": NaN, "and": 2.0}')]),
    Case("idf.json with Infinity", ["idf.json"], [text("idf.json", '{"the": Infinity, "and": 2.0}')]),
    Case(
        "weights beside idf.json",
        [f"{QUERY}/model.safetensors"],
        [
            copy(
                f"{QUERY}/model.safetensors",
                "../router-random-opensearch/query_0_SparseStaticEmbedding/model.safetensors",
            )
        ],
    ),
    *sets(f"{QUERY}/tokenizer_config.json", "do_lower_case", False),
    *sets(f"{QUERY}/tokenizer_config.json", "extra_special_tokens", ["[NEW]"]),
    several(
        "a token added that idf.json names",
        f"{QUERY}/tokenizer_config.json",
        {"extra_special_tokens": ["vector-space"]},
        put("idf.json", "vector-space", 5.0),
    ),
]

# The network in the root.
OPENSEARCH = [
    *sets("config.json", "is_causal", True),
    *sets("tokenizer_config.json", "do_lower_case", False),
    *sets("sentence_bert_config.json", "max_seq_length", 16),
    *sets("sentence_bert_config.json", "query_length", 8),
    *sets(SAVED, "prompts", {"query": "the ", "document": "and "}),
    Case(
        "the network's settings in the root are those of a name less known",
        ["sentence_distilbert_config.json"],
        [whole("sentence_distilbert_config.json", {"max_seq_length": 16})],
    ),
    *sets(f"{QUERY}/config.json", "path", "idf.json"),
    router("network, pooling, table for queries", {"structure.query": ["", POOLING, QUERY]}),
]
