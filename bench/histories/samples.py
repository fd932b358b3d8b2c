"""The samples every contender is given: a neutral file of records, made from recordings.

A record is 24 bytes: time in microseconds, value, number of the tag, OPC UA status code. A recording is repeated until there is
enough of it, each time one step of its last decimal higher, so that no compressor finds the repetition.
"""
import copy
import csv
import datetime
import gzip
import pathlib

import numpy as np

RECORD = np.dtype([("time_us", "<i8"), ("value", "<f8"), ("tag", "<u4"), ("status", "<u4")])
START_US = 1_700_000_000_000_000
# The plant of the paper.
TAGS, HZ, SCANS = 847, 100, 10


class Recording:
    """Rows of several files, one after another: times from 0, a column of values for each tag, and its decimals."""

    def __init__(self, files):
        times, rows, self.decimals = [], [], None
        for file in files:
            with gzip.open(file, "rt") if file.suffix == ".gz" else open(file) as lines:
                header, *cells = csv.reader(lines)
            keep = [n for n, name in enumerate(header) if name not in ("timestamp", "label", "mode")]
            cells = [row for row in cells if all(row[n] for n in keep)]
            decimals = [max(digits(row[n]) for row in cells) for n in keep]
            self.decimals = np.maximum(decimals, self.decimals) if self.decimals is not None else np.array(decimals)
            here = np.array([microseconds(row[0]) for row in cells])
            begin = times[-1][-1] + np.median(np.diff(times[-1])).astype("i8") if times else 0
            times.append(here - here[0] + begin)
            rows.append(np.array([[float(row[n]) for n in keep] for row in cells]))
        self.times, self.values = np.concatenate(times), np.concatenate(rows)

    def column(self, tag, rows):
        """The tag's first values of the recording played over and over."""
        place = np.arange(rows)
        values, decimals = self.values[:, tag], int(self.decimals[tag])
        return np.round(values[place % len(values)] + (place // len(values)) * 10.0**-decimals, decimals)

    def clock(self, rows):
        """The times of the first rows of the recording played over and over."""
        place, round_us = np.arange(rows), self.times[-1] + np.median(np.diff(self.times)).astype("i8")
        return START_US + self.times[place % len(self.times)] + place // len(self.times) * round_us

    def first(self):
        """Its first tag alone."""
        one = copy.copy(self)
        one.values, one.decimals = self.values[:, :1], self.decimals[:1]
        return one

    @property
    def tags(self):
        return self.values.shape[1]


def digits(text):
    """How many decimals a number is written with; `5.4e-05` has six."""
    mantissa, _, exponent = text.lower().partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))


def microseconds(text):
    if "T" in text:
        return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6)
    return round(float(text) * 1e6)


def recordings(data, simulated):
    """The sets by name: what is given in DATA, and the simulated plant."""
    sets = {name: distinct(sorted((data / name).glob("*/*.csv.gz"), key=before)) for name in ("skab", "smd", "tep")}
    return {name: Recording(files) for name, files in sets.items()} | {"simulator": Recording([simulated])}


def distinct(files):
    """Each content once: series of one set may share a training part."""
    return list({gzip.decompress(file.read_bytes()): file for file in reversed(files)}.values())[::-1]


def before(file):
    """A series' training part comes before its test."""
    return file.parent, file.name != "train.csv.gz"


def by_tag(file, recording, samples, tags=None, step_us=None):
    """A backfill, tag after tag, at the recording's own pace or with a step of `step_us`. More tags than there are columns play
    them again, 37 rows later each time."""
    tags = tags or recording.tags
    rows = samples // tags
    times = recording.clock(rows) if step_us is None else START_US + np.arange(rows) * step_us
    with open(file, "wb") as out:
        for tag in range(tags):
            records(tag, times, column(recording, tag, rows)).tofile(out)
    return read(file)


def by_time(file, recording, batches):
    """Scans of the paper's plant as they come: 847 tags at 100 Hz, 10 scans a batch."""
    scans = batches * SCANS
    table = np.zeros((scans, TAGS), RECORD)
    table["time_us"] = (START_US + np.arange(scans) * (1_000_000 // HZ))[:, None]
    table["tag"] = np.arange(TAGS)
    for tag in range(TAGS):
        table["value"][:, tag] = column(recording, tag, scans)
    table.tofile(file)
    return read(file)


def column(recording, tag, rows):
    again, tag = divmod(tag, recording.tags)
    return np.roll(recording.column(tag, rows), -37 * again)


def records(tag, times, values):
    table = np.zeros(len(times), RECORD)
    table["time_us"], table["value"], table["tag"] = times, values, tag
    return table


def read(file):
    return np.memmap(pathlib.Path(file), RECORD, "r")
