#!/usr/bin/env python3
"""What taking part costs a line: bench/run line. A network of nodes of ours in namespaces with global addresses (tests/e2e/wan_lib.py), in which all serve the DHT but three:
one without DHT that stays connected with eight, one client, and one that is a server and is looked at. Of these the bytes at their network device, everything included,
the connections, memory and processor time, while nobody wants anything; then what a look-up of a client moves for a content that nobody has.

CRUST_BENCH_NODES: how many (24). CRUST_BENCH_SECONDS: how long they are looked at (1210: two refreshes of every table)."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/e2e"))
import bitswap_lib
import wan_lib
from bench_lib import cpu, rss
from wan_lib import Crust

NODES = int(os.environ.get("CRUST_BENCH_NODES", "24"))
SECONDS = int(os.environ.get("CRUST_BENCH_SECONDS", "1210"))
CONTENTS, LOOKUPS = 20, 20


def device(name):
    """Bytes and packets, in and out."""
    out = subprocess.run(["ip", "-n", name, "-s", "-j", "link", "show", "eth0"], capture_output=True, text=True, check=True).stdout
    stats = json.loads(out)[0]["stats64"]
    return [stats[way][what] for what in ("bytes", "packets") for way in ("rx", "tx")]


def peers(node):
    return len(node.json("swarm", "peers")["peers"])


def look_up(node, cid):
    url = f"http://127.0.0.1:5001/api/v0/routing/findprovs?arg={cid}&timeout=60s"
    subprocess.run(wan_lib.at(node.name, "curl", "-s", "--max-time", 90, "-X", "POST", url), capture_output=True, check=True)


def main():
    reason = wan_lib.enter()
    if reason:
        print(f"line: left out: {reason}")
        return
    wan_lib.begin()
    first = Crust("s1", "--p2p-dht", "server", "--p2p-bootstrap", "", address="60.41.8.1")
    first.ready()
    servers = [first] + [Crust(f"s{i}", "--p2p-dht", "server", "--p2p-bootstrap", first.address, address=f"{60 + i}.41.8.1") for i in range(2, NODES - 1)]
    for s in servers:
        s.ready()
    quiet = Crust("quiet", "--p2p-dht", "off", "--p2p-peers", ",".join(s.address for s in servers[:8]), address="120.41.8.1")
    client = Crust("client", "--p2p-dht", "client", "--p2p-bootstrap", first.address, "--kubo-rpc", address="121.41.8.1")
    seen = {"without DHT, 8 peers": quiet, "DHT client": client, "DHT server": servers[5]}
    for node in (quiet, client):
        node.ready()
    for node in (client, *servers):
        for i in range(CONTENTS):
            node.add(f"{node.name} {i}".encode())
    for node in (client, *servers):
        wan_lib.until(lambda: max(net["told"] for net in node.json("swarm", "dht")["nets"]) >= CONTENTS, f"{node.name} has told all", 300)
    time.sleep(60)  # until what was told is told, and connections of look-ups are done
    before = {what: (device(n.name), cpu(n.process.pid)) for what, n in seen.items()}
    most = {what: 0 for what in seen}
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for what, n in seen.items():
            most[what] = max(most[what], peers(n))
        time.sleep(min(20, max(0, end - time.monotonic())))
    print(f"{NODES} nodes, {SECONDS} s, nobody wants anything; each but the first told the DHT of {CONTENTS} contents")
    for what, n in seen.items():
        was, used = before[what]
        got = [(b - a) / SECONDS for a, b in zip(was, device(n.name))]
        print(f"{what:24} in {got[0]:7.0f} B/s, out {got[1]:7.0f} B/s, packets {got[2]:5.1f} and {got[3]:5.1f} /s; {most[what]} connections at most; "
              f"{rss(n.process.pid):.0f} MiB; {(cpu(n.process.pid) - used) / SECONDS * 100:.2f} % of a core", flush=True)
    was, begun = device(client.name), time.monotonic()
    for i in range(LOOKUPS):
        look_up(client, bitswap_lib.raw_cid(hashlib.sha256(b"nobody has it %d" % i).digest()))
    took = (time.monotonic() - begun) / LOOKUPS
    got = [(b - a) / LOOKUPS / 1024 for a, b in zip(was, device(client.name))]
    print(f"a look-up of the client: {took:.1f} s, in {got[0]:.0f} KiB, out {got[1]:.0f} KiB")


try:
    main()
finally:
    wan_lib.stop_all()
