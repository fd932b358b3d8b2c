"""DuckDB: columns, sorted by tag and time so that zone maps find a span, handed over as Arrow without a copy."""
import duckdb
import pyarrow as pa

from .contender import Contender


class Duck(Contender):
    NAME = "DuckDB"
    CHUNK = 2_000_000

    def start(self):
        self.conn = duckdb.connect(str(self.folder / "columns.duckdb"))
        self.conn.execute("create table sample (tag integer not null, time_us bigint not null, value double,"
                          " status uinteger not null)")

    def encode(self, records):
        return pa.table({name: pa.array(records[name].copy()) for name in ("tag", "time_us", "value", "status")})

    def send(self, piece):
        self.conn.register("piece", piece)
        self.conn.execute("insert into sample select * from piece")

    def settle(self):
        self.conn.execute("checkpoint")

    tidy = settle

    def trend(self, tag, begin, end, width):
        return self.conn.execute("select (time_us - $2) // $4 as bucket, min(value), max(value) from sample"
                                 " where tag = $1 and time_us >= $2 and time_us < $3 group by 1 order by 1",
                                 [tag, begin, end, width]).fetchall()

    def raw(self, tag, begin, end):
        return self.conn.execute("select time_us, value, status from sample"
                                 " where tag = ? and time_us >= ? and time_us < ? order by time_us",
                                 [tag, begin, end]).fetchnumpy()["time_us"]

    def stop(self):
        self.conn.close()
