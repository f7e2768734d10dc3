"""Writes inference-free models: a network for documents, a table with one weight a token for queries.

Each in another layout of the files, and with another place for the table.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling
from tokenizers import Tokenizer

import random_models
from storage import save_safetensors
from variant import Variant
from wordpiece import SPECIAL

STATIC, MLM, POOLING = "query_0_SparseStaticEmbedding", "document_0_MLMTransformer", "document_1_SpladePooling"


def write_opensearch(tokenizer: Tokenizer, folder: Path) -> None:
    """As OpenSearch publishes doc-v3-distill: the network in the root, the table in safetensors; idf.json is unused."""
    files = {
        **router_files(network=""),
        f"{STATIC}/config.json": {"frozen": True},
        "idf.json": {"the": 9.0},
    }
    document = Variant(folder.name, "distilbert", seed=13, head_bias=-3.5, tokenizer_max_length=512, extra=files)
    random_models.write(document, tokenizer, folder)
    random_models.write_files(random_models.tokenizer_files("distilbert", tokenizer, 512), folder / STATIC)
    save_safetensors({"weight": token_weights(14, tokenizer)}, folder / STATIC)


def write_idf_json(tokenizer: Tokenizer, folder: Path) -> None:
    """As sentence-transformers 5 saved, but the table in JSON: a token that it does not name weighs nothing."""
    # The path counts from the working directory, which make_golden.py sets to this folder.
    files = {**router_files(network=MLM), f"{STATIC}/config.json": {"frozen": True, "path": "idf.json"}}
    weights = token_weights(15, tokenizer)
    named = [index for index in range(len(weights)) if index >= len(SPECIAL) and index % 10]
    files["idf.json"] = {tokenizer.id_to_token(index): round(float(weights[index]), 5) for index in named}
    random_models.write_files(files, folder)
    random_models.write_files(random_models.tokenizer_files("bert", tokenizer, 64), folder / STATIC)
    limit = {"sentence_bert_config.json": {"max_seq_length": 96, "do_lower_case": False}}
    random_models.write(Variant(MLM, "bert", seed=16, extra=limit), tokenizer, folder / MLM)


def write_saved(tokenizer: Tokenizer, folder: Path) -> None:
    """As sentence-transformers 6 saves."""
    with tempfile.TemporaryDirectory() as plain:
        random_models.write(Variant(folder.name, "bert", seed=17), tokenizer, Path(plain))
        network = Transformer(plain, transformer_task="fill-mask")
    weight = torch.from_numpy(token_weights(18, tokenizer))
    router = Router.for_query_document(
        query_modules=[SparseStaticEmbedding(tokenizer=network.tokenizer, weight=weight)],
        document_modules=[network, SpladePooling("max", "relu")],
    )
    encoder = SparseEncoder(modules=[router], device="cpu", similarity_fn_name="dot")
    encoder.save_pretrained(str(folder), create_model_card=False)


ROUTERS = {
    "router-random-opensearch": write_opensearch,
    "router-random-idf-json": write_idf_json,
    "router-random-static": write_saved,
}


def router_files(network: str) -> dict[str, object]:
    """The files of sentence-transformers 5 that say what lies where. The network's folder may be the root: ""."""
    modules = "sentence_transformers.sparse_encoder.models"
    return {
        "modules.json": [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Router"}],
        "router_config.json": {
            "types": {
                STATIC: f"{modules}.SparseStaticEmbedding.SparseStaticEmbedding",
                network: f"{modules}.MLMTransformer.MLMTransformer",
                POOLING: f"{modules}.SpladePooling.SpladePooling",
            },
            "structure": {"query": [STATIC], "document": [network, POOLING]},
            "parameters": {"default_route": "document", "allow_empty_key": True},
        },
        f"{POOLING}/config.json": {
            "pooling_strategy": "max",
            "activation_function": "log1p_relu",
            "word_embedding_dimension": None,
        },
        "config_sentence_transformers.json": {"model_type": "SparseEncoder", "similarity_fn_name": "dot"},
    }


def token_weights(seed: int, tokenizer: Tokenizer) -> np.ndarray:
    """One weight a token, special ones included; learned ones may be negative, and so may some of these."""
    weights = np.random.default_rng(seed).normal(1.5, 0.8, tokenizer.get_vocab_size())
    return weights.astype(np.float32)
