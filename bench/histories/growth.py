"""What a sample and a read cost while a store grows: ours to a thousand million samples, peers to ten million."""
import contextlib
import statistics
import sys

import matplotlib
import samples
from contenders.andon import Andon

matplotlib.use("svg")
import matplotlib.pyplot as plot  # noqa: E402: after the choice of what it draws with

TAGS, STEP_US, HOUR_US = 64, 100_000, 3_600_000_000
# In millions.
OURS, PEERS = (1, 3, 10, 30, 100, 300, 1_000), 10


def measure(args, scratch):
    records = samples.by_tag(scratch / "growing", args.sets["skab"], 100_000 if args.quick else 1_000_000, TAGS, STEP_US)
    sizes = [len(records) * times for times in (OURS[:4] if args.quick else OURS)]
    peers_to = len(records) * PEERS
    found = {}
    for kind in args.contenders:
        print(f"growth: {kind.NAME}", file=sys.stderr)
        with contextlib.closing(kind()) as contender:
            found[kind.NAME] = ours(contender, records, sizes) if kind is Andon else theirs(contender, records, sizes, peers_to)
    say(found)
    draw(found, args.out / "growth.svg")
    return found


def ours(contender, records, sizes):
    points = []
    for said in contender.ask("grow", records.filename, 0, *sizes):
        points.append({"samples": said["samples"], "insert_us": said["insert"]["seconds"] / said["added"] * 1e6,
                       "insert_cpu_us": said["insert"]["cpu_seconds"] / said["added"] * 1e6,
                       "trend_ms": statistics.median(said["trend"]["seconds"]) * 1e3,
                       "hour_ms": statistics.median(said["hour"]["seconds"]) * 1e3, "bytes": said["bytes"] / said["samples"],
                       "peak_mb": max(said["insert"]["peak_bytes"], said["reading"]["peak_bytes"]) / 1e6})
    return points


def theirs(contender, records, sizes, most):
    """The records over and over, each time later by as long as they are, as `histories grow` plays them."""
    length = len(records) // TAGS * STEP_US
    points, stored = [], 0
    for size in (size for size in sizes if size <= most):
        before, wall, cpu = stored, 0.0, 0.0
        while stored < size:
            again = records.copy()
            again["time_us"] += stored // len(records) * length
            meter = contender.load(again)
            stored, wall, cpu = stored + len(records), wall + meter.wall, cpu + meter.cpu
        end = samples.START_US + stored // len(records) * length
        trend, _ = contender.trends(0, (samples.START_US, end), 5)
        hour, _ = contender.raws(0, (end - HOUR_US, end), 5)
        added = stored - before
        points.append({"samples": stored, "insert_us": wall / added * 1e6, "insert_cpu_us": cpu / added * 1e6,
                       "trend_ms": statistics.median(trend) * 1e3, "hour_ms": statistics.median(hour) * 1e3})
    return points


def say(found):
    print(f"\n### Growth: {TAGS} tags at 10 Hz, tag after tag, 26 minutes at a time\n")
    print("| | samples | us a sample | of them processor | one tag to 1,000 points, ms | its last hour, ms | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for name, points in found.items():
        for p in points:
            peak = f"{p['peak_mb']:.0f}" if "peak_mb" in p else ""
            print(f"| {name} | {p['samples']:,} | {p['insert_us']:.3f} | {p['insert_cpu_us']:.3f} | {p['trend_ms']:.2f} "
                  f"| {p['hour_ms']:.2f} | {peak} |", flush=True)


def draw(found, file):
    plot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "andon", "font.size": 9})
    figure, axes = plot.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for ax, key, title in zip(axes, ("insert_us", "trend_ms", "hour_ms"),
                              ("a sample stored, µs", "one tag to 1,000 points, ms", "its last hour, ms")):
        for name, points in found.items():
            bold = {"linewidth": 2.2, "color": "black"} if name == Andon.NAME else {"linewidth": 1}
            ax.loglog([p["samples"] for p in points], [p[key] for p in points], marker="o", markersize=3, label=name, **bold)
        ax.set(title=title, xlabel="samples in the store")
        ax.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(found), frameon=False)
    figure.savefig(file, metadata={"Date": None})
    plot.close(figure)
