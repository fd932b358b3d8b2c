"""Writes gradients.json: the multi-scale network, its whole loss and every gradient as PyTorch's autograd has them, in f64.

Two small networks with every part on, one that looks back only and one that is centred. Weights and layouts are named as
in `architectures/multiscale.rs`; the layers are PyTorch's own, so that nothing is shared with the code under test.

    python gradients.py > gradients.json
"""

import json
import platform

import numpy
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)

BATCH, TIME, ROWS, TAGS = 3, 9, 5, 6
LOSS = {"ssim": 0.5, "sparsity": 0.2, "temporal": 0.3, "diversity": 0.4}


def architecture(padding):
    return {
        "embed": 7, "filters": 6, "kernels": [1, 3], "dilations": [1, 2], "heads": 2, "code": 6, "dropout": 0.0,
        "padding": padding, "batch_norm": True, "global": True, "skip": True, "identity": True, "autoregressive": 2,
    }  # fmt: skip


def shapes(a):
    """Name and shape of every weight."""
    m, c = len(a["kernels"]) * a["filters"], len(a["dilations"]) * a["filters"]

    def linear(name, rows, columns):
        return {f"{name}.weight": (rows, columns), f"{name}.bias": (columns,)}

    def convolutions(name, taps, rows):
        width = len(taps) * a["filters"]
        kernels = {f"{name}.{tap}": (count * rows, a["filters"]) for tap, count in taps.items()}
        return kernels | {f"{name}.{part}": (width,) for part in ("bias", "norm.gain", "norm.bias")}

    kernels = {f"kernel{k}": k for k in a["kernels"]}
    rates = {f"rate{r}": 3 for r in a["dilations"]}
    all = linear("embedding", 2 * TAGS, a["embed"])
    all |= {"embedding.norm.gain": (a["embed"],), "embedding.norm.bias": (a["embed"],)}
    all |= convolutions("multiscale", kernels, a["embed"]) | convolutions("dilated", rates, m)
    for part in ("query", "key", "value", "output"):
        all |= linear(f"attention.{part}", c, c)
    all |= linear("bottleneck", c, a["code"]) | linear("expansion", a["code"], c)
    all |= convolutions("decoder", kernels, c) | linear("global", a["code"], m) | linear("output", m, TAGS)
    return all | {"autoregressive.weight": (a["autoregressive"] * 2 * TAGS, TAGS), "identity.alpha": (1,)}


def convolve(x, weight, taps, dilation, before):
    """(batch, time, input) -> (batch, time, filters)."""
    kernel = weight.reshape(taps, x.shape[2], -1).permute(2, 1, 0)
    padded = F.pad(x.transpose(1, 2), (before, (taps - 1) * dilation - before))
    return F.conv1d(padded, kernel, dilation=dilation).transpose(1, 2)


def forward(w, a, cells):
    causal = a["padding"] == "causal"

    def linear(name, x):
        return F.linear(x, w[f"{name}.weight"].T, w[f"{name}.bias"])

    def convolutions(name, x):
        if name == "dilated":
            each = [(f"rate{r}", 3, r, 2 * r if causal else r) for r in a["dilations"]]
        else:
            each = [(f"kernel{k}", k, 1, k - 1 if causal else (k - 1) // 2) for k in a["kernels"]]
        y = torch.cat([convolve(x, w[f"{name}.{tap}"], *how) for tap, *how in each], 2) + w[f"{name}.bias"]
        flat = y.reshape(-1, y.shape[2])
        gain, bias = w[f"{name}.norm.gain"], w[f"{name}.norm.bias"]
        return F.batch_norm(flat, None, None, gain, bias, training=True, eps=1e-5).reshape(y.shape)

    at = torch.arange(TIME)
    apart = at[:, None] - at[None, :]
    reach = ((apart >= 0) & (apart < ROWS)) if causal else torch.ones(TIME, TIME, dtype=torch.bool)
    embedded = linear("embedding", cells)
    embedded = F.layer_norm(embedded, (a["embed"],), w["embedding.norm.gain"], w["embedding.norm.bias"], 1e-5)
    m = F.relu(convolutions("multiscale", embedded))
    c = F.relu(convolutions("dilated", m))
    q, k, v = (
        linear(f"attention.{part}", c).reshape(BATCH, TIME, a["heads"], -1).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    values = F.scaled_dot_product_attention(q, k, v, attn_mask=reach)
    attended = c + linear("attention.output", values.transpose(1, 2).reshape(c.shape))
    codes = linear("bottleneck", attended)
    expanded = linear("expansion", codes) + c
    means = (reach.double() / reach.sum(1, keepdim=True)) @ codes
    decoded = F.relu(convolutions("decoder", expanded) + linear("global", means)) + m
    past = range(a["autoregressive"])
    lags = [F.pad(cells, (0, 0, lag + 1, 0))[:, :TIME] for lag in past]
    expected = linear("output", decoded) + torch.cat(lags, 2) @ w["autoregressive.weight"]
    alpha = torch.sigmoid(w["identity.alpha"])
    return alpha * expected + (1 - alpha) * cells[:, :, :TAGS], codes, means[:, -1]


def dissimilarity(x, t, weights):
    counted = (weights > 0).double()
    count = counted.sum(1, keepdim=True) + 1e-6
    mean = lambda y: (y * counted).sum(1, keepdim=True) / count
    mx, mt = mean(x), mean(t)
    vx, vt, cov = mean((x - mx) ** 2), mean((t - mt) ** 2), mean((x - mx) * (t - mt))
    means = (2 * mx * mt + 0.0036) / (mx**2 + mt**2 + 0.0036)
    return 1 - (means * (2 * cov + 0.0324) / (vx + vt + 0.0324)).mean()


def loss(answer, truth, weights):
    expected, codes, code = answer
    error = (weights * (expected - truth) ** 2).sum() / (weights.sum() + 1e-12)
    change = ((codes[:, 1:] - codes[:, :-1]) ** 2).mean()
    sameness = -torch.logdet(code.T @ code / BATCH + torch.eye(code.shape[1])) / code.shape[1]
    terms = {
        "ssim": dissimilarity(expected, truth, weights),
        "sparsity": codes.abs().mean(),
        "temporal": change,
        "diversity": sameness,
    }
    return error + sum(LOSS[name] * term for name, term in terms.items())


def case(padding, seed):
    random = numpy.random.default_rng(seed)
    a = architecture(padding)
    draw = lambda shape: torch.from_numpy(random.normal(size=shape).round(4))
    w = {name: (draw(shape) / 4 + (1.0 if name.endswith("gain") else 0.0)) for name, shape in shapes(a).items()}
    for weight in w.values():
        weight.requires_grad_()
    cells, truth = draw((BATCH, TIME, 2 * TAGS)), draw((BATCH, TIME, TAGS))
    weights = F.relu(draw((BATCH, TIME, TAGS)))
    answer = forward(w, a, cells)
    total = loss(answer, truth, weights)
    total.backward()
    flat = lambda x: x.detach().flatten().tolist()
    return {
        "architecture": a,
        "shape": [BATCH, TIME, ROWS, TAGS],
        "loss_settings": LOSS,
        "cells": flat(cells),
        "truth": flat(truth),
        "weights": flat(weights),
        "parameters": {name: flat(weight) for name, weight in w.items()},
        "expected": flat(answer[0]),
        "loss": total.item(),
        "gradients": {name: flat(weight.grad) for name, weight in w.items()},
    }


made_by = f"torch {torch.__version__}, numpy {numpy.__version__}, Python {platform.python_version()}"
print(json.dumps({"made_by": made_by, "cases": [case("causal", 1), case("centred", 2)]}))
