"""A network of CometBFT validators over crust-chaind, on loopback: homes, keys, genesis, processes."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from chain_lib import BUILD, CHAIN, ROOT, Chaind
from ports_lib import free_ports


def engine(version="v0.38.25"):
    """The cometbft binary: $CRUST_COMETBFT, the one that tools/install-peers built, or none."""
    given = os.environ.get("CRUST_COMETBFT")
    for path in [given] if given else [ROOT / ".cache/cometbft" / version / "cometbft"]:
        if pathlib.Path(path).exists():
            return path
    return None


# The devnet's evidence is too old after 40 blocks and 10 s, which a busy machine may need to hand it in.
PATIENT = {"preset": "devnet", "misbehaviour_blocks": 100000, "misbehaviour_ms": 172800000}


class Node(Chaind):
    """One validator: crust-chaind and its cometbft."""

    host = "127.0.0.1"  # where its engine meets the others
    within = []  # words before its commands

    def __init__(self, home, binary, number, ports):
        self.home, self.binary, self.number = home, binary, number
        self.p2p, self.rpc = ports
        self.process = self.comet = None
        self.env = {}
        home.mkdir()
        subprocess.run([binary, "init", "--home", home / "comet"], capture_output=True, check=True)
        self.keys()
        key = json.loads((home / "comet/config/priv_validator_key.json").read_text())
        self.key = base64.b64decode(key["pub_key"]["value"])
        self.validator_address = key["address"]
        self.id = subprocess.run([binary, "show-node-id", "--home", home / "comet"], capture_output=True, text=True, check=True).stdout.strip()
        # A Unix socket's path has 108 bytes at most.
        self.abci = f"unix:{home}/abci.sock"

    def keys(self):
        """For who wants others than the engine's own."""

    def command(self, *more):
        return [*self.within, BUILD / "bin/crust-chaind", "--home", self.home, "--http-port", "0", "--engine", "cometbft", "--abci", self.abci,
                "--cometbft", f"http://127.0.0.1:{self.rpc}", "--log-level", "info", *self.flags, *more]

    def configure(self, peers, settings):
        path = self.home / "comet/config/config.toml"
        text = path.read_text()
        for key, value in settings.items():
            text, n = re.subn(rf"(?m)^{re.escape(key)} = .*$", f"{key} = {value}", text)
            assert n >= 1, key
        text = text.replace('laddr = "tcp://127.0.0.1:26657"', f'laddr = "tcp://127.0.0.1:{self.rpc}"')
        text = text.replace('laddr = "tcp://0.0.0.0:26656"', f'laddr = "tcp://{self.host}:{self.p2p}"')
        text = re.sub(r'(?m)^persistent_peers = .*$', f'persistent_peers = "{peers}"', text)
        text = re.sub(r'(?m)^proxy_app = .*$', f'proxy_app = "{self.abci.replace("unix:", "unix://")}"', text)
        path.write_text(text)

    def start_comet(self, **env):
        self.comet = subprocess.Popen([*self.within, self.binary, "start", "--home", self.home / "comet"], env=dict(os.environ, **env),
                                      stdout=open(self.home / "comet.log", "a"), stderr=subprocess.STDOUT)

    def start_both(self):
        self.start()
        self.start_comet()

    def ended(self):
        """What of this node ended though nobody ended it, with the end of its own log; "" when nothing did."""
        for name, log, p in (("ledger", "log", self.process), ("engine", "comet.log", self.comet)):
            if p is not None and p.poll() not in (None, -signal.SIGKILL):
                return f"the {name} of v{self.number} ended, exit {p.poll()}: " + self.log_end(log)
        return ""

    def log_end(self, name):
        path = self.home / name
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""

    def serves(self):
        """Whether its engine answers."""
        try:
            return "result" in self.rpc_call("health")
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def engine_leaves(self, seconds=60):
        """After its ledger's end: whether the engine ends itself, as it says. v0.38.25 sometimes hangs while it does so (seen on a loaded
        machine); then it is killed here, as a supervisor has to."""
        deadline = time.monotonic() + seconds
        while self.comet.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.comet.poll() is not None:
            return True
        self.kill_comet()
        print(f"# the engine of v{self.number} did not end within {seconds} s")
        return "Please restart CometBFT" in (self.home / "comet.log").read_text(errors="replace")

    def kill_comet(self):
        self.comet.send_signal(signal.SIGKILL)
        self.comet.wait()

    def kill_both(self):
        for p in (self.comet, self.process):
            if p is not None and p.poll() is None:
                p.send_signal(signal.SIGKILL)
                p.wait()

    def rpc_connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.rpc, timeout=timeout)

    def rpc_get(self, path):
        c = self.rpc_connect()
        c.request("GET", path)
        answer = json.loads(c.getresponse().read())
        c.close()
        return answer["result"]

    def rpc_call(self, method, **params):
        """The whole answer, an error too."""
        c = self.rpc_connect()
        c.request("POST", "/", body=json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}), headers={"Content-Type": "application/json"})
        answer = json.loads(c.getresponse().read())
        c.close()
        return answer

    def height(self):
        """0 when it does not answer."""
        try:
            return self.get("/v1/status")[1]["height"]
        except (OSError, http.client.HTTPException, KeyError, TypeError):
            return 0


class Network:
    chain_id = CHAIN

    def __init__(self, count, accounts=(), binary=None, settings=None, params=None, flags=(), more=None, node=Node, address=None):
        """address(node, other): where the engine of one finds that of another, else at its own port."""
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="crust-comet-"))
        self.binary = binary or engine()
        ports = free_ports(2 * count)
        self.nodes = [node(self.dir / f"v{i}", self.binary, i, ports[2 * i:2 * i + 2]) for i in range(count)]
        out = subprocess.run([BUILD / "bin/crust-chaind", "--make-beacon-key", self.nodes[0].home / "beacon.key"], capture_output=True, text=True, check=True)
        authors = list(accounts) or [{"address": None}]
        self.genesis = {
            "chain_id": CHAIN, "time_ms": int(time.time() * 1000) - 1000, "params": dict(PATIENT, **(params or {})),
            "balances": [{"address": a["address"], "amount": str(10**18)} for a in accounts], "contributors": [out.stdout.strip()],
            "validators": [{"key": n.key.hex(), "power": 10, "address": authors[n.number % len(authors)]["address"]} for n in self.nodes], "beacon": "07" * 32,
        }
        self.genesis.update(more or {})
        text = json.dumps(self.genesis)
        comet = {
            "genesis_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.genesis["time_ms"] // 1000 + 1)), "chain_id": CHAIN, "initial_height": "1",
            "consensus_params": {"block": {"max_bytes": "8388608", "max_gas": "-1"},
                                 "evidence": {"max_age_num_blocks": "100000", "max_age_duration": "172800000000000", "max_bytes": "524288"},
                                 "validator": {"pub_key_types": ["ed25519"]}, "version": {"app": "1"}, "abci": {"vote_extensions_enable_height": "0"}},
            "validators": [{"address": n.validator_address, "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(n.key).decode()}, "power": "10",
                            "name": f"v{n.number}"} for n in self.nodes],
            "app_hash": "", "app_state": {"genesis": hashlib.sha256(text.encode()).hexdigest()},
        }
        fast = {"timeout_propose": '"1s"', "timeout_prevote": '"300ms"', "timeout_precommit": '"300ms"', "timeout_commit": '"100ms"', "peer_gossip_sleep_duration": '"10ms"',
                "flush_throttle_timeout": '"10ms"', "pex": "false", "addr_book_strict": "false", "allow_duplicate_ip": "true", "persistent_peers_max_dial_period": '"1s"',
                "max_tx_bytes": "2228224", "max_body_bytes": "4194304", "log_level": '"error"', "indexer": '"null"', "max_request_batch_size": "100"}
        fast.update(settings or {})
        self.settings = fast
        for n in self.nodes:
            peers = ",".join(f"{o.id}@" + (address(n, o) if address else f"{o.host}:{o.p2p}") for o in self.nodes if o is not n)
            n.flags = ["--beacon-key", "beacon.key", *flags] if n.number == 0 else list(flags)
            (n.home / "genesis.json").write_text(text)
            (n.home / "comet/config/genesis.json").write_text(json.dumps(comet))
            n.configure(peers, fast)

    def start(self):
        """All of them, until every engine answers. Raises with the name and the log's end of a program that ended."""
        for n in self.nodes:
            n.start_both()
        deadline = time.monotonic() + 120
        for n in self.nodes:
            while not n.serves():
                ended = "".join(o.ended() for o in self.nodes)
                if ended or time.monotonic() > deadline:
                    raise RuntimeError(ended or f"the engine of v{n.number} does not answer: " + n.log_end("comet.log"))
                time.sleep(0.1)

    def join(self, number, node=Node):
        """One more node, which the genesis does not know; it has the first four as peers."""
        new = node(self.dir / f"v{number}", self.binary, number, free_ports(2))
        new.flags = []
        for name in ("genesis.json", "comet/config/genesis.json"):
            shutil.copy(self.nodes[0].home / name, new.home / name)
        new.configure(",".join(f"{o.id}@{o.host}:{o.p2p}" for o in self.nodes[:4]), self.settings)
        self.nodes.append(new)
        return new

    def wants_snapshot(self, node):
        """Before this node's first start: it takes a snapshot over, trusting block 2 of the first node."""
        trust = self.nodes[0].rpc_get("/commit?height=2")["signed_header"]["commit"]
        path = node.home / "comet/config/config.toml"
        head, sync = path.read_text().split("[statesync]", 1)
        servers = ",".join(f"http://127.0.0.1:{o.rpc}" for o in self.nodes[:2])
        for key, value in {"enable": "true", "rpc_servers": f'"{servers}"', "trust_height": trust["height"], "trust_hash": f'"{trust["block_id"]["hash"]}"',
                           "trust_period": '"48h0m0s"', "discovery_time": '"5s"', "chunk_request_timeout": '"10s"'}.items():
            sync, n = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", sync)
            assert n == 1, key
        path.write_text(head + "[statesync]" + sync)

    def wait(self, height, nodes=None, timeout=150):
        """Whether all of these reach the height. One whose ledger or engine has ended by itself never will."""
        deadline = time.monotonic() + timeout
        for n in nodes or self.nodes:
            while n.height() < height:
                if time.monotonic() > deadline or n.ended():
                    return False
                time.sleep(0.05)
        return True

    def stands_still(self, nodes=None, seconds=4, tries=6):
        """Whether these come to make no block for so long: what was under way may still be finished. With it, their heights."""
        nodes = nodes or self.nodes
        for _ in range(tries):
            before = [n.height() for n in nodes]
            time.sleep(seconds)
            if before == [n.height() for n in nodes]:
                return True, before
        return False, before

    def height(self):
        return max(n.height() for n in self.nodes)

    def app_hashes(self, start, end, nodes=None):
        """Heights at which the nodes differ in app hash or block hash."""
        wrong = []
        for h in range(start, end + 1):
            seen = {(b["app_hash"], b["hash"]) for b in (n.get(f"/v1/blocks/{h}")[1] for n in nodes or self.nodes)}
            if len(seen) != 1:
                wrong.append(h)
        return wrong

    def logs(self):
        """What ended by itself first, then the ends of all logs."""
        out = "".join(n.ended() + "\n" for n in self.nodes if n.ended())
        for n in self.nodes:
            for name in ("log", "comet.log"):
                if (n.home / name).exists():
                    out += f"--- v{n.number} {name}\n" + (n.home / name).read_text(errors="replace")[-1500:]
        return out

    def remove(self):
        for n in self.nodes:
            n.kill_both()
        if not os.environ.get("CRUST_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
