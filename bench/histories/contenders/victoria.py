"""VictoriaMetrics: a series a tag, by its import of JSON lines.

It stores numbers only: the status is a series of its own with a point where it changes. It has no log; what it was sent in the last
seconds is in memory only, so a backfill ends with a forced flush and batches are not durable.
"""
import http.client
import json
import urllib.parse

import numpy as np

from .contender import Server, port, program, settled, size


class Victoria(Server):
    NAME = "VictoriaMetrics"
    CHUNK = 500_000
    NOTE = "batches not durable; times in ms"

    def start(self):
        self.port = port()
        command = [program("victoria-metrics"), f"-storageDataPath={self.folder}/data", "-retentionPeriod=100y",
                   f"-httpListenAddr=127.0.0.1:{self.port}", "-search.maxQueryDuration=10m", "-http.connTimeout=24h",
                   "-http.idleConnTimeout=24h", "-loggerLevel=WARN"]
        self.statuses = {}
        self.launch(command, lambda: self.ask("GET", "/health"))

    def ask(self, method, path, body=None, **query):
        if not hasattr(self, "http"):
            self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            self.http.request(method, f"{path}?{urllib.parse.urlencode(query)}", body)
            answer = self.http.getresponse()
            said = answer.read()
        except OSError:
            del self.http
            raise
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {said[:200]}")
        return said

    def encode(self, records):
        order = np.argsort(records["tag"], kind="stable")
        records = records[order]
        ends = np.flatnonzero(np.diff(records["tag"])) + 1
        return "".join(self.lines(run) for whole in np.split(records, ends) for run in pieces(whole)).encode()

    def lines(self, run):
        tag, status = int(run["tag"][0]), run["status"]
        before = np.concatenate(([self.statuses.get(tag, -1)], status[:-1].astype("i8")))
        changed, self.statuses[tag] = run[status != before], int(status[-1])
        lines = line("value", tag, run["time_us"], run["value"])
        return lines + (line("status", tag, changed["time_us"], changed["status"]) if len(changed) else "")

    def send(self, lines):
        self.ask("POST", "/api/v1/import", lines)

    def settle(self):
        self.ask("GET", "/internal/force_flush")

    def tidy(self):
        self.settle()
        self.ask("GET", "/internal/force_merge")
        settled(self.bytes)

    def bytes(self):
        return size(self.folder / "data/data") + size(self.folder / "data/indexdb")

    def trend(self, tag, begin, end, width):
        """Lowest, highest and mean of each step; its cache of answers is left out, or nothing would be read."""
        step = f"{width // 1000}ms"
        said = self.ask("GET", "/api/v1/query_range", query=f'rollup(value{{tag="{tag}"}}[{step}])',
                        start=(begin + width) / 1e6, end=end / 1e6, step=step, nocache=1)
        return json.loads(said)["data"]["result"][0]["values"]

    def raw(self, tag, begin, end):
        said = self.ask("GET", "/api/v1/export", start=begin / 1e6, end=(end - 1_000) / 1e6,
                        **{"match[]": f'value{{tag="{tag}"}}'})
        return [time for one in said.splitlines() for time in json.loads(one)["timestamps"]]


def pieces(run, most=10_000):
    return (run[begin : begin + most] for begin in range(0, len(run), most))


def line(name, tag, times, values):
    return json.dumps({"metric": {"__name__": name, "tag": str(tag)}, "values": values.tolist(),
                       "timestamps": (times // 1000).tolist()}, separators=(",", ":")) + "\n"
