"""The models: `splade-tiny`, any other folder, and checkpoints of real shapes with random weights.

The random ones have the speed of trained ones, and nothing has to be fetched for them. Weights say nothing about speed
as long as no part of the network falls silent and the vectors are about as sparse as those of a trained SPLADE model.
With the usual initialisation attention is all but uniform, and after twelve layers all texts look alike; queries and
keys are therefore drawn wider, which gives texts vectors of their own. The head gets the negative bias with which the
median sample text has `ACTIVE_TERMS` terms.
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


def folder(name: str, work: Path) -> Path:
    """The folder of a model, which is fetched or made if it is not there. A name that is unknown is a folder itself."""
    if name == TINY:
        fetch = [sys.executable, str(FETCH)]
        return Path(subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    if name not in SHAPES:
        return Path(name)
    made = work / "models" / name
    if not (made / "config.json").exists():
        make(name, made, folder(TINY, work), corpora.read("reference", "text", work)[:SAMPLES])
    return made


@torch.no_grad()
def make(shape: str, folder: Path, tokenizer_folder: Path, samples: list[str]) -> None:
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    model = SHAPES[shape](len(tokenizer)).eval()
    for name, weight in model.named_parameters():
        if name.endswith(ATTENTION):
            weight.mul_(ATTENTION_GAIN)
    model.get_output_embeddings().bias.fill_(-threshold(model, tokenizer, samples))

    # Renamed at the end, so that a run that was broken off leaves nothing that looks whole.
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer_folder / name, unfinished / name)
    unfinished.rename(folder)


def threshold(model: torch.nn.Module, tokenizer: AutoTokenizer, samples: list[str]) -> float:
    """The logit that `ACTIVE_TERMS` terms of the median sample exceed."""
    heights = []
    for text in samples:
        logits = model(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0]
        heights.append(logits.amax(dim=0).topk(ACTIVE_TERMS).values[-1])
    return torch.stack(heights).median().item()
