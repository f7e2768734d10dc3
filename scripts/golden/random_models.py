"""Writes small masked-language models with random weights, one for each layout of files that a loader meets.

Those of a family share one tokenizer. The weights are drawn by numpy from fixed seeds, so a run gives the same files
again. Their scale keeps every part of the network in play; a negative bias of the head keeps most of the vocabulary
silent.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer

import byte_bpe
import unigram
import wordpiece
from bert import bert_config, bert_tensors, distilbert_config, distilbert_tensors
from modernbert import modernbert_config, modernbert_tensors
from roberta import roberta_config, roberta_tensors
from storage import save_bin, save_half, save_sharded
from variant import Variant


def sentence_transformers_files(pooling: dict[str, object], max_length: int) -> dict[str, object]:
    transformer = "sentence_transformers.sparse_encoder.models.MLMTransformer.MLMTransformer"
    splade = "sentence_transformers.sparse_encoder.models.SpladePooling.SpladePooling"
    return {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": transformer},
            {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": splade},
        ],
        "1_SpladePooling/config.json": pooling,
        "sentence_bert_config.json": {"max_seq_length": max_length, "do_lower_case": False},
        "config_sentence_transformers.json": {"model_type": "SparseEncoder", "similarity_fn_name": "dot"},
    }


VARIANTS = [
    Variant("distilbert-random-tied", "distilbert", seed=1, tokenizer_max_length=96),
    Variant("distilbert-random-untied", "distilbert", seed=2, tied=False),
    Variant("bert-random-tied", "bert", seed=3),
    Variant("bert-random-untied", "bert", seed=4, tied=False, layer_norm_eps=1e-5),
    Variant("bert-random-gamma-beta", "bert", seed=5, legacy_norms=True),
    Variant(
        "bert-random-sum",
        "bert",
        seed=6,
        extra=sentence_transformers_files({"pooling_strategy": "sum", "activation_function": "relu"}, 48),
    ),
    Variant(
        "bert-random-log1p",
        "bert",
        seed=7,
        extra=sentence_transformers_files({"pooling_strategy": "max", "activation_function": "log1p_relu"}, 64),
    ),
    Variant("bert-random-bin", "bert", seed=19, save=save_bin),
    Variant("bert-random-half", "bert", seed=20, save=save_half, dtype="bfloat16"),
    Variant("distilbert-random-sharded", "distilbert", seed=21, save=save_sharded),
    Variant("roberta-random-tied", "roberta", seed=8, layer_norm_eps=1e-5, tokenizer_max_length=128),
    Variant("roberta-random-untied", "roberta", seed=9, tied=False, layer_norm_eps=1e-5, tokenizer_max_length=100),
    Variant("xlm-roberta-random-tied", "xlm-roberta", seed=10, layer_norm_eps=1e-5, tokenizer_max_length=128),
    Variant("camembert-random-tied", "camembert", seed=22, layer_norm_eps=1e-5, tokenizer_max_length=128),
    Variant("modernbert-random-tied", "modernbert", seed=11, layer_norm_eps=1e-5, head_bias=-3.5, biases=False),
    Variant(
        "modernbert-random-untied",
        "modernbert",
        seed=12,
        head_bias=-3.5,
        tied=False,
        layer_norm_eps=1e-6,
        tokenizer_max_length=192,
        layer_types=True,
    ),
]

CONFIG = {
    "bert": bert_config,
    "distilbert": distilbert_config,
    "roberta": roberta_config,
    "xlm-roberta": roberta_config,
    "camembert": roberta_config,
    "modernbert": modernbert_config,
}
TENSORS = {
    "bert": bert_tensors,
    "distilbert": distilbert_tensors,
    "roberta": roberta_tensors,
    "xlm-roberta": roberta_tensors,
    "camembert": roberta_tensors,
    "modernbert": modernbert_tensors,
}
TOKENIZER_CONFIG = {
    "bert": {"tokenizer_class": "BertTokenizer", "do_lower_case": True},
    "distilbert": {"tokenizer_class": "BertTokenizer", "do_lower_case": True},
    "roberta": {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": False},
    "xlm-roberta": {"tokenizer_class": "XLMRobertaTokenizer"},
    "camembert": {"tokenizer_class": "CamembertTokenizer"},
    # Without names for the special tokens transformers would have no token to pad with.
    "modernbert": {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
        "pad_token": "[PAD]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
    },
}


def build_tokenizers(texts: list[str]) -> dict[str, Tokenizer]:
    """The tokenizer of each family."""
    pieces = wordpiece.build(texts, 701)
    return {
        "bert": pieces,
        "distilbert": pieces,
        "roberta": byte_bpe.roberta(texts, 601),
        "xlm-roberta": unigram.build(texts, 651),
        "camembert": unigram.build(texts, 651, unigram.CAMEMBERT_FIRST),
        "modernbert": byte_bpe.modernbert(texts, 601),
    }


def write(variant: Variant, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes one model folder that transformers and sentence-transformers load as it is."""
    vocabulary_size = tokenizer.get_vocab_size()
    config = CONFIG[variant.family](variant, vocabulary_size)
    if variant.dtype:
        config["dtype"] = variant.dtype
    files = {
        "config.json": config,
        **tokenizer_files(variant.family, tokenizer, variant.tokenizer_max_length),
        **variant.extra,
    }
    write_files(files, folder)
    variant.save(TENSORS[variant.family](variant, vocabulary_size), folder)


def tokenizer_files(family: str, tokenizer: Tokenizer, max_length: int | None) -> dict[str, object]:
    config = dict(TOKENIZER_CONFIG[family])
    if max_length is not None:
        config["model_max_length"] = max_length
    return {"tokenizer.json": json.loads(tokenizer.to_str()), "tokenizer_config.json": config}


def write_files(files: dict[str, object], folder: Path) -> None:
    """Each as JSON, at its path in the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        indent = None if name == "tokenizer.json" else 2
        path.write_text(json.dumps(content, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
