"""Parquet with zstd: a file a piece, sorted by tag and time, row groups of 131,072 and a page index; read by DuckDB.

The encodings are those that were smallest on these recordings: times as packed differences, values by dictionary where they repeat
and else as split bytes.
"""
import os

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from .contender import Contender


class Parquet(Contender):
    NAME = "Parquet + zstd"
    CHUNK = 5_000_000
    NOTE = "can't append: a new file each time"

    def start(self):
        self.files, self.conn = 0, duckdb.connect()

    def encode(self, records):
        return pa.table({name: pa.array(records[name].copy()) for name in ("tag", "time_us", "value", "status")})

    def send(self, piece):
        self.files += 1
        with open(self.folder / f"{self.files:06}.parquet", "wb") as out:
            pq.write_table(piece, out, compression="zstd", compression_level=3, row_group_size=131_072,
                           use_dictionary=["tag", "value", "status"], write_page_index=True,
                           column_encoding={"time_us": "DELTA_BINARY_PACKED"})
            out.flush()
            os.fsync(out.fileno())

    def trend(self, tag, begin, end, width):
        return self.conn.execute("select (time_us - $2) // $4 as bucket, min(value), max(value) from read_parquet($5)"
                                 " where tag = $1 and time_us >= $2 and time_us < $3 group by 1 order by 1",
                                 [tag, begin, end, width, f"{self.folder}/*.parquet"]).fetchall()

    def raw(self, tag, begin, end):
        return self.conn.execute("select time_us, value, status from read_parquet($4)"
                                 " where tag = $1 and time_us >= $2 and time_us < $3 order by time_us",
                                 [tag, begin, end, f"{self.folder}/*.parquet"]).fetchnumpy()["time_us"]

    def stop(self):
        self.conn.close()
