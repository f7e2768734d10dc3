"""Exports a masked-language model to ONNX in float32 and int8, optimized for ONNX Runtime.

float32: PyTorch's export with the fusions of ONNX Runtime's transformer optimizer (attention, GELU, layer norms).
int8: dynamic per-channel quantisation of the plain export; ONNX Runtime fuses operations when it loads the file. The
export uses the older of PyTorch's two exporters, because it writes the weights of a tied head as a separate matrix,
which the quantisation requires; with the newer exporter the head, which is the largest product, remains in float32.
Attention is exported as single operations ("eager"), because the fusions recognize that pattern.
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


def prepare_float32(model: Path, work: Path) -> Path:
    """Returns the path of the float32 model, which is exported if necessary."""
    path = work / "float32.onnx"
    if not path.exists():
        plain = export(model, work)
        config = AutoModelForMaskedLM.from_pretrained(model).config
        heads, hidden = config.num_attention_heads, config.hidden_size
        fused = optimize_model(str(plain), model_type="bert", num_heads=heads, hidden_size=hidden, opt_level=0)
        write_atomically(path, lambda unfinished: fused.save_model_to_file(str(unfinished)))
    return path


def prepare_int8(model: Path, work: Path) -> Path:
    """Returns the path of the int8 model, which is exported if necessary."""
    path = work / "int8.onnx"
    if not path.exists():
        plain = export(model, work)
        settings = {"per_channel": True, "weight_type": QuantType.QInt8}
        write_atomically(path, lambda unfinished: quantize_dynamic(plain, unfinished, **settings))
    return path


class Logits(torch.nn.Module):
    """Wrapper of a model that returns only the logits."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def export(directory: Path, work: Path) -> Path:
    """Returns the path of PyTorch's unoptimized export, which is created if necessary."""
    path = work / "plain.onnx"
    if path.exists():
        return path
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForMaskedLM.from_pretrained(directory, attn_implementation="eager").eval()
    example = tokenizer(["two texts", "of different lengths"], padding=True, return_tensors="pt")
    with warnings.catch_warnings():
        # Ignores warnings about the older exporter and about tracing.
        warnings.simplefilter("ignore")
        save = {"opset_version": OPSET, "dynamo": False, "input_names": INPUTS, "output_names": ["logits"]}
        axes = dict.fromkeys([*INPUTS, "logits"], AXES)
        inputs = tuple(example[name] for name in INPUTS)
        write_atomically(
            path, lambda file: torch.onnx.export(Logits(model).eval(), inputs, str(file), dynamic_axes=axes, **save)
        )
    onnx.checker.check_model(str(path))
    return path


def write_atomically(path: Path, save: object) -> None:
    """Writes a temporary file and renames it, so that an aborted run leaves no incomplete file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    save(unfinished)
    unfinished.rename(path)
