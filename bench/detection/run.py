"""How well the models detect on labelled recordings, with the plain score of `crates/model/examples/detection.rs`.

`run.py DETECTION DATA OUT [--seeds 3] [--jobs 2] [--only NAME ...]` where DETECTION is that example's program, DATA a folder with
`evaluate.py` and `SET/SERIES/{train,test}.csv.gz`, and OUT a folder for scores, which are not made again by the same program with the same settings.
Prints Markdown: the mean VUS-PR of each set, the mean of the sets' means, and over seeds the mean and the deviation of that.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

SETS = ("skab", "asd", "smd", "batadal", "tep")
# What each row of the table is made of: one model, or several whose scores are joined.
MODELS = {
    "multiscale": [{}],
    "multiscale, bf16": [{"precision": "bf16"}],
    "multiscale, int8": [{"precision": "int8"}],
    "dense": [{"kind": "dense"}],
    "lstm": [{"kind": "lstm"}],
    "vae": [{"kind": "vae"}],
    "var": [{"kind": "var"}],
    "ridge": [{"kind": "ridge"}],
    "pca": [{"kind": "pca"}],
    "multiscale + var": [{}, {"kind": "var"}],
    "multiscale + var + ridge": [{}, {"kind": "var"}, {"kind": "ridge"}],
}
SOLVED = {"var", "ridge", "pca"}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("detection", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=list(MODELS))
    return parser.parse_args()


def labelled(data):
    """The series that have a test."""
    return [folder for name in SETS for folder in sorted((data / name).iterdir()) if (folder / "test.csv.gz").exists()]


def vus_pr(args, model, seed, series):
    """The series' VUS-PR, None where its test has nothing labelled."""
    settings = json.dumps([{**member, "training": {"seed": seed}} for member in MODELS[model]])
    out = args.out / hashlib.sha256(args.detection.read_bytes() + settings.encode()).hexdigest()[:16]
    scores = out / f"{series.parent.name}-{series.name}.csv"
    if not scores.exists():
        part = out / f"{scores.stem}.part"
        part.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
        said = subprocess.run([args.detection, part, settings, series], check=True, env=environment, capture_output=True)
        print(said.stdout.decode(), end="", file=sys.stderr)
        (part / scores.name).rename(scores)
        part.rmdir()
    command = [sys.executable, args.data / "evaluate.py", "--labels", series / "test.csv.gz", "--scores", scores]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout).get("vus_pr")


def row(args, pool, model):
    seeds = [1] if model in SOLVED else list(range(1, args.seeds + 1))
    series = labelled(args.data)
    jobs = {(seed, s): pool.submit(vus_pr, args, model, seed, s) for seed in seeds for s in series}
    found = {key: job.result() for key, job in jobs.items() if job.result() is not None}
    means = [[statistics.fmean(v for (n, s), v in found.items() if n == seed and s.parent.name == name) for name in SETS]
             for seed in seeds]
    cells = [f"{statistics.fmean(column):.3f}" for column in zip(*means)]
    over_sets = [statistics.fmean(sets) for sets in means]
    spread = f" ± {statistics.stdev(over_sets):.3f}" if len(seeds) > 1 else ""
    print(f"| {model} | {' | '.join(cells)} | {statistics.fmean(over_sets):.3f}{spread} |", flush=True)


def main():
    args = arguments()
    print(f"| model | {' | '.join(SETS)} | mean |\n|{'---|' * (len(SETS) + 2)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for model in args.only:
            row(args, pool, model)


if __name__ == "__main__":
    main()
