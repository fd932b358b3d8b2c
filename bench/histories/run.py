"""What a history costs in Andon's store and in others, on the same samples in one interleaved run.

`run.py HISTORIES RECORD DATA OUT [--quick] [--only PART ...]`: HISTORIES and RECORD are the examples of crates/store and
crates/simulator, DATA is a folder with skab, smd and tep. Prints Markdown; the whole, with every single measurement, goes to
OUT/histories.json, the growth also to OUT/growth.svg. In each round each contender does the same in turn, so that what
disturbs the machine disturbs all alike; what is printed is the median of the rounds.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import signal
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
    os.environ["HISTORIES"] = str(args.histories)
    args.contenders = here(c for c in CONTENDERS if c is CONTENDERS[0] or c.NAME in args.peers)
    return args


def here(kinds):
    """Those that can be started on this machine; of the others it is said why not."""
    found = []
    for kind in kinds:
        try:
            kind().close()
            found.append(kind)
        except Missing as error:
            print(f"{kind.NAME} is left out: {error}", file=sys.stderr)
    return found


def each(args, rounds, work):
    """What `work` gives for each contender in each round."""
    found = {}
    for round in range(rounds):
        for kind in args.contenders:
            print(f"{work.__qualname__.partition('.')[0]}, round {round + 1} of {rounds}: {kind.NAME}", file=sys.stderr)
            with contextlib.closing(kind()) as contender:
                found.setdefault(kind, []).append(work(contender, round))
    return found


def against_best(found, cost):
    """How many times the best peer's cost is ours: the median over the rounds of the ratio within a round."""
    ours, *peers = found.values()
    if not peers:
        return float("nan")
    return statistics.median(min(map(cost, others)) / cost(one) for one, *others in zip(ours, *peers))


def times(found):
    wall, cpu = (against_best(found, lambda one: one[key]) for key in ("wall", "cpu"))
    return f"time {wall:.2f}, processor time {cpu:.2f}"


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
            if round > 0:
                return {"wall": meter.wall, "cpu": meter.cpu}
            contender.tidy()
            return {"wall": meter.wall, "cpu": meter.cpu, "bytes": contender.bytes()}

        found, count = each(args, args.rounds, work), len(records)
        cells = lambda kind, rounds: (f"{rounds[0]['bytes'] / count:.2f}", f"{count / median(rounds, 'wall'):,.0f}",
                                      f"{count / median(rounds, 'cpu'):,.0f}")
        ours, *peers = (rounds[0]["bytes"] for rounds in found.values())
        smallest = min(peers, default=float("nan")) / ours
        table(f"A backfill of {name}: {count:,} samples of {recording.tags} tags",
              ("bytes a sample", "samples/s", "samples/s of processor time"), found, cells,
              f"The best peer's over ours: bytes {smallest:.2f}, {times(found)}.")
        results[name] = {"samples": count, **named(found)}
        (scratch / name).unlink()
    return results


def batches(args, scratch):
    """847 tags at 100 Hz: as fast as it goes, and, in one round, at the pace of the plant. Ours seals 16 tags after 410 batches: in
    88 seconds all of them twice."""
    results = {}
    count = 30 if args.quick else 880
    records = samples.by_time(scratch / "scans", args.sets["skab"], count)
    for title, pace, rounds in (("as fast as it goes", 0.0, args.rounds), ("84,700 a second", 0.1, 1)):

        def work(contender, _):
            meter, waits = contender.append(records, pace)
            return {"wall": meter.wall, "cpu": meter.cpu, "longest": max(waits), "median": statistics.median(waits)}

        found = each(args, rounds, work)
        cells = lambda kind, rounds: (f"{len(records) / median(rounds, 'wall'):,.0f}",
                                      f"{median(rounds, 'cpu') / median(rounds, 'wall'):.1%}",
                                      f"{median(rounds, 'median') * 1e3:.1f}", f"{median(rounds, 'longest') * 1e3:.0f}", kind.NOTE)
        table(f"Batches of 100 ms, {title}: {count}, of {samples.TAGS} tags at {samples.HZ} Hz",
              ("samples/s", "of a core", "ms a batch", "longest ms", ""), found, cells,
              f"The best peer's over ours: {times(found)}.")
        results[title] = {"samples": len(records), **named(found)}
    return results


def reads(args, scratch):
    """One tag at 10 Hz for thirty days."""
    count = 1_000_000 if args.quick else 25_920_000
    records = samples.by_tag(scratch / "long", args.sets["skab"].first(), count, step_us=SECOND_US // 10)
    begin, end = int(records["time_us"][0]), int(records["time_us"][-1]) + 1
    found = {}
    with contextlib.ExitStack() as stack:
        ready = [stack.enter_context(contextlib.closing(kind())) for kind in args.contenders]
        for contender in ready:
            print(f"reads: filling {contender.NAME}", file=sys.stderr)
            contender.load(records)
            contender.tidy()
        for _ in range(args.rounds):
            for contender in ready:
                trend, points = contender.trends(0, (begin, end), 3)
                raw, all_of_it = contender.raws(0, (end - 3_600 * SECOND_US, end), 3)
                one = {"trend": statistics.median(trend), "points": points, "slowest": max(trend),
                       "hour": statistics.median(raw), "raw": all_of_it}
                found.setdefault(type(contender), []).append(one)
    (scratch / "long").unlink()
    if len({rounds[0]["raw"] for rounds in found.values()}) > 1:
        raise SystemExit(f"the last hour is not the same for all: {named(found)}")
    cells = lambda kind, rounds: (f"{median(rounds, 'trend') * 1e3:.2f}", f"{rounds[0]['points']}",
                                  f"{median(rounds, 'hour') * 1e3:.2f}", f"{rounds[0]['raw']}")
    columns = ("to 1,000 points, ms", "points or buckets", "the last hour, ms", "samples")
    trend, hour = (against_best(found, lambda one: one[key]) for key in ("trend", "hour"))
    table(f"Reading one tag, {count:,} samples at 10 Hz, warm", columns, found, cells,
          f"The best peer's over ours: trend {trend:.1f}, hour {hour:.1f}.")
    return {"samples": count, **named(found)}


def named(found):
    return {kind.NAME: rounds for kind, rounds in found.items()}


PARTS = {"backfill": backfill, "batches": batches, "reads": reads, "growth": growth.measure, "open": reopen.measure}


def main():
    args = arguments()
    # Servers are ended and folders removed then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.out.mkdir(parents=True, exist_ok=True)
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    machine = f"{os.cpu_count()} cores of an {cpu}, {platform.system()} {platform.release()}"
    print(f"{machine}; {args.rounds} interleaved rounds, medians.")
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
