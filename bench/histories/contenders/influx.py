"""InfluxDB 1.x: line protocol, gzipped, 10,000 lines a request; value and status are fields, the tag is a tag.

Its log is flushed before it answers (`wal-fsync-delay` 0). One shard takes 52 weeks, as is recommended for a backfill.
"""
import gzip
import json

from .contender import port, program, settled, size
from .victoria import Victoria

LINES = 10_000


class Influx(Victoria):
    NAME = "InfluxDB"
    CHUNK = 100_000
    NOTE = ""

    def start(self):
        self.port = port()
        config = self.folder / "influxdb.conf"
        config.write_text(f'''reporting-disabled = true
bind-address = "127.0.0.1:{port()}"
[meta]
dir = "{self.folder}/meta"
[data]
dir = "{self.folder}/data"
wal-dir = "{self.folder}/wal"
index-version = "tsi1"
wal-fsync-delay = "0s"
cache-max-memory-size = "4g"
compact-full-write-cold-duration = "5s"
cache-snapshot-write-cold-duration = "5s"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
max-row-limit = 0
[monitor]
store-enabled = false
''')
        self.launch([program("influxd"), "-config", str(config)], lambda: self.ask("GET", "/ping"))
        self.ask("POST", "/query", q="create database plant with duration inf shard duration 52w")

    def encode(self, records):
        columns = (records[name].tolist() for name in ("tag", "value", "status", "time_us"))
        lines = [f"s,t={tag} v={value!r},q={status}i {time_us}" for tag, value, status, time_us in zip(*columns)]
        return [gzip.compress("\n".join(lines[n : n + LINES]).encode(), 1) for n in range(0, len(lines), LINES)]

    def send(self, requests):
        for body in requests:
            self.http.request("POST", "/write?db=plant&precision=u", body, {"Content-Encoding": "gzip"})
            answer = self.http.getresponse()
            said = answer.read()
            if answer.status != 204:
                raise RuntimeError(f"/write: {answer.status} {said[:200]}")

    def settle(self):
        """Its log is durable: nothing is left to do."""

    def tidy(self):
        settled(self.bytes, rounds=15)

    def bytes(self):
        return size(self.folder / "data") + size(self.folder / "wal")

    def rows(self, select, tag, begin, end, group=""):
        text = f"select {select} from s where t = '{tag}' and time >= {begin}u and time < {end}u{group}"
        result = json.loads(self.ask("GET", "/query", db="plant", q=text, epoch="u"))["results"][0]
        return result["series"][0]["values"]

    def trend(self, tag, begin, end, width):
        return self.rows("min(v), max(v)", tag, begin, end, f" group by time({width}u, {begin % width}u)")

    def raw(self, tag, begin, end):
        return self.rows("v, q", tag, begin, end)
