#!/usr/bin/env python3
"""Writes the databases of every stored version: migrations 1 to n, applied as sqlx applies them, and rows that
`tests/stored.rs` knows. Run it from anywhere after a new migration and commit the files it adds; those that are there are what
users have, and are left alone.
"""

import gzip
import hashlib
import pathlib
import sqlite3
import struct
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
MIGRATIONS = HERE.parents[3] / "migrations" / "sqlite"
BAD = 0x80000000

# 60 samples, 10 ms apart from 0 on, of the values 0 to 59: written by `examples/seal_loop` (pco 1.1).
BLOCK = bytes.fromhex(
    "013C000000000000000000102700000000000001003C70636F210300050F0401063B0000F3126202000308F0FFFFFFFFFFEF81030000000000"
    "0000022000000000000000000000000000010000000000E07F000000000000E7D90D2DF0E9030060FFB87FDEBFEFFFF70F00D8A56686"
)

# The same with values in the second format, which came with the fourth migration.
BLOCK_2 = bytes.fromhex(
    "023C000000000000000000102700000000000001003C0170636F210300050F0401043B0000100101800000000000000040000000000000000080"
    "002D646B1D"
)


def migrated(path, kind, version):
    """A database with the first `version` migrations of a kind."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma auto_vacuum = incremental")
    db.execute("pragma journal_mode = wal")
    db.execute(
        """create table _sqlx_migrations (version bigint primary key, description text not null,
        installed_on timestamp not null default current_timestamp, success boolean not null, checksum blob not null,
        execution_time bigint not null)"""
    )
    for file in sorted((MIGRATIONS / kind).glob("*.sql"))[:version]:
        number, name = file.stem.split("_", 1)
        sql = file.read_text()
        db.executescript(sql)
        db.execute(
            "insert into _sqlx_migrations values (?, ?, '2026-01-01 00:00:00', 1, ?, 0)",
            (int(number), name.replace("_", " "), hashlib.sha384(sql.encode()).digest()),
        )
    return db


def main(db, version):
    alarm = "insert into alarm (asset, condition, phase, acknowledged, severity, message, raised_at_us, cleared_at_us) values "
    db.execute(alarm + "('Mixer', 'Score', 'active', 0, 700, 'Flow is 5 l/min above expected', 1000000, null)")
    db.execute(alarm + "('Mixer', 'Source', 'normal', 1, 500, 'plc1 is away', 2000000, 3000000)")
    db.execute("insert into alarm_contribution (alarm_id, position, tag, share, value, expected, unit) values (1, 0, 'Flow', 0.75, 65, 60, 'l/min')")
    for line in [(1, 1000000, "raised"), (2, 2000000, "raised"), (2, 3000000, "cleared")]:
        db.execute("insert into journal (alarm_id, time_us, transition) values (?, ?, ?)", line)
    db.execute("insert into model values ('Mixer', 1, 1000000, 1, '{\"kind\":\"dense\"}', '{}', x'00010203')")
    db.execute("insert into state values ('Mixer/threshold', '3.5')")
    if version >= 2:
        db.execute("update alarm set assessment = 'nuisance' where id = 2")
        db.execute("update alarm_contribution set class = 'deviation', finding = 'Flow 5 l/min above expected'")


def samples(db, version):
    db.execute("insert into asset values (1, 'Mixer')")
    db.executemany("insert into tag values (?, 1, ?)", [(1, "Flow"), (2, "Level")])
    slow = [(2, n * 1000000, n / 2 if n != 25 else None, 0 if n != 25 else BAD) for n in range(50)]
    fast = [(1, n * 10000, float(n), 0) for n in range(100)]
    rows = slow + (fast if version < 3 else [])
    db.executemany("insert into sample values (?, ?, ?, ?)", rows)
    db.execute("insert into score values (1, 1000000, 4.5, 3, 0.99, 0.98, 0.999, 'mixing', 0.25, 0)")
    columns = "tag_id, time_us, position, value, expected, expected_low, expected_high, residual, contribution, imputed"
    db.execute(f"insert into tag_score ({columns}) values (1, 1000000, 0, 65, 60, 58, 62, 5, 0.75, 0)")
    if version >= 2:
        db.execute("update tag_score set class = 'deviation', finding = 'Flow 5 l/min above expected'")
    if version >= 3:
        db.execute("insert into block_data values (1, ?)", (BLOCK if version < 4 else BLOCK_2,))
        rolled = (1, 0, 590000, 60, 1, 0, 0, 0.0, 590000, 0, 59.0, None, None, 0.0, 59.0, 1770.0, 60, 60)
        db.execute(f"insert into block values ({', '.join('?' * len(rolled))})", rolled)
        db.execute("insert into tail values (0, 1, 40, ?)", (batch(fast[60:]),))
    if version >= 4:
        db.execute("insert into broken_block values (1, 1, 5, 6, 2, x'00')")


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def batch(rows):
    """One tag's rows as a batch of the tail (see `store/src/batch.rs`)."""
    base, body, before, step = rows[0][1], b"", rows[0][1], 0
    for _, time, _, _ in rows:
        change = time - before - step
        body += varint(change << 1 if change >= 0 else (-change << 1) - 1)
        before, step = time, time - before
    body += varint(0) + varint(len(rows))
    bits = 0
    for _, _, value, _ in rows:
        now = struct.unpack(">Q", struct.pack(">d", value))[0]
        changed = (now ^ bits).to_bytes(8, "big")
        front = 8 - len(changed.lstrip(b"\0"))
        follow = changed[front:].rstrip(b"\0")
        body += bytes([front << 4 | len(follow)]) + follow
        bits = now
    out = b"\1" + struct.pack("<q", base) + bytes([rows[0][0] % 16]) + varint(len(rows)) + varint(len(body)) + body
    return out + struct.pack("<I", zlib.crc32(out))


for kind, fill in [("main", main), ("samples", samples)]:
    for version in range(1, len(list((MIGRATIONS / kind).glob("*.sql"))) + 1):
        kept = HERE / f"{kind}-{version}.db.gz"
        if kept.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "file.db"
            db = migrated(path, kind, version)
            fill(db, version)
            db.close()
            kept.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        print(f"{kept.name}: {kept.stat().st_size} bytes")
