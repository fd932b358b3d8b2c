"""Writes `network.onnx` beside the weights: `export.py FOLDER`. The batch is free, the rest of the shape is fixed."""
import json
import pathlib
import sys

import torch

from network import Network, read_safetensors

folder = pathlib.Path(sys.argv[1])
shape = json.loads((folder / "shape.json").read_text())
architecture = json.loads((folder / "architecture.json").read_text())
network = Network(read_safetensors(folder / "weights.safetensors"), architecture, shape["rows"]).eval()
cells = torch.zeros(1, shape["rows"], 2 * shape["tags"])
torch.onnx.export(
    network, (cells,), folder / "network.onnx", input_names=["cells"], output_names=["expected"],
    dynamic_axes={"cells": {0: "batch"}, "expected": {0: "batch"}}, opset_version=17, dynamo=False,
)
