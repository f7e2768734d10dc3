"""Cases that change the weight files: precedence of formats, and sharding."""

from settings_case import Case
from settings_changes import Change, copy_file, move_file, remove_file, replace_json, set_value

BIN, SAFE = "pytorch_model.bin", "model.safetensors"
BIN_INDEX, SAFE_INDEX = "pytorch_model.bin.index.json", "model.safetensors.index.json"
SHARDS = [f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]
# Tensors of the base with pytorch_model.bin.
LAYER = "bert.encoder.layer.{}.{}.{}"
PARTS = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
]
NAMES = [
    *(f"bert.embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type")),
    *(f"bert.embeddings.LayerNorm.{kind}" for kind in ("weight", "bias")),
    "bert.embeddings.position_ids",
    *(LAYER.format(layer, part, kind) for layer in (0, 1) for part in PARTS for kind in ("weight", "bias")),
    *(f"cls.predictions.transform.{part}.{kind}" for part in ("dense", "LayerNorm") for kind in ("weight", "bias")),
    "cls.predictions.bias",
    "cls.predictions.decoder.weight",
    "cls.predictions.decoder.bias",
]


def write_index(file: str, names: list[str], shards: list[str]) -> Change:
    """Returns a change that writes an index. Every shard has all weights; the index selects the tensors to use."""
    return replace_json(
        file,
        {
            "metadata": {"total_size": 1},
            "weight_map": {name: shards[number * len(shards) // len(names)] for number, name in enumerate(names)},
        },
    )


OTHER = "../bert-random-tied/model.safetensors"
PLAIN = [copy_file(SHARDS[0], BIN), copy_file(SHARDS[1], BIN), remove_file(BIN)]

BIN_CASES = [
    Case("sharded pytorch_model.bin", [BIN_INDEX], [*PLAIN, write_index(BIN_INDEX, NAMES, SHARDS)]),
    Case(
        "sharded pytorch_model.bin, one missing",
        [BIN_INDEX],
        [*PLAIN, write_index(BIN_INDEX, NAMES, SHARDS), remove_file(SHARDS[1])],
    ),
    Case("sharded pytorch_model.bin, no index", [BIN_INDEX], PLAIN),
    Case(
        "an index with a path to the parent directory",
        [BIN_INDEX],
        [write_index(BIN_INDEX, NAMES, ["../x.bin"]), remove_file(BIN)],
    ),
    Case("model.safetensors wins over pytorch_model.bin", [SAFE], [copy_file(SAFE, OTHER)]),
    Case(
        "pytorch_model.bin wins over its index",
        [BIN_INDEX],
        [copy_file(SHARDS[0], "../bert-random-sum/model.safetensors"), write_index(BIN_INDEX, NAMES, SHARDS[:1])],
    ),
    Case(
        "the index of model.safetensors wins over pytorch_model.bin",
        [SAFE_INDEX],
        [
            copy_file("model-00001-of-00001.safetensors", OTHER),
            write_index(
                SAFE_INDEX,
                [name for name in NAMES if "decoder" not in name and "position_ids" not in name],
                ["model-00001-of-00001.safetensors"],
            ),
        ],
    ),
    Case(
        "model.safetensors wins over its index",
        [SAFE_INDEX],
        [
            copy_file(SAFE, OTHER),
            replace_json(SAFE_INDEX, {"metadata": {}, "weight_map": {"x": "missing.safetensors"}}),
        ],
    ),
    Case("weights under another name", [BIN], [move_file(BIN, "model.bin")]),
    Case(
        "transformers_weights in config.json",
        ["config.json: transformers_weights"],
        [move_file(BIN, "other.bin"), set_value("config.json", "transformers_weights", "other.bin")],
    ),
    Case("no weights", [BIN], [remove_file(BIN)]),
    Case("only TensorFlow's weights", ["tf_model.h5"], [move_file(BIN, "tf_model.h5")]),
    Case("only Flax's weights", ["flax_model.msgpack"], [move_file(BIN, "flax_model.msgpack")]),
    Case(
        "tie_word_embeddings false, and a decoder",
        ["config.json: tie_word_embeddings"],
        [set_value("config.json", "tie_word_embeddings", False)],
    ),
]

HALF = [
    Case("dtype float32", ["config.json: dtype"], [set_value("config.json", "dtype", "float32")]),
    Case("torch_dtype float16", ["config.json: torch_dtype"], [set_value("config.json", "torch_dtype", "float16")]),
]
SHARDED = [
    Case("one shard missing", ["model.safetensors.index.json"], [remove_file("model-00002-of-00003.safetensors")]),
    Case("no index", ["model.safetensors.index.json"], [remove_file("model.safetensors.index.json")]),
    Case(
        "the index names an extra tensor",
        ["model.safetensors.index.json: weight_map"],
        [set_value(SAFE_INDEX, ["weight_map", "extra.weight"], "model-00001-of-00003.safetensors")],
    ),
    Case(
        "the index names another shard",
        ["model.safetensors.index.json: weight_map"],
        [set_value(SAFE_INDEX, ["weight_map", "vocab_projector.bias"], "model-00001-of-00003.safetensors")],
    ),
    Case(
        "the index omits a tensor",
        ["model.safetensors.index.json: weight_map"],
        [{"file": SAFE_INDEX, "path": ["weight_map", "vocab_projector.bias"], "remove": True}],
    ),
]
