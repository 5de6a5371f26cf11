#!/usr/bin/env python3
"""Bitswap beside Kubo v0.42.0 on the same machine in the same run: bench/run bitswap. Everything takes turns, so that a busy moment meets all; medians.

ours: crust-ipfsd serves, bitswap_peer (our swarm and exchange over our block store) fetches and commits; Kubo: `ipfs pin add`. CRUST_BENCH_MIB: size of the file (512)."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / "tests/e2e"))
import kubo_lib
from bench_lib import cpu, rss

bins, tool = root / "build/release/bin", root / "build/release/tools/bitswap_peer"
work = pathlib.Path(tempfile.mkdtemp(prefix="crust-bitswap-", dir=os.environ.get("CRUST_BENCH_DIR")))
MIB = int(os.environ.get("CRUST_BENCH_MIB", "512"))
ROUNDS = int(os.environ.get("CRUST_BENCH_ROUNDS", "3"))


class Node:
    """crust-ipfsd, with its gateway reading from peers."""

    def __init__(self, name, *args):
        self.home = work / name
        self.home.mkdir()
        self.log = self.home / "log"
        self.process = subprocess.Popen([bins / "crust-ipfsd", "--home", self.home, "--p2p", "--p2p-dht", "off", "--allow-private-origins", "--p2p-listen", "/ip4/127.0.0.1/tcp/0",
                                         "--store-reserve", "0", "--gateway-port", "0", "--gateway-remote", *args], stdout=subprocess.DEVNULL, stderr=open(self.log, "w"))
        self.pid = self.process.pid
        self.address = self.wait(r"p2p-listening .*address=(\S+)")
        self.url = self.wait(r" gateway .*url=\"?(http[^\"\s]+)")

    def wait(self, pattern):
        end = time.time() + 60
        while True:
            m = re.search(pattern, self.log.read_text())
            if m:
                return m.group(1)
            if time.time() > end:
                raise RuntimeError(f"no {pattern}: {self.log.read_text()[-500:]}")
            time.sleep(0.05)

    def add(self, path, *args):
        return subprocess.run([bins / "crust", "add", "-Q", *args, path], env=dict(os.environ, CRUST_HOME=str(self.home)), capture_output=True, text=True,
                              check=True).stdout.strip()


def ours_fetch(address, cid, server):
    """Seconds from the first want to the commit, processor seconds of both sides, MiB of memory of ours."""
    into = pathlib.Path(tempfile.mkdtemp(dir=work))
    before = cpu(server)
    usage = os.times()
    p = subprocess.run([tool, "fetch", address, cid, "any", "early", into], capture_output=True, text=True, check=True)
    after = os.times()
    line = json.loads(p.stdout)
    shutil.rmtree(into)
    used = cpu(server) - before + after.children_user + after.children_system - usage.children_user - usage.children_system
    return line["ms"] / 1000, used, line["first_ms"]


def kubo_fetch(k, address, cid, server):
    k.ipfs("swarm", "connect", address)
    before = cpu(server) + cpu(k.daemon.pid)
    start = time.perf_counter()
    k.ipfs("pin", "add", cid)
    took = time.perf_counter() - start
    used = cpu(server) + cpu(k.daemon.pid) - before
    k.ipfs("pin", "rm", cid)
    k.ipfs("repo", "gc", "-q")
    return took, used, 0


def gateway_fetch(address, cid, server):
    """A fresh crust-ipfsd reads it from the peer for curl."""
    n = Node(f"reader{time.monotonic_ns()}", "--p2p-peers", address)
    n.wait(r"(peer-identified)")
    before = cpu(server)
    out = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{time_total} %{time_starttransfer} %{size_download}", f"{n.url}/ipfs/{cid}"], capture_output=True, text=True, check=True)
    total, first, size = map(float, out.stdout.split())
    assert size == MIB << 20, out.stdout
    used = cpu(server) - before + cpu(n.pid)
    peak = rss(n.pid, "VmHWM")
    n.process.terminate()
    n.process.wait()
    return total, used, first * 1000, peak


def row(what, ours, other, ratio, goal):
    verdict = "ok" if ratio >= float(goal) else "MISSED"
    print(f"{what:44s} {ours:>22s} {other:>30s} {ratio:>7.2f}   goal {goal:4s} {verdict}", flush=True)


def main():
    if not kubo_lib.there():
        print("left out: no Kubo (tools/install-kubo)")
        return
    data = work / "file"
    with open(data, "wb") as f:
        for _ in range(MIB):
            f.write(os.urandom(1 << 20))
    us = Node("us")
    k1, k2 = kubo_lib.Kubo(folder=work), kubo_lib.Kubo(folder=work)
    idle = {"ours": rss(us.pid), "kubo": rss(k1.daemon.pid)}
    at_rest = {"ours": cpu(us.pid), "kubo": cpu(k1.daemon.pid)}
    time.sleep(10)
    at_rest = {"ours": (cpu(us.pid) - at_rest["ours"]) * 10, "kubo": (cpu(k1.daemon.pid) - at_rest["kubo"]) * 10}
    for profile in ("unixfs-v1-2025", "unixfs-v0-2015"):
        cid = us.add(data, "--profile", profile)
        k1.ipfs("swarm", "connect", us.address)
        k1.ipfs("pin", "add", cid)
        runs = {"oo": [], "kk": [], "ko": [], "ok": [], "gw": []}
        for _ in range(ROUNDS):
            runs["oo"].append(ours_fetch(us.address, cid, us.pid))
            runs["kk"].append(kubo_fetch(k2, k1.address, cid, k1.daemon.pid))
            k2.ipfs("swarm", "disconnect", k1.address)
            runs["ko"].append(kubo_fetch(k2, us.address, cid, us.pid))
            k2.ipfs("swarm", "disconnect", us.address)
            runs["ok"].append(ours_fetch(k1.address, cid, k1.daemon.pid))
            runs["gw"].append(gateway_fetch(us.address, cid, us.pid))
        s = {k: statistics.median(r[0] for r in v) for k, v in runs.items()}
        c = {k: statistics.median(r[1] for r in v) for k, v in runs.items()}

        def text(k):
            return f"{MIB / s[k]:.0f} MiB/s ({c[k] * 1000 / MIB:.1f} ms/MiB)"
        print(f"-- {MIB} MiB, {profile}: MiB/s, and processor time of both sides for a MiB", flush=True)
        row("ours from ours, into the store", text("oo"), f"Kubo from Kubo {text('kk')}", s["kk"] / s["oo"], "2")
        row("the same in processor time", "", "", c["kk"] / c["oo"], "2")
        row("ours from ours, gateway and curl", text("gw"), f"Kubo from Kubo {text('kk')}", s["kk"] / s["gw"], "1")
        row("Kubo from ours", text("ko"), f"Kubo from Kubo {text('kk')}", s["kk"] / s["ko"], "1")
        row("ours from Kubo", text("ok"), f"Kubo from Kubo {text('kk')}", s["kk"] / s["ok"], "1")
        print(f"time to first byte: exchange {statistics.median(r[2] for r in runs['oo']):.0f} ms, gateway {statistics.median(r[2] for r in runs['gw']):.0f} ms; "
              f"crust-ipfsd as reader at most {max(r[3] for r in runs['gw']):.0f} MiB", flush=True)
        k1.ipfs("pin", "rm", cid)
        k1.ipfs("repo", "gc", "-q")
    row("memory idle", f"{idle['ours']:.0f} MiB", f"Kubo {idle['kubo']:.0f} MiB", 64 / idle["ours"], "1")
    row("memory after serving", f"{rss(us.pid):.0f} MiB", f"Kubo {rss(k1.daemon.pid):.0f} MiB", 128 / rss(us.pid, "VmHWM"), "1")
    print(f"idle for 10 s: {at_rest['ours']:.1f} % of a core, Kubo {at_rest['kubo']:.1f} %", flush=True)
    us.process.terminate()
    us.process.wait()
    k1.stop()
    k2.stop()


try:
    main()
finally:
    shutil.rmtree(work, ignore_errors=True)
