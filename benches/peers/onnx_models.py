"""A masked-language model as ONNX files, float32 and int8, in the forms that ONNX Runtime runs fastest.

float32: PyTorch's export, then the fusions of ONNX Runtime's own tool for transformers (attention, GELU, layer norms).
int8: dynamic quantisation of the plain export, weights per output channel; ONNX Runtime fuses these when it loads the
file. Of the two exporters of PyTorch the older one is used: it writes the weights of a tied head as a matrix of their
own, which the quantisation needs; after the newer one the head, the largest product of all, stays in float32. Attention
is exported as single operations ("eager"), whose pattern the fusions know.
"""

import warnings
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model
from transformers import AutoModelForMaskedLM, AutoTokenizer

AXES = {0: "batch", 1: "length"}
OPSET = 17
INPUTS = ["input_ids", "attention_mask"]


def float32(model: Path, work: Path) -> Path:
    """The file of the float32 model, made if it is not there."""
    path = work / "float32.onnx"
    if not path.exists():
        plain = export(model, work)
        config = AutoModelForMaskedLM.from_pretrained(model).config
        heads, hidden = config.num_attention_heads, config.hidden_size
        fused = optimize_model(str(plain), model_type="bert", num_heads=heads, hidden_size=hidden, opt_level=0)
        write(path, lambda unfinished: fused.save_model_to_file(str(unfinished)))
    return path


def int8(model: Path, work: Path) -> Path:
    """The file of the int8 model, made if it is not there."""
    path = work / "int8.onnx"
    if not path.exists():
        plain = export(model, work)
        settings = {"per_channel": True, "weight_type": QuantType.QInt8}
        write(path, lambda unfinished: quantize_dynamic(plain, unfinished, **settings))
    return path


class Logits(torch.nn.Module):
    """The model with nothing but logits as its result."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def export(folder: Path, work: Path) -> Path:
    """PyTorch's export as it is."""
    path = work / "plain.onnx"
    if path.exists():
        return path
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    example = tokenizer(["two texts", "of different lengths"], padding=True, return_tensors="pt")
    with warnings.catch_warnings():
        # That the exporter is the older one, and that it traces.
        warnings.simplefilter("ignore")
        save = {"opset_version": OPSET, "dynamo": False, "input_names": INPUTS, "output_names": ["logits"]}
        axes = dict.fromkeys([*INPUTS, "logits"], AXES)
        inputs = tuple(example[name] for name in INPUTS)
        write(path, lambda file: torch.onnx.export(Logits(model).eval(), inputs, str(file), dynamic_axes=axes, **save))
    onnx.checker.check_model(str(path))
    return path


def write(path: Path, save: object) -> None:
    """Saves under another name first, so that a run that was broken off leaves nothing that looks whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    save(unfinished)
    unfinished.rename(path)
