"""Andon's engine beside candle, PyTorch, onnxruntime and tract on the same weights, in one interleaved run.

`run.py PEER TRACT TRAINING [--quick]` prints Markdown; the three are built by scripts/bench.sh. Each contender is a process
of its own; in each of ten rounds each is asked for about a quarter of a second of work, in turn, so that what disturbs the
machine disturbs all alike. What is printed is the median over the rounds of the time of a call, and of its ratio to
onnxruntime in the same round.
"""
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
PEER, TRACT, TRAINING = sys.argv[1:4]
ROUNDS = 3 if "--quick" in sys.argv else 10
TARGET_S = 0.25
WINDOWS = 64


class Contender:
    """A process that answers rounds."""

    def __init__(self, name, command):
        self.name, self.times, self.cpu, self.rss = name, [], [], 0
        # candle's own pool; who is asked for two threads gets them as an argument.
        environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        said = self.process.stdout.readline().strip()
        self.here = said != "missing"
        if not self.here:
            return
        if said != "ready":
            raise SystemExit(f"{name} did not get ready: {command}")
        self.calls = 1
        self.calls = max(1, round(TARGET_S / min(self.ask()[0] for _ in range(3))))

    def ask(self):
        print(self.calls, file=self.process.stdin, flush=True)
        wall, cpu = map(float, self.process.stdout.readline().split())
        return wall / self.calls, cpu / self.calls

    def round(self):
        wall, cpu = self.ask()
        self.times.append(wall)
        self.cpu.append(cpu)

    def finish(self):
        self.process.stdin.close()
        self.rss = int(self.process.stdout.read().split()[-1]) / 1024
        self.process.wait()


def python(name, folder, batch, threads):
    return [sys.executable, str(HERE / "worker.py"), name, str(folder), str(batch), str(threads)]


def andon(name, folder, batch, threads):
    return [PEER, name, str(folder), str(batch), str(threads)]


def race(title, contenders, against):
    contenders = [c for c in contenders if c.here]
    for _ in range(ROUNDS):
        for contender in contenders:
            contender.round()
    for contender in contenders:
        contender.finish()
    base = next(c for c in contenders if c.name == against)
    print(f"\n### {title}\n\n| | ms a call | CPU ms | {against} / it | peak MB |\n|---|---|---|---|---|")
    for c in contenders:
        ratio = statistics.median(b / t for b, t in zip(base.times, c.times))
        wall, cpu = statistics.median(c.times) * 1e3, statistics.median(c.cpu) * 1e3
        print(f"| {c.name} | {wall:.3f} | {cpu:.3f} | {ratio:.2f} | {c.rss:.0f} |", flush=True)


def agree(folder, names):
    """The contenders' first outputs, the largest difference between them."""
    answer = lambda name: np.fromfile(folder / f"{name}.f32", "<f4")
    want = answer("onnxruntime")
    worst = {name: float(np.abs(answer(name)[: want.size] - want[: answer(name).size]).max()) for name in names}
    print("\nLargest difference from onnxruntime's output: " + ", ".join(f"{n} {w:.1e}" for n, w in worst.items()) + ".")


def windows(folder, tags, batch, threads):
    contenders = [
        Contender("andon", andon("engine", folder, batch, threads)),
        Contender("andon, bf16", andon("engine-bf16", folder, batch, threads)),
        Contender("andon, int8", andon("engine-int8", folder, batch, threads)),
        Contender("onnxruntime", python("onnxruntime", folder, batch, threads)),
        Contender("PyTorch", python("torch", folder, batch, threads)),
    ]
    if threads == 1:
        contenders.append(Contender("candle", andon("candle", folder, batch, threads)))
        contenders.append(Contender("tract", [TRACT, str(folder), str(batch)]))
    race(f"{tags} tags, batch {batch}, {threads} thread{'s' * (threads > 1)}", contenders, "onnxruntime")
    fewer = [name for name in ("engine-bf16", "engine-int8") if (folder / f"{name}.f32").exists()]
    agree(folder, ["engine", *fewer, "torch"] + ["candle", "tract"] * (threads == 1))


def streams(paper, streaming, tags):
    contenders = [
        Contender("andon, stride 1", andon("stream1", streaming, 1, 1)),
        Contender("andon, stride 10", andon("stream10", streaming, 1, 1)),
        Contender("andon, full window", andon("engine", streaming, 1, 1)),
        Contender("onnxruntime", python("onnxruntime", paper, 1, 1)),
    ]
    race(f"{tags} tags, streaming, 1 thread, a score a call", contenders, "onnxruntime")


def steps(folder, threads):
    """Training steps, batch 64: ours are timed by our own bench, a process a round."""
    torch = Contender("PyTorch", python("torch-step", folder, WINDOWS, threads))
    torch.calls = max(2, torch.calls)
    ours = []
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    for _ in range(ROUNDS):
        said = subprocess.run([TRAINING, "1"], env=environment, check=True, capture_output=True, text=True)
        ours.append(float(said.stdout.split(":")[1].split("ms")[0]) / 1e3)
        torch.round()
    torch.finish()
    ratio = statistics.median(t / o for t, o in zip(torch.times, ours))
    plural = "s" * (threads > 1)
    print(f"\n### A training step, 50 tags, batch 64, {threads} thread{plural}\n\n| | ms | PyTorch / it |\n|---|---|---|")
    print(f"| andon | {statistics.median(ours) * 1e3:.0f} | {ratio:.2f} |")
    print(f"| PyTorch | {statistics.median(torch.times) * 1e3:.0f} | 1.00 |", flush=True)


def main():
    import onnxruntime
    import torch

    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    peak = subprocess.run([PEER, "peak"], check=True, capture_output=True, text=True).stdout.strip()
    print(f"{cpu}, {platform.system()} {platform.release()}; PyTorch {torch.__version__}, onnxruntime {onnxruntime.__version__}, "
          f"NumPy {np.__version__}; {ROUNDS} interleaved rounds, medians. {peak}")
    with tempfile.TemporaryDirectory() as scratch:
        for tags in (50, 847):
            folders = {}
            for variant in ("paper", "streaming"):
                folder = folders[variant] = pathlib.Path(scratch) / f"{variant}{tags}"
                subprocess.run([PEER, "init", str(folder), str(tags), variant], check=True)
                subprocess.run([sys.executable, str(HERE / "export.py"), str(folder)], check=True, stdout=sys.stderr)
            for batch, threads in ((1, 1), (1, 2), (16, 1), (16, 2), (64, 1), (64, 2)):
                windows(folders["paper"], tags, batch, threads)
            streams(folders["paper"], folders["streaming"], tags)
            if tags == 50:
                for threads in (1, 2):
                    steps(folders["paper"], threads)


if __name__ == "__main__":
    main()
