"""Cases that change models with a Router: router_config.json, and the modules and weights of its routes."""

from settings_case import Case, delete_file_case, drop_each, set_each, set_irrelevant, set_together
from settings_changes import Change, copy_file, move_file, replace_json, replace_text, set_value

FILE, MODULES, SAVED = "router_config.json", "modules.json", "config_sentence_transformers.json"
QUERY, DOCUMENT, POOLING = "query_0_SparseStaticEmbedding", "document_0_Transformer", "document_1_SpladePooling"
STATIC_TYPE = "sentence_transformers.sparse_encoder.modules.sparse_static_embedding.SparseStaticEmbedding"
SPLADE_TYPE = "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling"
ROUTER_TYPE = "sentence_transformers.base.modules.router.Router"
OLD = "sentence_transformers.sparse_encoder.models"


def build_router_case(name: str, values: dict[str, object], *more: Change) -> Case:
    """Returns a case that sets values of router_config.json, by dotted path."""
    return set_together(f"router: {name}", FILE, values, *more)


def build_entry(path: str, kind: str, name: str = "0") -> dict[str, object]:
    return {"idx": int(name), "name": name, "path": path, "type": kind}


# Base saved by sentence-transformers 6.
SAVED_ROUTER = [
    *set_each(FILE, "parameters.default_route", "query", "document", None, "nonsense"),
    *set_each(FILE, "parameters.allow_empty_key", False, None),
    set_together(
        "no default route, and none allowed",
        FILE,
        {"parameters.default_route": None, "parameters.allow_empty_key": False},
    ),
    *drop_each(
        FILE, "parameters", "parameters.default_route", "parameters.allow_empty_key", "parameters.route_mappings"
    ),
    *drop_each(FILE, "structure", "types", "structure.query", "structure.document"),
    *set_each(FILE, "parameters.extra", 1),
    *set_each(FILE, "extra", 1),
    *set_each(FILE, "parameters.route_mappings", {"('query', 'text')": "document"}, {"('query', None)": "document"}),
    *set_each(FILE, "parameters.route_mappings", {"(None, 'text')": "query"}, {"(None, None)": "document"}),
    *set_each(FILE, "parameters.route_mappings", {"('query', 'image')": "document"}, {"(None, 'image')": "document"}),
    *set_each(
        FILE,
        "parameters.route_mappings",
        {"('query', ('text', 'image'))": "document"},
        {"('document', 'text')": "query"},
    ),
    *set_each(
        FILE,
        "parameters.route_mappings",
        {"nonsense": "document"},
        {"query": "document"},
        {"('query', 'text')": "nonsense"},
    ),
    *set_each(FILE, "parameters.route_mappings", {"('query',)": "document"}, {"(1, 2, 3)": "document"}, None, []),
    set_together(
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
    set_together(
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
    build_router_case("routes by modality", {"structure": {"text": [DOCUMENT, POOLING], "query": [QUERY]}}),
    build_router_case(
        "a route text alone", {"structure": {"text": [DOCUMENT, POOLING]}, "parameters.default_route": "text"}
    ),
    build_router_case(
        "another name for documents",
        {"structure": {"passage": [DOCUMENT, POOLING], "query": [QUERY]}, "parameters.default_route": "passage"},
    ),
    build_router_case(
        "names of its own, mapped",
        {
            "structure": {"a": [DOCUMENT, POOLING], "b": [QUERY]},
            "parameters.default_route": "a",
            "parameters.route_mappings": {"('query', 'text')": "b", "('document', 'text')": "a"},
        },
    ),
    build_router_case(
        "names of its own, not mapped",
        {"structure": {"a": [DOCUMENT, POOLING], "b": [QUERY]}, "parameters.default_route": "a"},
    ),
    build_router_case("a third route", {"structure.image": [QUERY]}),
    build_router_case("swapped routes", {"structure": {"query": [DOCUMENT, POOLING], "document": [QUERY]}}),
    build_router_case(
        "the network for both", {"structure": {"query": [DOCUMENT, POOLING], "document": [DOCUMENT, POOLING]}}
    ),
    build_router_case("the table for both", {"structure": {"query": [QUERY], "document": [QUERY]}}),
    build_router_case("network, pooling, table for queries", {"structure.query": [DOCUMENT, POOLING, QUERY]}),
    build_router_case("network, pooling, table for documents", {"structure.document": [DOCUMENT, POOLING, QUERY]}),
    build_router_case("table twice", {"structure.query": [QUERY, QUERY]}),
    build_router_case("table, then pooling", {"structure.query": [QUERY, POOLING]}),
    build_router_case("the pooling alone", {"structure.document": [POOLING]}),
    build_router_case("the network alone", {"structure.document": [DOCUMENT]}),
    build_router_case("an empty route", {"structure.query": []}),
    build_router_case("a module that types doesn't name", {"structure.query": ["query_9_X"]}),
    build_router_case("a module that the structure doesn't name", {f"types.{POOLING}2": SPLADE_TYPE}),
    build_router_case(
        "a path to the parent directory", {"types": {"../x": STATIC_TYPE}, "structure": {"query": ["../x"]}}
    ),
    Case(
        "router: the pooling after it",
        [MODULES, FILE],
        [
            replace_json(MODULES, [build_entry("", ROUTER_TYPE), build_entry(POOLING, SPLADE_TYPE, "1")]),
            set_value(FILE, "structure", {"query": [DOCUMENT], "document": [DOCUMENT]}),
        ],
    ),
    Case(
        "router: the pooling after it, a table for queries",
        [MODULES, FILE],
        [
            replace_json(MODULES, [build_entry("", ROUTER_TYPE), build_entry(POOLING, SPLADE_TYPE, "1")]),
            set_value(FILE, "structure.document", [DOCUMENT]),
        ],
    ),
    Case(
        "router: Normalize after it",
        [MODULES],
        [
            replace_json(
                MODULES,
                [
                    build_entry("", ROUTER_TYPE),
                    build_entry("1_Normalize", "sentence_transformers.models.Normalize", "1"),
                ],
            )
        ],
    ),
    *(
        Case(f"router: type {kind}", [f"{MODULES}: type"], [replace_json(MODULES, [build_entry("", kind)])])
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
        for case in set_each(FILE, ["types", QUERY], kind)
    ),
    *(
        case
        for kind in (f"{OLD}.MLMTransformer.MLMTransformer", "sentence_transformers.models.Transformer")
        for case in set_each(FILE, ["types", DOCUMENT], kind)
    ),
    set_together(
        "router: Transformer without a task",
        f"{DOCUMENT}/sentence_bert_config.json",
        {},
        replace_json(f"{DOCUMENT}/sentence_bert_config.json", {}),
    ),
    Case(
        "router in a subdirectory",
        [MODULES],
        [
            replace_json(MODULES, [build_entry("0_Router", ROUTER_TYPE)]),
            move_file(FILE, f"0_Router/{FILE}"),
            *(move_file(path, f"0_Router/{path}") for path in (QUERY, DOCUMENT, POOLING)),
        ],
    ),
    Case("router's config is config.json", [FILE, "config.json"], [move_file(FILE, "config.json")]),
    Case(
        "router_config.json wins over config.json",
        [FILE],
        [replace_json("config.json", {"types": {}, "structure": {}})],
    ),
    delete_file_case(FILE),
    Case("router_config.json is empty", [FILE], [replace_json(FILE, {})]),
    *set_each(SAVED, "prompts", {"query": "the ", "document": "and "}),
    *set_each(SAVED, "max_active_dims", 3),
    *set_each(SAVED, "default_prompt_name", "query"),
    *set_each(SAVED, "model_type", "SentenceTransformer", "CrossEncoder"),
    *set_each(f"{DOCUMENT}/sentence_bert_config.json", "query_length", 8),
    *set_each(f"{DOCUMENT}/sentence_bert_config.json", "document_length", 8),
    *set_each(f"{DOCUMENT}/sentence_bert_config.json", "max_seq_length", 16),
    *set_each(f"{DOCUMENT}/sentence_bert_config.json", "processing_kwargs.text.max_length", 16),
    build_router_case(
        "query_length of the network for both",
        {"structure": {"query": [DOCUMENT, POOLING], "document": [DOCUMENT, POOLING]}},
        set_value(f"{DOCUMENT}/sentence_bert_config.json", "query_length", 8),
    ),
    *set_each(f"{DOCUMENT}/config.json", "is_causal", True),
    *set_each(f"{DOCUMENT}/tokenizer_config.json", "do_lower_case", False),
    *set_each(f"{POOLING}/config.json", "pooling_strategy", "sum"),
]

STATIC = [
    *set_each(f"{QUERY}/config.json", "frozen", True, None, 1),
    *set_each(f"{QUERY}/config.json", "extra", 1),
    *set_each(f"{QUERY}/config.json", "path", "missing.json", "weights.txt", None, ""),
    *set_each(f"{QUERY}/config.json", "weight", None),
    *set_each(f"{QUERY}/config.json", "tokenizer", None),
    *drop_each(f"{QUERY}/config.json", "frozen"),
    delete_file_case(f"{QUERY}/config.json"),
    delete_file_case(f"{QUERY}/model.safetensors"),
    delete_file_case(f"{QUERY}/tokenizer.json"),
    delete_file_case(f"{QUERY}/tokenizer_config.json"),
    *set_each(f"{QUERY}/tokenizer_config.json", "model_max_length", 8, 1e30, None),
    *set_each(f"{QUERY}/tokenizer_config.json", "do_lower_case", False),
    *set_each(f"{QUERY}/tokenizer_config.json", "truncation_side", "left"),
    *set_each(f"{QUERY}/tokenizer_config.json", "unk_token", "[MASK]"),
    *set_each(f"{QUERY}/tokenizer_config.json", "extra_special_tokens", ["the"], ["[NEW]"]),
    *set_each(f"{QUERY}/tokenizer_config.json", "model_input_names", ["input_ids"]),
    *set_each(f"{QUERY}/tokenizer_config.json", "tokenizer_class", "PreTrainedTokenizerFast", "DistilBertTokenizer"),
    *set_each(f"{QUERY}/tokenizer_config.json", "chat_template", "x"),
    *set_each(f"{QUERY}/special_tokens_map.json", "do_lower_case", False),
    *set_each(f"{QUERY}/sentence_bert_config.json", "max_seq_length", 8),
    *set_each(f"{QUERY}/processor_config.json", "processor_class", "CLIPProcessor"),
    set_together(
        "static: tokenizer.json truncates on the left", f"{QUERY}/tokenizer.json", {"truncation.direction": "Left"}
    ),
    Case(
        "static: config.json with a model_type",
        [f"{QUERY}/config.json: model_type"],
        [set_value(f"{QUERY}/config.json", "model_type", "bert")],
    ),
    Case(
        "static: a table with another size",
        [f"{QUERY}/model.safetensors"],
        [copy_file(f"{QUERY}/model.safetensors", "../router-random-opensearch/document_1_SpladePooling/config.json")],
    ),
    Case(
        "static: weights of a network",
        [f"{QUERY}/model.safetensors"],
        [copy_file(f"{QUERY}/model.safetensors", f"{DOCUMENT}/model.safetensors")],
    ),
    Case(
        "static: another table",
        [f"{QUERY}/model.safetensors"],
        [
            copy_file(
                f"{QUERY}/model.safetensors",
                "../router-random-opensearch/query_0_SparseStaticEmbedding/model.safetensors",
            )
        ],
    ),
    set_irrelevant(
        f"{QUERY}/tokenizer_config.json", {"padding_side": "left", "use_fast": False, "max_length": 3, "stride": 2}
    ),
    Case(
        "a network, a pooling and a table, one after the other",
        [MODULES],
        [
            replace_json(
                MODULES,
                [
                    build_entry(DOCUMENT, "sentence_transformers.base.modules.transformer.Transformer"),
                    build_entry(POOLING, SPLADE_TYPE, "1"),
                    build_entry(QUERY, STATIC_TYPE, "2"),
                ],
            )
        ],
    ),
    Case("a table alone", [MODULES], [replace_json(MODULES, [build_entry(QUERY, STATIC_TYPE)])]),
    Case(
        "a table with a prompt",
        [MODULES, SAVED],
        [
            replace_json(MODULES, [build_entry(QUERY, STATIC_TYPE)]),
            set_value(SAVED, "prompts", {"query": "the search "}),
        ],
    ),
]

# Base with the weights in idf.json, whose path is relative to the working directory.
PATH = "query_0_SparseStaticEmbedding/config.json"
IDF = [
    *set_each(PATH, "path", "./idf.json", f"{QUERY}/idf.json", None, "idf.JSON"),
    *set_each(PATH, "frozen", False),
    *set_each("idf.json", "and", 9.0, -1.5, 0, "9", None),
    *set_each("idf.json", "no token", 9.0),
    *set_each("idf.json", "[UNK]", 4.0),
    *set_each("idf.json", "[CLS]", 4.0),
    *drop_each("idf.json", "and"),
    Case("idf.json beside the config as well", ["idf.json"], [replace_json(f"{QUERY}/idf.json", {"the": 9.0})]),
    Case("idf.json beside the config alone", ["idf.json"], [move_file("idf.json", f"{QUERY}/idf.json")]),
    Case("idf.json is empty", ["idf.json"], [replace_json("idf.json", {})]),
    Case("idf.json is a list", ["idf.json"], [replace_json("idf.json", [])]),
    Case("idf.json with a key twice", ["idf.json"], [replace_text("idf.json", '{"the": 1.0, "and": 2.0, "the": 3.0}')]),
    Case("idf.json with NaN", ["idf.json"], [replace_text("idf.json", '{"the": NaN, "and": 2.0}')]),
    Case("idf.json with Infinity", ["idf.json"], [replace_text("idf.json", '{"the": Infinity, "and": 2.0}')]),
    Case(
        "weights beside idf.json",
        [f"{QUERY}/model.safetensors"],
        [
            copy_file(
                f"{QUERY}/model.safetensors",
                "../router-random-opensearch/query_0_SparseStaticEmbedding/model.safetensors",
            )
        ],
    ),
    *set_each(f"{QUERY}/tokenizer_config.json", "do_lower_case", False),
    *set_each(f"{QUERY}/tokenizer_config.json", "extra_special_tokens", ["[NEW]"]),
    set_together(
        "a token added that idf.json names",
        f"{QUERY}/tokenizer_config.json",
        {"extra_special_tokens": ["vector-space"]},
        set_value("idf.json", "vector-space", 5.0),
    ),
]

# Base with the network in the root directory.
OPENSEARCH = [
    *set_each("config.json", "is_causal", True),
    *set_each("tokenizer_config.json", "do_lower_case", False),
    *set_each("sentence_bert_config.json", "max_seq_length", 16),
    *set_each("sentence_bert_config.json", "query_length", 8),
    *set_each(SAVED, "prompts", {"query": "the ", "document": "and "}),
    Case(
        "settings of the network in sentence_distilbert_config.json",
        ["sentence_distilbert_config.json"],
        [replace_json("sentence_distilbert_config.json", {"max_seq_length": 16})],
    ),
    *set_each(f"{QUERY}/config.json", "path", "idf.json"),
    build_router_case("network, pooling, table for queries", {"structure.query": ["", POOLING, QUERY]}),
]
