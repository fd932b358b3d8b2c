"""The paper's network (Table 2, every part on) in PyTorch, from weights that `examples/peer.rs` wrote.

Same arithmetic as `crates/model/src/architectures/multiscale.rs`: cells are (batch, time, 2 tags), weights are (input, output),
convolutions of kernel k see (k - 1) / 2 rows on each side, or k - 1 rows before where the network is causal.
"""
import json
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def read_safetensors(path):
    """Name -> float32 tensor (https://github.com/huggingface/safetensors: length, JSON header, bytes)."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(np.frombuffer(data[slice(*info["data_offsets"])], "<f4").reshape(info["shape"]).copy())
        for name, info in header.items()
    }


class Convolutions(nn.Module):
    """Parallel convolutions, batch normalisation over their outputs side by side."""

    def __init__(self, weights, name, branches, causal):
        super().__init__()
        self.convs, self.pads = nn.ModuleList(), []
        bias = weights[f"{name}.bias"].chunk(len(branches))
        for (branch, kernel, rate), part in zip(branches, bias):
            weight = weights[f"{name}.{branch}"]
            inputs, filters = weight.shape[0] // kernel, weight.shape[1]
            conv = nn.Conv1d(inputs, filters, kernel, dilation=rate)
            conv.weight.data = weight.view(kernel, inputs, filters).permute(2, 1, 0).contiguous()
            conv.bias.data = part.clone()
            reach = (kernel - 1) * rate
            self.convs.append(conv)
            self.pads.append((reach, 0) if causal else (reach // 2, reach // 2))
        self.norm = nn.BatchNorm1d(sum(conv.out_channels for conv in self.convs))
        self.norm.weight.data, self.norm.bias.data = weights[f"{name}.norm.gain"], weights[f"{name}.norm.bias"]
        self.norm.running_mean, self.norm.running_var = weights[f"{name}.norm.mean"], weights[f"{name}.norm.variance"]

    def forward(self, x):
        return self.norm(torch.cat([conv(F.pad(x, pad)) for conv, pad in zip(self.convs, self.pads)], 1))


def linear(weights, name):
    weight = weights[f"{name}.weight"]
    layer = nn.Linear(*weight.shape)
    layer.weight.data, layer.bias.data = weight.t().contiguous(), weights[f"{name}.bias"]
    return layer


class Network(nn.Module):
    """Cells (batch, time, 2 tags) -> expected (batch, time, tags)."""

    def __init__(self, weights, architecture, rows):
        super().__init__()
        a, causal = architecture, architecture["padding"] == "causal"
        kernels = [(f"kernel{k}", k, 1) for k in a["kernels"]]
        self.embedding, width = linear(weights, "embedding"), a["embed"]
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.norm.weight.data, self.norm.bias.data = weights["embedding.norm.gain"], weights["embedding.norm.bias"]
        self.multiscale = Convolutions(weights, "multiscale", kernels, causal)
        self.dilated = Convolutions(weights, "dilated", [(f"rate{r}", 3, r) for r in a["dilations"]], causal)
        self.query, self.key, self.value, self.out = (
            linear(weights, f"attention.{part}") for part in ("query", "key", "value", "output")
        )
        self.heads, self.dropout = a["heads"], a["dropout"]
        self.bottleneck, self.expansion = linear(weights, "bottleneck"), linear(weights, "expansion")
        self.decoder = Convolutions(weights, "decoder", kernels, causal)
        self.to_all, self.output = linear(weights, "global"), linear(weights, "output")
        self.skip = a["skip"]
        self.alpha = nn.Parameter(weights["identity.alpha"]) if a["identity"] else None
        row = torch.arange(rows)
        self.register_buffer("reach", (row[None] <= row[:, None]) if causal else torch.ones(rows, rows, dtype=torch.bool))

    def attend(self, c):
        batch, time, width = c.shape
        split = lambda x: x.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
        q, k, v = split(self.query(c)), split(self.key(c)), split(self.value(c))
        scores = (q @ k.transpose(2, 3)) / math.sqrt(width // self.heads)
        scores = scores.masked_fill(~self.reach, -1e9)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, time, width))

    def forward(self, cells):
        embedded = self.norm(self.embedding(cells)).transpose(1, 2)
        m = self.multiscale(embedded).relu()
        c = self.dilated(m).relu().transpose(1, 2)
        codes = F.dropout(self.bottleneck(c + self.attend(c)), self.dropout, self.training)
        expanded = self.expansion(codes)
        if self.skip:
            expanded = expanded + c
        share = self.reach.to(codes.dtype)
        means = (share / share.sum(1, keepdim=True)) @ codes
        decoded = (self.decoder(expanded.transpose(1, 2)).transpose(1, 2) + self.to_all(means)).relu()
        if self.skip:
            decoded = decoded + m.transpose(1, 2)
        expected = self.output(decoded)
        if self.alpha is not None:
            alpha = torch.sigmoid(self.alpha)
            expected = alpha * expected + (1 - alpha) * cells[..., : expected.shape[2]]
        return expected
