"""A crust-chaind under test: a folder with a genesis, the process, HTTP, and a signer."""
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from driver_lib import Driver

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CRUST_BUILD", "build/release")
CHAIN = "crust-e2e-1"


class Signer(Driver):
    """Accounts and what they sign, by tests/tools/chain_driver.c."""

    def __init__(self):
        super().__init__("chain_driver")

    def account(self, i):
        seed = hashlib.sha256(b"chain e2e %d" % i).hexdigest()
        key, address = self.ask("account", seed)
        return {"seed": seed, "key": key, "address": address}

    def transfer(self, frm, to_key, amount, nonce, expiry, chain=CHAIN):
        tx, txid = self.ask("transfer", frm["seed"], to_key, amount, nonce, expiry, chain)
        return bytes.fromhex(tx), txid


class Chaind:
    chain_id = CHAIN

    def __init__(self, accounts=(), block_ms=100, params=None):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="crust-chain-e2e-"))
        self.process = None
        self.block_ms = block_ms
        out = subprocess.run([BUILD / "bin/crust-chaind", "--make-beacon-key", self.home / "beacon.key"], capture_output=True, text=True, check=True)
        genesis = {
            "chain_id": CHAIN, "time_ms": 1700000000000, "params": dict({"preset": "devnet"}, **(params or {})),
            "balances": [{"address": a["address"], "amount": str(10**18)} for a in accounts],
            "contributors": [out.stdout.strip()], "validators": [], "beacon": "07" * 32,
        }
        (self.home / "genesis.json").write_text(json.dumps(genesis))

    def command(self, *more):
        return [BUILD / "bin/crust-chaind", "--home", self.home, "--http-port", "0", "--beacon-key", "beacon.key",
                "--block-time", f"{self.block_ms}ms", "--log-level", "warn", *more]

    def start(self, *more):
        url = self.home / "chain/url"
        url.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command(*more), stderr=open(self.home / "log", "a"))
        deadline = time.time() + 60
        while not url.exists():
            if self.process.poll() is not None or time.time() > deadline:
                raise RuntimeError("crust-chaind did not start:\n" + (self.home / "log").read_text()[-3000:])
            time.sleep(0.01)
        self.port = int(url.read_text().strip().rsplit(":", 1)[1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def run(self, *more):
        return subprocess.run(self.command(*more), capture_output=True, text=True, timeout=300)

    @property
    def params(self):
        """The parameters, numbers as numbers."""
        if not hasattr(self, "_params"):
            p = self.get("/v1/params")[1]
            self._params = {k: int(v) if isinstance(v, str) and v.isdigit() else v for k, v in p.items()}
        return self._params

    def events(self, start=1, end=None):
        """Events of the blocks from start on as the event list gives them, each with its height."""
        found, at = [], start
        end = end or self.get("/v1/status")[1]["height"]
        while at <= end:
            answer = self.get(f"/v1/events?format=json&from={at}")[1]
            found += answer["items"]
            if answer["next"] <= at:
                break
            at = answer["next"]
        return [e for e in found if e["height"] <= end]

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path, headers=None):
        c = self.connect()
        c.request("GET", path, headers=headers or {})
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, json.loads(body) if r.getheader("Content-Type", "").startswith("application/json") else body

    def metrics(self):
        lines = self.get("/metrics")[1].decode().splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines if not line.startswith("#"))}

    def post(self, body, connection=None, key=None):
        c = connection or self.connect()
        c.request("POST", "/v1/tx", body=body, headers=dict({"Content-Type": "application/vnd.ipld.dag-cbor"}, **({"Idempotency-Key": key} if key else {})))
        r = c.getresponse()
        answer = json.loads(r.read())
        if connection is None:
            c.close()
        return r.status, answer

    def wait_height(self, height, timeout=120):
        deadline = time.time() + timeout
        while time.time() < deadline:
            if self.get("/v1/status")[1]["height"] >= height:
                return
            time.sleep(0.02)
        raise RuntimeError(f"height {height} was not reached")

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


failures = 0
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what a test has started and written is removed


def check(good, name, detail=""):
    global failures
    print(("ok - " if good else "not ok - ") + name + (f" ({detail})" if detail and not good else ""))
    sys.stdout.flush()
    if not good:
        failures += 1
    return good
