"""A network of real programs for the end to end tests: a chain with parameters of its own, storage nodes
(crust-ipfsd with its enclave, crust-agentd), a user, and gateways over what the user has."""
import json
import os
import signal
import subprocess
import time
import urllib.request

import chain_lib
import harness as t
from ports_lib import free_port

CHAIN = "crust-net-e2e"
PASSWORD = "test password"


def get(url, timeout=30):
    try:
        with urllib.request.urlopen(url, timeout=timeout) as r:
            return json.load(r)
    except (OSError, ValueError):
        return None


class Program:
    """A program that is started, killed and started again."""

    def __init__(self, name, home, *args):
        self.name, self.home, self.args = name, home, [t.build / name, "--home", home, *args]
        self.log = home / f"{name}.log"
        self.p = None

    def start(self):
        self.p = t.start(self.args, env=dict(os.environ, CRUST_PASSWORD=PASSWORD), log=self.log)

    def runs(self):
        return self.p is not None and self.p.poll() is None

    def kill(self):
        """kill -9."""
        if self.runs():
            self.p.send_signal(signal.SIGKILL)
            self.p.wait()

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        try:
            return self.p.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.p.kill()
            return "it did not end"

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Node:
    """One storage node: crust-ipfsd with an enclave, and the merchant."""

    def __init__(self, net, name, disk="400M", agent=()):
        self.net, self.home = net, net.dir / name
        (self.home / "disk").mkdir(parents=True)
        self.operator = t.Home(self.home)
        self.operator.text("key", "new", "default")
        self.account = self.operator.json("key", "show", "default")["address"]
        self.disk, self.agent_args = disk, agent
        self.ipfsd = self.agent = None

    def configure(self):
        url = self.net.url
        (self.home / "crust.conf").write_text(f"[cli]\nchain = {url}\n")
        self.ipfsd = Program("crust-ipfsd", self.home, "--chain", url, "--chain-id", CHAIN, "--gateway=false", "--allow-private-origins",
                             "--storage", f"--disks={self.home}/disk:{self.disk}", "--disk-reserve=64M", "--extent-size=1M",
                             "--store-reserve=64M")
        self.agent = Program("crust-agentd", self.home, "--chain", url, "--chain-id", CHAIN, "--http-port", "0", *self.agent_args)

    def start(self):
        self.ipfsd.start()
        self.start_agent()

    def start_agent(self):
        (self.home / "agent/url").unlink(missing_ok=True)
        self.agent.start()

    def kill(self):
        self.agent.kill()
        self.ipfsd.kill()

    def enclave(self):
        """The process of the enclave."""
        try:
            text = open(f"/proc/{self.ipfsd.p.pid}/task/{self.ipfsd.p.pid}/children").read()
        except OSError:
            return None
        return int(text.split()[0]) if text.split() else None

    def status(self):
        path = self.home / "agent/url"
        try:
            return get(path.read_text().strip() + "/v1/status")
        except OSError:
            return None

    def order_text(self, order):
        path = self.home / "agent/url"
        return get(path.read_text().strip() + f"/v1/orders/{order}") if path.exists() else None

    def worker_key(self):
        s = self.status()
        return s["worker"] if s and s["registered"] else None

    def worker(self, key=None):
        key = key or self.worker_key()
        return self.net.get(f"/v1/workers/{key}") if key else None

    def wait_reports(self, seconds=40):
        return t.wait_for(lambda: (self.status() or {}).get("report", {}).get("accepted", 0) >= 1, seconds)


class Api(chain_lib.Chaind):
    """The chain of a network as worker_lib wants it."""

    def __init__(self, url):
        self.port = int(url.rsplit(":", 1)[1])
        self.chain_id = CHAIN


class Network:
    """accounts: seeds in hex of further accounts with money, for worker_lib; genesis: further members of it."""

    def __init__(self, block_ms, params, nodes=1, disk="400M", agent=(), accounts=(), genesis=None):
        more_genesis = genesis or {}
        self.dir = t.temp_dir()
        self.block_ms = block_ms
        self.chain_home, self.user_home = self.dir / "chain", self.dir / "user"
        for d in (self.chain_home, self.user_home):
            d.mkdir()
        self.user = t.Home(self.user_home)
        self.user.text("key", "new", "default")
        self.user_account = self.user.json("key", "show", "default")["address"]
        signer = chain_lib.Signer()
        more = [signer.ask("account", seed)[1] for seed in accounts]
        signer.close()
        self.nodes = [Node(self, f"node{i + 1}", disk, agent) for i in range(nodes)]
        key = subprocess.run([t.build / "crust-chaind", "--make-beacon-key", self.chain_home / "beacon.key"],
                             capture_output=True, text=True, check=True).stdout.strip()
        genesis = {"chain_id": CHAIN, "time_ms": 1700000000000, "beacon": "07" * 32, "validators": [], "contributors": [key],
                   "params": {"preset": "devnet", "block_ms": str(block_ms), "srd_extent_size": 1 << 20, **params},
                   "balances": [{"address": a, "amount": str(10**15)} for a in [self.user_account, *more] + [n.account for n in self.nodes]], **more_genesis}
        (self.chain_home / "genesis.json").write_text(json.dumps(genesis))
        self.chain = Program("crust-chaind", self.chain_home, "--http-port", str(free_port()), "--beacon-key", "beacon.key", "--url-file", "url",
                             "--log-level", "warn")
        self.start_chain()
        (self.user_home / "crust.conf").write_text(f"[cli]\nchain = {self.url}\n")
        self.params = {k: int(v) if isinstance(v, str) and v.isdigit() else v for k, v in self.get("/v1/params").items()}
        for n in self.nodes:
            n.configure()

    def start_chain(self):
        (self.chain_home / "url").unlink(missing_ok=True)
        self.chain.start()
        if not t.wait_for(lambda: (self.chain_home / "url").exists(), 30):
            raise RuntimeError("crust-chaind did not start:\n" + self.chain.text()[-2000:])
        self.url = (self.chain_home / "url").read_text().strip()

    def get(self, path):
        return get(self.url + path)

    def height(self):
        return (self.get("/v1/status") or {"height": 0})["height"]

    def slot(self):
        return (self.get("/v1/status") or {"slot": 0})["slot"]

    def wait_height(self, height, seconds=60):
        return t.wait_for(lambda: self.height() >= height, seconds)

    def events(self, start=1, *types):
        """Events of all blocks from start on: [(height, type, attributes)]."""
        found, at, end = [], start, self.height()
        while at <= end:
            answer = self.get(f"/v1/events?format=json&from={at}")
            found += [(e["height"], e["type"], e["attrs"]) for e in answer["items"] if not types or e["type"] in types]
            if answer["next"] <= at:
                break
            at = answer["next"]
        return found

    def start_user(self):
        """The user's crust-ipfsd, from whose gateway the nodes fetch."""
        url = self.user_home / "gateway"
        url.unlink(missing_ok=True)
        self.user_ipfsd = Program("crust-ipfsd", self.user_home, "--chain", self.url, "--chain-id", CHAIN, "--gateway-port", "0",
                                  "--url-file", "gateway", "--store-reserve", "64M", "--allow-private-origins")
        self.user_ipfsd.start()
        t.check("the user's crust-ipfsd serves", t.wait_for(lambda: url.exists() and url.read_text().strip(), 20), self.user_ipfsd.text()[-800:])

    @property
    def api(self):
        return Api(self.url)

    def order(self, order):
        return self.get(f"/v1/orders/{order}")

    def holders(self, order):
        return (self.order(order) or {}).get("holders", [])

    def replay_is_equal(self):
        t.check("crust-chaind ends cleanly", self.chain.stop() == 0)
        p = subprocess.run([*self.chain.args, "--verify-replay"], capture_output=True, text=True, timeout=300)
        t.check("the chain's state equals a replay from genesis", p.returncode == 0, p.stderr[-800:])

    def tell(self):
        """After a failure: the ends of all logs."""
        for p in [self.chain] + [p for n in self.nodes for p in (n.ipfsd, n.agent)]:
            print(f"# ---- {p.name} of {p.home.name}\n# " + p.text()[-5000:].replace("\n", "\n# "), flush=True)


def put(net, data, name, *options):
    """Orders a new file of the user's; (cid, order id)."""
    path = net.user_home / name
    path.write_bytes(data)
    code, out, err = net.user.run("put", path, "--yes", "--wait", "0", "--json", *options)
    t.check(f"an order for {name} is placed", code == 0, err.decode(errors="replace")[-400:])
    said = json.loads(out) if code == 0 else {}
    return said.get("cid"), said.get("order")
