"""A row a sample in SQLite: a table without rowid, a write-ahead log that is flushed at every commit."""
import sqlite3

from .contender import Contender


class Sqlite(Contender):
    NAME = "SQLite rows"

    def start(self):
        self.conn = sqlite3.connect(self.folder / "rows.db", isolation_level=None)
        for line in ("journal_mode = wal", "synchronous = full", "cache_size = -262144", "mmap_size = 4294967296"):
            self.conn.execute(f"pragma {line}")
        self.conn.execute("create table sample (tag_id integer not null, time_us integer not null, value real,"
                          " status integer not null, primary key (tag_id, time_us)) strict, without rowid")

    def encode(self, records):
        return list(zip(*(records[name].tolist() for name in ("tag", "time_us", "value", "status"))))

    def send(self, rows):
        self.conn.execute("begin")
        self.conn.executemany("insert into sample values (?, ?, ?, ?)", rows)
        self.conn.execute("commit")

    def tidy(self):
        self.conn.execute("pragma wal_checkpoint(truncate)")
        self.conn.execute("analyze")

    def trend(self, tag, begin, end, width):
        return self.conn.execute("select (time_us - ?2) / ?4, min(value), max(value) from sample"
                                 " where tag_id = ?1 and time_us >= ?2 and time_us < ?3 group by 1",
                                 (tag, begin, end, width)).fetchall()

    def raw(self, tag, begin, end):
        return self.conn.execute("select time_us, value, status from sample"
                                 " where tag_id = ? and time_us >= ? and time_us < ? order by time_us",
                                 (tag, begin, end)).fetchall()

    def stop(self):
        self.conn.close()
