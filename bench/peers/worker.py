"""One contender in a process of its own: `worker.py torch|onnxruntime|torch-step FOLDER BATCH THREADS`.

FOLDER holds `weights.safetensors`, `architecture.json`, `cells.f32` (windows x rows x 2 tags) and `shape.json`. A number N on a line
of standard input asks for N calls of one batch; the answer is `wall_s cpu_s`. The first call's output goes to
`FOLDER/NAME.f32`, for comparison. At the end of the input it prints the process's peak memory in KiB.
"""
import json
import os
import pathlib
import sys
import time

name, folder, batch, threads = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
shape = json.loads((folder / "shape.json").read_text())


def cells():
    import numpy as np

    all_cells = np.fromfile(folder / "cells.f32", "<f4").reshape(-1, shape["rows"], 2 * shape["tags"])
    return np.resize(all_cells, (batch,) + all_cells.shape[1:])


def torch_network():
    import torch

    from network import Network, read_safetensors

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    architecture = json.loads((folder / "architecture.json").read_text())
    return torch, Network(read_safetensors(folder / "weights.safetensors"), architecture, shape["rows"])


def torch_eager():
    torch, network = torch_network()
    network.eval()
    x = torch.from_numpy(cells())

    def call():
        with torch.inference_mode():
            return network(x).numpy()

    return call


def onnxruntime():
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(str(folder / "network.onnx"), options, providers=["CPUExecutionProvider"])
    x = cells()
    return lambda: session.run(None, {"cells": x})[0]


def torch_step():
    torch, network = torch_network()
    network.train()
    x = torch.from_numpy(cells())
    truth, optimizer = x[..., : shape["tags"]].clone(), torch.optim.AdamW(network.parameters(), 1e-4, betas=(0.9, 0.99))

    def call():
        optimizer.zero_grad()
        loss = ((network(x) - truth) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss.detach().numpy()

    return call


call = {"torch": torch_eager, "onnxruntime": onnxruntime, "torch-step": torch_step}[name]()
call().astype("<f4").tofile(folder / f"{name}.f32")
print("ready", flush=True)
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(line)):
        call()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
# Not getrusage, which remembers the process that this one was forked from.
status = pathlib.Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), flush=True)
