"""What the fault tests of CometBFT networks share: load, and what must hold after every fault."""
import ctypes
import http.client
import os
import re
import subprocess
import sys
import threading
import time

import chain_lib
from chain_lib import CHAIN, Signer, check
from comet_lib import Network, Node, engine

AHEAD = 64  # transactions of one signer that may wait (docs/spec/transactions.md)
SETTLE = 150  # seconds within which everything that was acknowledged must be in a block on all nodes


def need_engine():
    if engine() is None:
        print("skip - CometBFT: it is not installed (tools/install-comet builds it where Go is)")
        sys.exit(0)


class Load:
    """Transfers, one account for each node, sent to that node as long as it answers. `acknowledged`: what a node promised."""

    def __init__(self, net, signer, accounts, pause=0.03):
        self.net, self.signer, self.accounts, self.pause = net, signer, accounts, pause
        self.nonces = [0] * len(accounts)
        self.acknowledged, self.refused = {}, []
        self.ending = threading.Event()
        self.resting = set()  # accounts that send nothing for a while
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(len(net.nodes))]

    def start(self):
        for t in self.threads:
            t.start()

    def run(self, i):
        while not self.ending.wait(self.pause):
            if i not in self.resting:
                self.send(i)

    def rest(self, i, seconds=150):
        """Account i sends no more; whether all that its node has acknowledged is in blocks."""
        self.resting.add(i)
        node, key, deadline = self.net.nodes[i], self.accounts[i]["key"], time.time() + seconds
        while time.time() < deadline:
            if node.get("/v1/accounts/" + key)[1]["nonce"] == self.nonces[i]:
                time.sleep(0.5)  # one may have been on its way
                if node.get("/v1/accounts/" + key)[1]["nonce"] == self.nonces[i]:
                    return True
            time.sleep(0.1)
        return False

    def send(self, i):
        """One transfer of account i, given to node i until it takes it: the same bytes again after a broken connection."""
        node = self.net.nodes[i]
        tx, txid = self.signer.transfer(self.accounts[i], self.accounts[(i + 1) % len(self.accounts)]["key"], 10**9, self.nonces[i], 5000, self.net.chain_id)
        strikes = 0
        while True:
            try:
                status, answer = node.post(tx)
                if status == 200:
                    self.acknowledged[txid] = i
                    self.nonces[i] += 1
                    return txid
                if status < 500 and status != 429:
                    if node.get("/v1/tx/" + txid)[0] == 200:
                        self.nonces[i] += 1  # it is there: an answer was lost, not the transfer
                        return txid
                    # As many waited as may; a block may have come since, so only a second refusal counts.
                    strikes += not self.too_far(node, i)
                    if strikes == 2:
                        self.refused.append((i, status, answer))
                        return None
            except (OSError, http.client.HTTPException, ValueError):
                pass
            if self.ending.wait(0.1):
                return None

    def too_far(self, node, i):
        """Whether as many wait as one signer may have waiting."""
        return self.nonces[i] >= node.get("/v1/accounts/" + self.accounts[i]["key"])[1]["nonce"] + AHEAD

    def stop(self):
        self.ending.set()
        for t in self.threads:
            t.join()


def blocks(node, top):
    return [node.get(f"/v1/blocks/{h}")[1] for h in range(1, top + 1)]


def holds(net, load, name, nodes=None):
    """Everything acknowledged is in one block, once, everywhere; the same state at every height."""
    nodes = nodes or net.nodes
    want, deadline = set(load.acknowledged), time.time() + SETTLE
    top = 0
    counts = {}
    while time.time() < deadline:
        top = min(n.height() for n in nodes)
        counts = {}
        for b in blocks(nodes[0], top) if top > 0 else []:
            for tx in b["txs"]:
                counts[tx["hash"]] = counts.get(tx["hash"], 0) + 1
        if want and want <= set(counts):
            break
        time.sleep(0.5)
    lost = sorted(want - set(counts))
    check(want and not lost, f"{name}: every one of the acknowledged transfers is in a block", f"{len(lost)} of {len(want)} lost: {lost[:3]}, given to {sorted({load.acknowledged[t] for t in lost})}")
    check(all(c == 1 for c in counts.values()), f"{name}: and only once")
    bad = [t for t in list(want - set(lost))[:200] if any(n.get("/v1/tx/" + t)[1].get("code") != 0 for n in nodes)]
    check(not bad, f"{name}: each was carried out", str(bad[:3]))
    check(not load.refused, f"{name}: no transfer in order was refused", str(load.refused[:3]))
    wrong = net.app_hashes(1, top, nodes)
    check(top > 0 and not wrong, f"{name}: the same state at every height on all nodes", f"up to {top}, differs at {wrong[:5]}")
    print(f"# {name}: {len(want)} transfers in {top} blocks")
    return top


def replays(node, name):
    """A stopped node's blocks, executed again without CometBFT, height by height: the same app hashes."""
    p = node.run("--verify-replay")
    found = re.search(r"replay ok: height (\d+), (\d+) transactions", p.stdout)
    check(p.returncode == 0 and found, f"{name}: executed again without CometBFT, the same app hash at every height", p.stdout + p.stderr[-500:])


# ---- network namespaces ----

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


class inside:
    """This thread's new sockets belong to that namespace."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        to = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(to, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(to)

    def __exit__(self, *_):
        failed = _libc.setns(self.back, CLONE_NEWNET) != 0
        os.close(self.back)
        if failed:
            os._exit(3)  # nothing that follows could be trusted


def ip(*words):
    p = subprocess.run(["ip", *words], capture_output=True, text=True)
    if p.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {p.stderr.strip()}")


class Wires:
    """A namespace for each node, each with a cable to one of two bridges. Moving a cable cuts without a word to either side."""

    def __init__(self, count):
        self.tag = f"cr{os.getpid() % 10**7}"
        self.count = count
        self.made = []
        try:
            for b in "ab":
                self.make("link", self.bridge(b), "type", "bridge")
                ip("link", "set", self.bridge(b), "up")
            for i in range(count):
                self.make("netns", self.space(i))
                self.make("link", self.cable(i), "type", "veth", "peer", "name", "eth0", "netns", self.space(i))
                ip("link", "set", self.cable(i), "master", self.bridge("a"), "up")
                for words in (["link", "set", "lo", "up"], ["addr", "add", f"{self.address(i)}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
                    ip("-n", self.space(i), *words)
        except OSError:
            self.remove()
            raise

    def make(self, kind, name, *more):
        ip(kind, "add", name, *more)
        self.made.append((kind, name))

    def bridge(self, which):
        return f"{self.tag}{which}"

    def space(self, i):
        return f"{self.tag}-{i}"

    def cable(self, i):
        return f"{self.tag}v{i}"

    def address(self, i):
        return f"10.213.77.{11 + i}"

    def side(self, which, *numbers):
        for i in numbers:
            ip("link", "set", self.cable(i), "master", self.bridge(which))

    def remove(self):
        for kind, name in reversed(self.made):
            subprocess.run(["ip", kind, "del", name], capture_output=True)
        self.made = []


def wired(wires):
    """The class of nodes that live in these namespaces, ledger and engine both."""

    class WiredNode(Node):
        def __init__(self, home, binary, number, ports):
            self.space, self.host = wires.space(number), wires.address(number)
            self.within = ["ip", "netns", "exec", self.space]
            super().__init__(home, binary, number, ports)

        def dialed(self, c):
            with inside(self.space):
                c.connect()
            return c

        def connect(self, timeout=60):
            return self.dialed(super().connect(timeout))

        def rpc_connect(self, timeout=60):
            return self.dialed(super().rpc_connect(timeout))

    return WiredNode
