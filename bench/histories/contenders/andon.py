"""Ours: `crates/store/examples/histories`, a process for each thing asked. It reads the records from their file on the clock."""
import json
import os
import subprocess
import types

from .contender import Contender


class Andon(Contender):
    NAME = "andon"

    def ask(self, command, *arguments):
        """The results of a command, one a line."""
        words = [os.environ["HISTORIES"], command, self.folder / "andon.db", *map(str, arguments)]
        said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        return [json.loads(line) for line in said.splitlines()]

    def load(self, records):
        [said] = self.ask("bulk", records.filename)
        return meter(said["flushed"])

    def append(self, records, pace_s=0.0):
        [said] = self.ask("batches", records.filename, *([int(pace_s * 1000)] if pace_s else []))
        return meter(said["flushed"]), said["waits"]

    def trends(self, tag, span, times):
        [said] = self.ask("read", tag, 1_000, times)
        return said["trend"]["seconds"], said["trend"]["points"]

    def raws(self, tag, span, times):
        [said] = self.ask("read", tag, 1_000, times)
        return said["hour"]["seconds"], said["hour"]["points"]

    def bytes(self):
        """The file of samples; that of alarms and models has none."""
        return sum(file.stat().st_size for file in self.folder.glob("andon.samples.db*"))


def meter(spent):
    return types.SimpleNamespace(wall=spent["seconds"], cpu=spent["cpu_seconds"], peak=spent["peak_bytes"])
