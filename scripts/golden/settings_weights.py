"""Cases of the files of weights: which of them is read, and in how many pieces."""

from settings_case import Case
from settings_changes import Change, copy, delete, move, put, whole

BIN, SAFE = "pytorch_model.bin", "model.safetensors"
BIN_INDEX, SAFE_INDEX = "pytorch_model.bin.index.json", "model.safetensors.index.json"
SHARDS = [f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]
# Of the base that has a pytorch_model.bin.
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


def index(file: str, names: list[str], shards: list[str]) -> Change:
    """Every shard is a copy of the weights: the index says which of its tensors count."""
    return whole(
        file,
        {
            "metadata": {"total_size": 1},
            "weight_map": {name: shards[number * len(shards) // len(names)] for number, name in enumerate(names)},
        },
    )


OTHER = "../bert-random-tied/model.safetensors"
PLAIN = [copy(SHARDS[0], BIN), copy(SHARDS[1], BIN), delete(BIN)]

BIN_CASES = [
    Case("pytorch_model.bin in pieces", [BIN_INDEX], [*PLAIN, index(BIN_INDEX, NAMES, SHARDS)]),
    Case(
        "pytorch_model.bin in pieces, one missing",
        [BIN_INDEX],
        [*PLAIN, index(BIN_INDEX, NAMES, SHARDS), delete(SHARDS[1])],
    ),
    Case("pytorch_model.bin in pieces, no index", [BIN_INDEX], PLAIN),
    Case("an index in a piece upwards", [BIN_INDEX], [index(BIN_INDEX, NAMES, ["../x.bin"]), delete(BIN)]),
    Case("model.safetensors wins over pytorch_model.bin", [SAFE], [copy(SAFE, OTHER)]),
    Case(
        "pytorch_model.bin wins over its index",
        [BIN_INDEX],
        [copy(SHARDS[0], "../bert-random-sum/model.safetensors"), index(BIN_INDEX, NAMES, SHARDS[:1])],
    ),
    Case(
        "the index of model.safetensors wins over pytorch_model.bin",
        [SAFE_INDEX],
        [
            copy("model-00001-of-00001.safetensors", OTHER),
            index(
                SAFE_INDEX,
                [name for name in NAMES if "decoder" not in name and "position_ids" not in name],
                ["model-00001-of-00001.safetensors"],
            ),
        ],
    ),
    Case(
        "model.safetensors wins over its index",
        [SAFE_INDEX],
        [copy(SAFE, OTHER), whole(SAFE_INDEX, {"metadata": {}, "weight_map": {"x": "missing.safetensors"}})],
    ),
    Case("weights under another name", [BIN], [move(BIN, "model.bin")]),
    Case(
        "transformers_weights in config.json",
        ["config.json: transformers_weights"],
        [move(BIN, "other.bin"), put("config.json", "transformers_weights", "other.bin")],
    ),
    Case("no weights", [BIN], [delete(BIN)]),
    Case("only TensorFlow's weights", ["tf_model.h5"], [move(BIN, "tf_model.h5")]),
    Case("only Flax's weights", ["flax_model.msgpack"], [move(BIN, "flax_model.msgpack")]),
    Case(
        "tie_word_embeddings false, and a decoder",
        ["config.json: tie_word_embeddings"],
        [put("config.json", "tie_word_embeddings", False)],
    ),
]

HALF = [
    Case("dtype float32", ["config.json: dtype"], [put("config.json", "dtype", "float32")]),
    Case("torch_dtype float16", ["config.json: torch_dtype"], [put("config.json", "torch_dtype", "float16")]),
]
SHARDED = [
    Case("one shard missing", ["model.safetensors.index.json"], [delete("model-00002-of-00003.safetensors")]),
    Case("no index", ["model.safetensors.index.json"], [delete("model.safetensors.index.json")]),
    Case(
        "the index names a tensor more",
        ["model.safetensors.index.json: weight_map"],
        [put(SAFE_INDEX, ["weight_map", "extra.weight"], "model-00001-of-00003.safetensors")],
    ),
    Case(
        "the index names another shard",
        ["model.safetensors.index.json: weight_map"],
        [put(SAFE_INDEX, ["weight_map", "vocab_projector.bias"], "model-00001-of-00003.safetensors")],
    ),
    Case(
        "the index forgets a tensor",
        ["model.safetensors.index.json: weight_map"],
        [{"file": SAFE_INDEX, "path": ["weight_map", "vocab_projector.bias"], "remove": True}],
    ),
]
