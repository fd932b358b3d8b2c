"""How long our store takes to open after kill -9, with as many rows of blocks as 50 GB have.

The rows are written with SQL and their data is eight bytes instead of about 5,500: opening could depend on how many there are.
"""
import contextlib
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time

import samples
from contenders.andon import Andon

BLOCKS = 9_000_000
BLOCK_US = 400_000_000


def measure(args, scratch):
    blocks = 100_000 if args.quick else BLOCKS
    records = samples.by_time(scratch / "scans", args.sets["skab"], 600)
    found = []
    with contextlib.closing(Andon()) as store:
        store.load(samples.by_tag(scratch / "few", args.sets["skab"], 847 * 10, samples.TAGS))
        fill(store.folder / "andon.samples.db", blocks)
        for _ in range(max(3, args.rounds)):
            log_bytes = killed(store, records)
            [said] = store.ask("open", 0)
            found.append({**said, "log_bytes": log_bytes})
        size = store.bytes()
    opened, first = (statistics.median(one[key]["seconds"] for one in found) * 1e3 for key in ("open", "first_read"))
    peak = max(one["first_read"]["peak_bytes"] for one in found) / 1e6
    log = max(one["log_bytes"] for one in found) / 1e6
    print(f"\n### Opened after kill -9\n\nWith {blocks:,} rows of blocks (a file of {size / 1e9:.2f} GB) and a log of {log:.1f} MB: open in "
          f"{opened:.0f} ms, the newest sample of a tag read after {first:.0f} ms, {peak:.0f} MB resident at most; "
          f"{len(found)} kills, medians.", flush=True)
    return {"blocks": blocks, "bytes": size, "kills": found}


def fill(file, blocks):
    """As many rows as asked for, the blocks of all tags one after another, before what is there."""
    conn = sqlite3.connect(file)
    conn.execute("pragma synchronous = off")
    tags = conn.execute("select count(*) from tag").fetchone()[0]
    each, first_id = -(-blocks // tags), conn.execute("select coalesce(max(id), 0) + 1 from block_data").fetchone()[0]
    conn.execute("insert into block_data with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?)"
                 " select ? + i, zeroblob(8) from n", (each * tags, first_id))
    conn.execute("insert into block (tag_id, first_us, last_us, count, data_id, min_us, min_status, min, max_us, max_status, max,"
                 " first, last, sum, usable, good)"
                 " with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?1)"
                 " select tag.id, ?2 + i * ?3, ?2 + i * ?3 + ?3 - 1, 4096, ?4 + (tag.id - 1) * ?1 + i, ?2 + i * ?3, 0, 1.5,"
                 " ?2 + i * ?3 + 9, 0, 2.5, 1.75, 2.25, 8192.5, 4096, 4096 from tag, n order by tag.id, i",
                 (each, samples.START_US - each * BLOCK_US, BLOCK_US, first_id))
    conn.commit()
    conn.close()


def killed(store, records):
    """Ends a process of ours in the midst of its batches; how large its log was then."""
    log = store.folder / "andon.samples.db-wal"
    command = [os.environ["HISTORIES"], "batches", store.folder / "andon.db", records.filename, "20"]
    process = subprocess.Popen(command, stdout=sys.stderr)
    try:
        time.sleep(3)
        if process.poll() is not None:
            raise SystemExit("it had ended before it was killed")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return log.stat().st_size
