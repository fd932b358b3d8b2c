"""How the whole detector does on labelled recordings: `andon fit` on the training part, `andon score` on the test.

`judge.py ANDON DATA OUT [--seeds 3] [--jobs 2] [--config model.toml] [--sets skab asd] [--leave-out skab/other_2]` where ANDON is the
program, DATA a folder with `evaluate.py` and `SET/SERIES/{train,test}.csv.gz`, and OUT a folder for scores, which are not made again
by the same program with the same settings. Prints Markdown: for each set the mean VUS-PR, the share of normal rows in alarm and the recall of
events at the detector's own threshold (`alarm_active`), over seeds the mean.
"""
import argparse
import concurrent.futures
import csv
import gzip
import hashlib
import importlib.util
import os
import pathlib
import shutil
import statistics
import subprocess

SETS = ("skab", "asd", "smd", "batadal", "tep")
# Faults of the Tennessee Eastman process that nobody's method finds.
UNSEEN = {"fault03", "fault09", "fault15"}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("andon", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--config", type=pathlib.Path)
    parser.add_argument("--leave-out", nargs="*", default=["skab/other_2"])
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--each", action="store_true", help="a row for each series")
    return parser.parse_args()


def labelled(args):
    """The series that have a test."""
    series = [s for name in args.sets for s in sorted((args.data / name).iterdir()) if (s / "test.csv.gz").exists()]
    return [s for s in series if f"{s.parent.name}/{s.name}" not in args.leave_out]


def scored(args, seed, series):
    """The scores file of a series."""
    config = args.config.read_bytes() if args.config else b""
    out = args.out / hashlib.sha256(args.andon.read_bytes() + config + str(seed).encode()).hexdigest()[:16]
    scores = out / f"{series.parent.name}-{series.name}.csv"
    if not scores.exists():
        model = scores.with_suffix(".model")
        model.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
        extra = ["--config", args.config] if args.config else []
        fit = ["fit", "--csv", series / "train.csv.gz", "--model", model, "--seed", str(seed), *extra]
        subprocess.run([args.andon, *fit], check=True, env=environment, capture_output=True)
        score = ["score", "--model", model, "--csv", series / "test.csv.gz", "--out", scores]
        subprocess.run([args.andon, *score], check=True, env=environment, capture_output=True)
        shutil.rmtree(model)
    return scores


def column(path, name, opener=open):
    with opener(path, "rt", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def judged(args, evaluate, seed, series):
    """Figures of one series."""
    scores = scored(args, seed, series)
    truth = [int(float(v)) for v in column(series / "test.csv.gz", "label", gzip.open)]
    values = [float(v) if v else float("nan") for v in column(scores, "score")]
    active = [v == "1" for v in column(scores, "alarm_active")]
    found = evaluate.evaluate(truth, values, thorough=False) if any(truth) else {}
    events = [any(active[a:b + 1]) for a, b in evaluate.runs(truth)]
    pairs = list(zip(truth, active))
    count = lambda y, a: sum(1 for pair in pairs if pair == (y, a))
    return {
        "vus_pr": found.get("vus_pr"), "events": sum(events) / len(events) if events else None,
        "tp": count(1, True), "fp": count(0, True), "fn": count(1, False), "tn": count(0, False),
    }


def share(part, whole):
    return part / whole if whole else float("nan")


def summary(name, rows):
    """A set's line: the means over its series, each over seeds."""
    mean = lambda values: statistics.fmean([v for v in values if v is not None])
    far = mean([share(r["fp"], r["fp"] + r["tn"]) for r in rows if r["fp"] + r["tn"]])
    return f"| {name} | {mean([r['vus_pr'] for r in rows]):.3f} | {100 * far:.2f} % | {mean([r['events'] for r in rows]):.3f} |"


def main():
    args = arguments()
    spec = importlib.util.spec_from_file_location("evaluate", args.data / "evaluate.py")
    evaluate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluate)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = {(seed, s): pool.submit(judged, args, evaluate, seed, s) for seed in range(1, args.seeds + 1) for s in labelled(args)}
        found = {key: job.result() for key, job in jobs.items()}
    print("| set | VUS-PR | normal rows in alarm | events found |\n|---|---|---|---|")
    of = lambda name: [f for (_, s), f in found.items() if s.parent.name == name]
    for name in args.sets:
        print(summary(name, of(name)))
    per_seed = [statistics.fmean(statistics.fmean(f["vus_pr"] for (n, s), f in found.items()
                if n == seed and s.parent.name == name and f["vus_pr"] is not None) for name in args.sets) for seed in range(1, args.seeds + 1)]
    events = statistics.fmean(statistics.fmean(f["events"] for f in of(name) if f["events"] is not None) for name in args.sets)
    spread = f" ± {statistics.stdev(per_seed):.3f}" if len(per_seed) > 1 else ""
    print(f"| mean | {statistics.fmean(per_seed):.3f}{spread} | | {events:.3f} |\n")
    total = lambda rows: {k: sum(r[k] for r in rows) for k in ("tp", "fp", "fn", "tn")}
    if "skab" in args.sets:
        t = total(of("skab"))
        print(f"skab, pooled: F1 {share(2 * t['tp'], 2 * t['tp'] + t['fp'] + t['fn']):.3f}, FAR {100 * share(t['fp'], t['fp'] + t['tn']):.1f} %, "
              f"MAR {100 * share(t['fn'], t['fn'] + t['tp']):.1f} %")
    if "tep" in args.sets:
        t = total([f for (_, s), f in found.items() if s.parent.name == "tep" and s.name not in UNSEEN])
        print(f"tep without 3, 9, 15: FDR {share(t['tp'], t['tp'] + t['fn']):.3f} at FAR {100 * share(t['fp'], t['fp'] + t['tn']):.2f} %")
    if args.each:
        for s in labelled(args):
            rows = [f for (_, other), f in found.items() if other == s]
            t = total(rows)
            print(s.parent.name, s.name, f"FAR {100 * share(t['fp'], t['fp'] + t['tn']):.2f} %, rows found {share(t['tp'], t['tp'] + t['fn']):.3f}, "
                  f"events {[r['events'] for r in rows]}, VUS-PR {[r['vus_pr'] and round(r['vus_pr'], 3) for r in rows]}")


if __name__ == "__main__":
    main()
