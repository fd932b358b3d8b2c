"""What a history costs in Andon's store and in others, on the same samples in one interleaved run.

`run.py HISTORIES RECORD DATA OUT [--quick] [--only PART ...]`: HISTORIES and RECORD are the examples of crates/store and
crates/simulator, DATA is a folder with skab, smd and tep. Prints Markdown; the whole, with every single measurement, goes to
OUT/histories.json, the growth also to OUT/growth.svg. In each round each contender does the same in turn, so that what
disturbs the machine disturbs all alike; what is printed is the median of the rounds.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import growth
import reopen
import samples
from contenders import CONTENDERS
from contenders.contender import Missing

SECOND_US = 1_000_000


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("histories", "record", "data", "out"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth, to see that all of it works")
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--peers", nargs="*", default=[c.NAME for c in CONTENDERS[1:]], help="their names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--millions", type=float, default=4.0, help="samples of a backfill")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.millions = 1, 0.5
    args.contenders = [c for c in CONTENDERS if c is CONTENDERS[0] or c.NAME in args.peers]
    return args


def each(args, work):
    """What `work` gives for each contender in each round; who is not here is left out and said so, once."""
    found = {}
    for round in range(args.rounds):
        for kind in list(args.contenders):
            try:
                contender = kind()
            except Missing as error:
                print(f"{kind.NAME} is left out: {error}", file=sys.stderr)
                args.contenders.remove(kind)
                continue
            try:
                found.setdefault(kind, []).append(work(contender, round))
            finally:
                contender.close()
    return found


def against_best(found, cost):
    """How many times the best peer's cost is ours: the median over the rounds of the ratio within a round."""
    ours, *peers = found.values()
    if not peers:
        return float("nan")
    return statistics.median(min(map(cost, others)) / cost(one) for one, *others in zip(ours, *peers))


def table(title, columns, found, cells, said=""):
    print(f"\n### {title}\n\n| | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for kind, rounds in found.items():
        print(f"| {kind.NAME} | {' | '.join(cells(kind, rounds))} |")
    print(f"\n{said}", flush=True)


def median(rounds, key):
    return statistics.median(one[key] for one in rounds)


def backfill(args, scratch):
    """Every set, tag after tag."""
    results = {}
    for name, recording in args.sets.items():
        records = samples.by_tag(scratch / name, recording, int(args.millions * 1e6))

        def work(contender, round):
            meter = contender.load(records)
            contender.tidy()
            return {"wall": meter.wall, "cpu": meter.cpu, "bytes": contender.bytes() if round == 0 else 0}

        found, count = each(args, work), len(records)
        cells = lambda kind, rounds: (f"{rounds[0]['bytes'] / count:.2f}", f"{count / median(rounds, 'wall'):,.0f}",
                                      f"{count / median(rounds, 'cpu'):,.0f}")
        smallest = min((rounds[0]["bytes"] for kind, rounds in list(found.items())[1:]), default=0) / found[CONTENDERS[0]][0]["bytes"]
        table(f"A backfill of {name}: {count:,} samples of {recording.tags} tags",
              ("bytes a sample", "samples/s", "samples/s of processor time"), found, cells,
              f"The best peer's over ours: bytes {smallest:.2f}, time {against_best(found, lambda r: r['wall']):.2f}, processor time "
              f"{against_best(found, lambda r: r['cpu']):.2f}.")
        results[name] = {"samples": count, **named(found)}
        (scratch / name).unlink()
    return results


def batches(args, scratch):
    """847 tags at 100 Hz: as fast as it goes, and at the pace of the plant."""
    results = {}
    for title, count, pace in (("as fast as it goes", 30 if args.quick else 200, 0.0), ("84,700 a second", 30 if args.quick else 200, 0.1)):
        records = samples.by_time(scratch / "scans", args.sets["skab"], count)

        def work(contender, _):
            meter, waits = contender.append(records, pace)
            return {"wall": meter.wall, "cpu": meter.cpu, "longest": max(waits), "median": statistics.median(waits)}

        found = each(args, work)
        cells = lambda kind, rounds: (f"{len(records) / median(rounds, 'wall'):,.0f}",
                                      f"{median(rounds, 'cpu') / median(rounds, 'wall'):.1%}",
                                      f"{median(rounds, 'median') * 1e3:.1f}", f"{median(rounds, 'longest') * 1e3:.0f}", kind.NOTE)
        table(f"Batches of 100 ms, {title}: {count} of {samples.TAGS} tags at {samples.HZ} Hz",
              ("samples/s", "of a core", "ms a batch", "longest ms", ""), found, cells,
              f"The best peer's over ours: time {against_best(found, lambda r: r['wall']):.2f}, processor time "
              f"{against_best(found, lambda r: r['cpu']):.2f}.")
        results[title] = {"samples": len(records), **named(found)}
    return results


def reads(args, scratch):
    """One tag at 10 Hz for thirty days."""
    count = 1_000_000 if args.quick else 25_920_000
    records = samples.by_tag(scratch / "long", first_tag(args.sets["skab"]), count, step_us=SECOND_US // 10)
    begin, end = int(records["time_us"][0]), int(records["time_us"][-1]) + 1
    ready, kinds, found = [], list(args.contenders), {}
    try:
        for kind in kinds:
            try:
                ready.append(kind())
            except Missing as error:
                print(f"{kind.NAME} is left out: {error}", file=sys.stderr)
                continue
            ready[-1].load(records)
            ready[-1].tidy()
        for _ in range(args.rounds):
            for contender in ready:
                trend, points = contender.trends(0, (begin, end), 3)
                raw, all_of_it = contender.raws(0, (end - 3_600 * SECOND_US, end), 3)
                found.setdefault(type(contender), []).append({"trend": statistics.median(trend), "points": points, "slowest": max(trend),
                                                              "hour": statistics.median(raw), "raw": all_of_it})
    finally:
        for contender in ready:
            contender.close()
        (scratch / "long").unlink()
    cells = lambda kind, rounds: (f"{median(rounds, 'trend') * 1e3:.2f}", f"{rounds[0]['points']}", f"{median(rounds, 'hour') * 1e3:.2f}",
                                  f"{rounds[0]['raw']}")
    table(f"Reading one tag, {count:,} samples at 10 Hz, warm", ("to 1,000 points, ms", "points or buckets", "the last hour, ms", "samples"),
          found, cells, f"The best peer's over ours: trend {against_best(found, lambda r: r['trend']):.1f}, hour "
          f"{against_best(found, lambda r: r['hour']):.1f}.")
    return {"samples": count, **named(found)}


def first_tag(recording):
    recording.values, recording.decimals = recording.values[:, :1], recording.decimals[:1]
    return recording


def named(found):
    return {kind.NAME: rounds for kind, rounds in found.items()}


PARTS = {"backfill": backfill, "batches": batches, "reads": reads, "growth": growth.measure, "open": reopen.measure}


def main():
    args = arguments()
    os.environ["HISTORIES"] = str(args.histories)
    args.out.mkdir(parents=True, exist_ok=True)
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    print(f"{os.cpu_count()} cores of an {cpu}, {platform.system()} {platform.release()}; {args.rounds} interleaved rounds, medians.")
    results = {}
    with tempfile.TemporaryDirectory(prefix="histories-") as scratch:
        scratch = pathlib.Path(scratch)
        simulated = scratch / "simulated.csv.gz"
        rows = "20000" if args.quick else "200000"
        subprocess.run([args.record, "--asset", "Mixer", "--rows", rows, "--out", simulated], check=True, stdout=sys.stderr)
        args.sets = samples.recordings(args.data, simulated)
        for part in args.only:
            results[part] = PARTS[part](args, scratch)
            (args.out / "histories.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
