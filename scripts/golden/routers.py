"""Writes inference-free models: a network for documents, and a table of token weights for queries.

The models differ in the layout of their files and in the location of the table.
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


def write_opensearch(tokenizer: Tokenizer, directory: Path) -> None:
    """Writes the layout of OpenSearch's doc-v3-distill: network in the root, table in safetensors, unused idf.json."""
    files = {
        **build_router_files(network=""),
        f"{STATIC}/config.json": {"frozen": True},
        "idf.json": {"the": 9.0},
    }
    document = Variant(directory.name, "distilbert", seed=13, head_bias=-3.5, tokenizer_max_length=512, extra=files)
    random_models.write_model(document, tokenizer, directory)
    random_models.write_files(random_models.build_tokenizer_files("distilbert", tokenizer, 512), directory / STATIC)
    save_safetensors({"weight": generate_token_weights(14, tokenizer)}, directory / STATIC)


def write_idf_json(tokenizer: Tokenizer, directory: Path) -> None:
    """Writes the layout of sentence-transformers 5, but with the table in JSON; tokens that it omits have weight 0."""
    # The path is relative to the working directory, which make_golden.py sets to the model directory.
    files = {**build_router_files(network=MLM), f"{STATIC}/config.json": {"frozen": True, "path": "idf.json"}}
    weights = generate_token_weights(15, tokenizer)
    listed = [index for index in range(len(weights)) if index >= len(SPECIAL) and index % 10]
    files["idf.json"] = {tokenizer.id_to_token(index): round(float(weights[index]), 5) for index in listed}
    random_models.write_files(files, directory)
    random_models.write_files(random_models.build_tokenizer_files("bert", tokenizer, 64), directory / STATIC)
    limit = {"sentence_bert_config.json": {"max_seq_length": 96, "do_lower_case": False}}
    random_models.write_model(Variant(MLM, "bert", seed=16, extra=limit), tokenizer, directory / MLM)


def write_static(tokenizer: Tokenizer, directory: Path) -> None:
    """Saves a model with sentence-transformers 6."""
    with tempfile.TemporaryDirectory() as plain:
        random_models.write_model(Variant(directory.name, "bert", seed=17), tokenizer, Path(plain))
        network = Transformer(plain, transformer_task="fill-mask")
    weight = torch.from_numpy(generate_token_weights(18, tokenizer))
    router = Router.for_query_document(
        query_modules=[SparseStaticEmbedding(tokenizer=network.tokenizer, weight=weight)],
        document_modules=[network, SpladePooling("max", "relu")],
    )
    encoder = SparseEncoder(modules=[router], device="cpu", similarity_fn_name="dot")
    encoder.save_pretrained(str(directory), create_model_card=False)


ROUTERS = {
    "router-random-opensearch": write_opensearch,
    "router-random-idf-json": write_idf_json,
    "router-random-static": write_static,
}


def build_router_files(network: str) -> dict[str, object]:
    """Returns the module files of sentence-transformers 5. `network` is a path; "" is the root directory."""
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


def generate_token_weights(seed: int, tokenizer: Tokenizer) -> np.ndarray:
    """Returns one weight per token, including special tokens. Some are negative, as learned weights can be."""
    weights = np.random.default_rng(seed).normal(1.5, 0.8, tokenizer.get_vocab_size())
    return weights.astype(np.float32)
