#!/usr/bin/env python3
"""A third-party PLC for the tests: plays a recording over OPC UA, on asyncua instead of the stack under Andon.

    plc.py FILE.csv[.gz] [--port 4840] [--speed 1] [--rebase now] [--start-delay 2]

One Double variable a column, `nsu=urn:andon:test:plc;s=Plc.<column>`, below Objects/Plc. Until play begins a variable is
BadWaitingForInitialData, as in a controller that is booting. An empty cell is BadSensorFailure. Source timestamps are the
recording's own, or with --rebase now shifted to the present. Prints `ready ENDPOINT` once it listens and `done` after the
last row, and then serves that row for --linger seconds. Port 0 takes a free one.
"""

import argparse
import asyncio
import csv
import gzip
import logging
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from asyncua import Server, ua

NAMESPACE = "urn:andon:test:plc"
MISSING = {"", "na", "nan"}


@dataclass
class Row:
    """One line of the recording: a time, and a value or None for each column."""

    time: datetime
    values: list


@dataclass
class Recording:
    """A whole recording in memory."""

    columns: list
    rows: list


def parse_time(text: str) -> datetime:
    """Decimal seconds since the epoch, or RFC 3339; a time without a zone is UTC."""
    try:
        return datetime.fromtimestamp(float(text), timezone.utc)
    except ValueError:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def read(path: str) -> Recording:
    """Reads a CSV whose first column is `timestamp`."""
    opened = gzip.open(path, "rt", newline="") if path.endswith(".gz") else open(path, newline="")
    with opened as file:
        lines = csv.reader(file)
        columns = next(lines)[1:]
        cells = lambda line: [None if c.strip().lower() in MISSING else float(c) for c in line[1:]]
        return Recording(columns, [Row(parse_time(line[0]), cells(line)) for line in lines if line])


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Plc:
    """The server and its variables."""

    def __init__(self, port: int):
        self.endpoint = f"opc.tcp://127.0.0.1:{port or free_port()}"
        self.server = Server()
        self.nodes = []

    async def start(self, columns: list) -> None:
        """Listens, every variable waiting for its first value."""
        await self.server.init()
        self.server.set_endpoint(self.endpoint)
        self.server.set_server_name("Andon's test PLC")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        ns = await self.server.register_namespace(NAMESPACE)
        folder = await self.server.nodes.objects.add_folder(ua.NodeId("Plc", ns), ua.QualifiedName("Plc", ns))
        for column in columns:
            node_id, name = ua.NodeId(f"Plc.{column}", ns), ua.QualifiedName(column, ns)
            node = await folder.add_variable(node_id, name, 0.0, ua.VariantType.Double)
            self.nodes.append(node.nodeid)
            await self.write(node.nodeid, None, ua.StatusCodes.BadWaitingForInitialData, datetime.now(timezone.utc))
        await self.server.start()

    async def show(self, row: Row, shift: timedelta) -> None:
        """Writes one row into the variables."""
        for node_id, value in zip(self.nodes, row.values):
            status = ua.StatusCodes.BadSensorFailure if value is None else ua.StatusCodes.Good
            await self.write(node_id, value, status, row.time + shift)

    async def write(self, node_id: ua.NodeId, value, status: int, time: datetime) -> None:
        variant = ua.Variant() if value is None else ua.Variant(value, ua.VariantType.Double)
        data = ua.DataValue(variant, ua.StatusCode(status), SourceTimestamp=time, ServerTimestamp=time)
        await self.server.write_attribute_value(node_id, data)


async def play(plc: Plc, rows: list, args: argparse.Namespace) -> None:
    """Shows the rows at their times; late rows follow one another at once."""
    clock = asyncio.get_running_loop().time
    await asyncio.sleep(args.start_delay)
    begun, first = clock(), rows[0].time
    shift = datetime.now(timezone.utc) - first if args.rebase == "now" else timedelta()
    for row in rows:
        due = begun + (row.time - first).total_seconds() / args.speed
        await asyncio.sleep(max(0.0, due - clock()))
        await plc.show(row, shift)


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("csv")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--speed", type=float, default=1.0, help="recorded seconds in a second")
    p.add_argument("--rebase", choices=["now"], help="shift the recording to begin at the present")
    p.add_argument("--start-delay", type=float, default=0.0, help="seconds between `ready` and the first row")
    p.add_argument("--from-row", type=int, default=0)
    p.add_argument("--to-row", type=int)
    p.add_argument("--linger", type=float, default=5.0, help="seconds to go on after `done`")
    return p.parse_args()


async def main() -> None:
    args = arguments()
    logging.disable(logging.CRITICAL)
    recording = read(args.csv)
    rows = recording.rows[args.from_row : args.to_row]
    plc = Plc(args.port)
    await plc.start(recording.columns)
    print(f"ready {plc.endpoint}", flush=True)
    try:
        await play(plc, rows, args)
        print("done", flush=True)
        await asyncio.sleep(args.linger)
    finally:
        await plc.server.stop()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
