#!/usr/bin/env python3
"""Reads a running Andon back as an operator's HMI would, on asyncua, and prints what it saw as one JSON object.

    read_back.py opc.tcp://127.0.0.1:4850 ASSET [--seconds 5]

`score.live` is what a subscription delivered in --seconds, `score.history` what HistoryRead has of the same span, and
`score.missing` how many good live values the history lacks or has otherwise. `alarms` has the mirror variables of every
condition, `tags` each tag's value and expectation. Exit 1 with a sentence on standard error if something is not there.
"""

import argparse
import asyncio
import json
import logging
import sys
from datetime import datetime, timedelta

from asyncua import Client, Node, ua

NAMESPACE = "urn:andon:ua"
MIRROR = ["Active", "Acknowledged", "Shelved", "Severity", "Message", "ActiveTime"]
TAG = ["Value", "Expected", "ExpectedLow", "ExpectedHigh"]


class Live:
    """Keeps what a subscription delivers."""

    def __init__(self):
        self.values = []

    def datachange_notification(self, _node, _value, data):
        self.values.append(data.monitored_item.Value)


def plain(value):
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ua.LocalizedText):
        return value.Text
    return value


def point(data: ua.DataValue) -> dict:
    """One DataValue: source time, value, name of the status."""
    return {"time": plain(data.SourceTimestamp), "value": plain(data.Value.Value), "status": data.StatusCode.name}


async def children(node: Node) -> dict:
    """A node's children by browse name."""
    return {(await child.read_browse_name()).Name: child for child in await node.get_children()}


async def read(nodes: dict, names: list) -> dict:
    """The values of the named variables, whatever their status; a name that is not there is an error."""
    found = {}
    for name in names:
        if name not in nodes:
            raise LookupError(f"{name} is missing among {sorted(nodes)}")
        found[name] = plain((await nodes[name].read_data_value(raise_on_bad_status=False)).Value.Value)
    return found


async def score(client: Client, node: Node, seconds: float) -> dict:
    """The score by subscription and by HistoryRead over the same span."""
    live = Live()
    subscription = await client.create_subscription(100, live)
    await subscription.subscribe_data_change(node, queuesize=1000)
    await asyncio.sleep(seconds)
    await subscription.delete()
    good = [v for v in live.values if v.StatusCode.is_good() and v.SourceTimestamp]
    history = []
    if good:
        end = good[-1].SourceTimestamp + timedelta(milliseconds=1)
        history = await node.read_raw_history(good[0].SourceTimestamp, end)
    kept = {v.SourceTimestamp: v.Value.Value for v in history}
    missing = sum(1 for v in good if kept.get(v.SourceTimestamp) != v.Value.Value)
    return {"live": [point(v) for v in live.values], "history": [point(v) for v in history], "missing": missing}


async def read_asset(client: Client, asset: str, seconds: float) -> dict:
    ns = await client.get_namespace_index(NAMESPACE)
    nodes = await children(client.get_node(ua.NodeId(asset, ns)))
    if not nodes:
        raise LookupError(f"there is no asset {asset}")
    for name in ("Score", "Alarms", "Tags"):
        if name not in nodes:
            raise LookupError(f"asset {asset} has no {name}; it has {sorted(nodes)}")
    alarms = {name: await read(await children(node), MIRROR) for name, node in (await children(nodes["Alarms"])).items()}
    tags = {name: await read(await children(node), TAG) for name, node in (await children(nodes["Tags"])).items()}
    facts = await read(nodes, ["State", "OperatingMode", "Threshold", "ImputedShare"])
    return {"asset": asset, **facts, "alarms": alarms, "tags": tags, "score": await score(client, nodes["Score"], seconds)}


async def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("endpoint")
    p.add_argument("asset")
    p.add_argument("--seconds", type=float, default=5.0)
    args = p.parse_args()
    logging.disable(logging.CRITICAL)
    try:
        async with Client(args.endpoint) as client:
            print(json.dumps(await read_asset(client, args.asset, args.seconds)))
        return 0
    except (LookupError, OSError, ua.UaError, asyncio.TimeoutError) as why:
        print(f"read_back: {args.endpoint}: {why}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
