"""Writes small masked-language models with random weights, one for each file layout that a loader must support.

Models of a family share a tokenizer. numpy draws the weights from fixed seeds, so every run writes the same files. The
scale of the weights lets every part of the network influence the output; the negative bias of the head makes the output
sparse.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer

import byte_bpe
import unigram
import wordpiece
from bert import build_bert_config, build_distilbert_config, generate_bert_tensors, generate_distilbert_tensors
from modernbert import build_modernbert_config, generate_modernbert_tensors
from roberta import build_roberta_config, generate_roberta_tensors
from storage import save_bin, save_half, save_sharded
from variant import Variant


def build_sentence_transformers_files(pooling: dict[str, object], max_length: int) -> dict[str, object]:
    """Returns the files of sentence-transformers for an MLM transformer and a SpladePooling module."""
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
        extra=build_sentence_transformers_files({"pooling_strategy": "sum", "activation_function": "relu"}, 48),
    ),
    Variant(
        "bert-random-log1p",
        "bert",
        seed=7,
        extra=build_sentence_transformers_files({"pooling_strategy": "max", "activation_function": "log1p_relu"}, 64),
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
    "bert": build_bert_config,
    "distilbert": build_distilbert_config,
    "roberta": build_roberta_config,
    "xlm-roberta": build_roberta_config,
    "camembert": build_roberta_config,
    "modernbert": build_modernbert_config,
}
TENSORS = {
    "bert": generate_bert_tensors,
    "distilbert": generate_distilbert_tensors,
    "roberta": generate_roberta_tensors,
    "xlm-roberta": generate_roberta_tensors,
    "camembert": generate_roberta_tensors,
    "modernbert": generate_modernbert_tensors,
}
TOKENIZER_CONFIG = {
    "bert": {"tokenizer_class": "BertTokenizer", "do_lower_case": True},
    "distilbert": {"tokenizer_class": "BertTokenizer", "do_lower_case": True},
    "roberta": {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": False},
    "xlm-roberta": {"tokenizer_class": "XLMRobertaTokenizer"},
    "camembert": {"tokenizer_class": "CamembertTokenizer"},
    # transformers needs the names of the special tokens to find a padding token.
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
    """Returns the tokenizer of each family."""
    bert_tokenizer = wordpiece.build_wordpiece(texts, 701)
    return {
        "bert": bert_tokenizer,
        "distilbert": bert_tokenizer,
        "roberta": byte_bpe.build_roberta(texts, 601),
        "xlm-roberta": unigram.build_unigram(texts, 651),
        "camembert": unigram.build_unigram(texts, 651, unigram.CAMEMBERT_FIRST),
        "modernbert": byte_bpe.build_modernbert(texts, 601),
    }


def write_model(variant: Variant, tokenizer: Tokenizer, directory: Path) -> None:
    """Writes a model directory that transformers and sentence-transformers can load."""
    vocabulary_size = tokenizer.get_vocab_size()
    config = CONFIG[variant.family](variant, vocabulary_size)
    if variant.dtype:
        config["dtype"] = variant.dtype
    files = {
        "config.json": config,
        **build_tokenizer_files(variant.family, tokenizer, variant.tokenizer_max_length),
        **variant.extra,
    }
    write_files(files, directory)
    variant.save(TENSORS[variant.family](variant, vocabulary_size), directory)


def build_tokenizer_files(family: str, tokenizer: Tokenizer, max_length: int | None) -> dict[str, object]:
    """Returns tokenizer.json and tokenizer_config.json."""
    config = dict(TOKENIZER_CONFIG[family])
    if max_length is not None:
        config["model_max_length"] = max_length
    return {"tokenizer.json": json.loads(tokenizer.to_str()), "tokenizer_config.json": config}


def write_files(files: dict[str, object], directory: Path) -> None:
    """Writes JSON files by path below a directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        indent = None if name == "tokenizer.json" else 2
        path.write_text(json.dumps(content, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
