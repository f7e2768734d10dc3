"""What pytest finds for this folder's tests."""

from fixtures import ROOT, STUBS, binary, model_folder, sidecar, start

__all__ = ["ROOT", "STUBS", "binary", "model_folder", "sidecar", "start"]
