"""PostgreSQL: a row a sample under a primary key of tag and time, by binary COPY; every commit is flushed."""
import os
import pathlib
import pwd
import shutil
import subprocess

import numpy as np
import psycopg

from .contender import Missing, Server, port

# A binary COPY row: four fields, each with its length before it.
ROW = np.dtype([("fields", ">i2"), ("tag_len", ">i4"), ("tag", ">i4"), ("time_len", ">i4"), ("time", ">i8"),
                ("value_len", ">i4"), ("value", ">f8"), ("status_len", ">i4"), ("status", ">i4")])
HEAD, TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
SETTINGS = {"listen_addresses": "127.0.0.1", "shared_buffers": "1GB", "max_wal_size": "8GB", "maintenance_work_mem": "256MB",
            "wal_compression": "on", "fsync": "on", "synchronous_commit": "on", "autovacuum": "on", "work_mem": "64MB"}


class Postgres(Server):
    NAME = "PostgreSQL"

    def start(self):
        programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        server = str(programs[-1]) if programs else shutil.which("postgres")
        if not server:
            raise Missing("there is no program `postgres`: install the package postgresql")
        user, data, here = owner(), self.folder / "cluster", port()
        if user:
            os.chown(self.folder, pwd.getpwnam(user).pw_uid, -1)
        subprocess.run([pathlib.Path(server).parent / "initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-sync"],
                       check=True, capture_output=True, user=user, cwd=self.folder)
        settings = [word for key, value in SETTINGS.items() for word in ("-c", f"{key}={value}")]
        command = [server, "-D", str(data), "-p", str(here), "-k", str(self.folder), *settings]
        self.launch(command, lambda: self.connect(here), user)
        self.conn.execute("create table sample (tag integer not null, time_us bigint not null, value double precision,"
                          " status integer not null, primary key (tag, time_us))")

    def connect(self, here):
        self.conn = psycopg.connect(host="127.0.0.1", port=here, user="bench", dbname="postgres", autocommit=True)

    def encode(self, records):
        rows = np.empty(len(records), ROW)
        rows["fields"], rows["tag_len"], rows["time_len"], rows["value_len"], rows["status_len"] = 4, 4, 8, 8, 4
        rows["tag"], rows["time"] = records["tag"], records["time_us"]
        rows["value"], rows["status"] = records["value"], records["status"].view("i4")
        return HEAD + rows.tobytes() + TAIL

    def send(self, rows):
        with self.conn.cursor() as cursor, cursor.copy("copy sample from stdin (format binary)") as copy:
            copy.write(rows)

    def tidy(self):
        self.conn.execute("vacuum (freeze, analyze) sample")
        self.conn.execute("checkpoint")

    def bytes(self):
        """The table and its index; its log and catalogue are left out."""
        return self.conn.execute("select pg_total_relation_size('sample')").fetchone()[0]

    def trend(self, tag, begin, end, width):
        return self.conn.execute("select (time_us - %(begin)s) / %(width)s, min(value), max(value) from sample"
                                 " where tag = %(tag)s and time_us >= %(begin)s and time_us < %(end)s group by 1 order by 1",
                                 {"tag": tag, "begin": begin, "end": end, "width": width}).fetchall()

    def raw(self, tag, begin, end):
        return self.conn.execute("select time_us, value, status from sample where tag = %s and time_us >= %s and time_us < %s"
                                 " order by time_us", (tag, begin, end)).fetchall()

    def stop(self):
        if hasattr(self, "conn"):
            self.conn.close()
        super().stop()


def owner():
    """It refuses to run as root: the package's user then."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise Missing("it does not run as root, and there is no user `postgres`") from None
