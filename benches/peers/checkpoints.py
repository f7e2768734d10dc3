"""Models: `splade-tiny`, any model directory, and checkpoints of common architectures with random weights.

Random checkpoints are as fast as trained ones and need no download. Weights don't affect speed as long as every part of
the network is active and the vectors are about as sparse as those of a trained SPLADE model. With the default
initialisation, attention is almost uniform, and after twelve layers all texts have similar vectors. The weights of
queries and keys are therefore scaled up. The head gets a negative bias such that the median sample text has
`ACTIVE_TERMS` terms.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

import corpora

FETCH = Path(__file__).resolve().parents[2] / "scripts" / "fetch_model.py"
TINY = "splade-tiny"
SAMPLES = 16
ACTIVE_TERMS = 200
SEED = 20
ATTENTION_GAIN = 4.0
ATTENTION = ("query.weight", "key.weight", "q_lin.weight", "k_lin.weight")

SHAPES = {
    "bert-shape": lambda vocabulary: BertForMaskedLM(BertConfig(vocab_size=vocabulary)),
    "distilbert-shape": lambda vocabulary: DistilBertForMaskedLM(DistilBertConfig(vocab_size=vocabulary)),
}

TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"]


def prepare_model(name: str, work: Path) -> Path:
    """Returns the directory of a model, which is downloaded or created if necessary. Other names are directories."""
    if name == TINY:
        fetch = [sys.executable, str(FETCH)]
        return Path(subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    if name not in SHAPES:
        return Path(name)
    directory = work / "models" / name
    if not (directory / "config.json").exists():
        create_checkpoint(
            name, directory, prepare_model(TINY, work), corpora.read_texts("reference", "text", work)[:SAMPLES]
        )
    return directory


@torch.no_grad()
def create_checkpoint(shape: str, directory: Path, tokenizer_dir: Path, samples: list[str]) -> None:
    """Writes a checkpoint with random weights, and the tokenizer of another model."""
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
    model = SHAPES[shape](len(tokenizer)).eval()
    for name, weight in model.named_parameters():
        if name.endswith(ATTENTION):
            weight.mul_(ATTENTION_GAIN)
    model.get_output_embeddings().bias.fill_(-find_threshold(model, tokenizer, samples))

    # Renames the directory at the end, so that an aborted run leaves no incomplete checkpoint.
    unfinished = directory.with_name(f".{directory.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer_dir / name, unfinished / name)
    unfinished.rename(directory)


def find_threshold(model: torch.nn.Module, tokenizer: AutoTokenizer, samples: list[str]) -> float:
    """Returns the logit that `ACTIVE_TERMS` terms of the median sample exceed."""
    thresholds = []
    for text in samples:
        logits = model(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0]
        thresholds.append(logits.amax(dim=0).topk(ACTIVE_TERMS).values[-1])
    return torch.stack(thresholds).median().item()
