"""A Kubo of its own on loopback, for tests and figures beside it: an ipfs binary of v0.42.0, CRUST_KUBO or what tools/install-kubo has built."""
import atexit
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import ports_lib

root = pathlib.Path(__file__).resolve().parent.parent.parent
kubo = pathlib.Path(os.environ.get("CRUST_KUBO") or root / ".cache/kubo/ipfs")
DEADLINE = 180
_daemons = []


def there():
    return os.access(kubo, os.X_OK)


def _stop_all():
    for k in _daemons:
        k.stop()


atexit.register(_stop_all)


class Repo:
    """A repository without a daemon, which says the CIDs that `ipfs add` gives: Kubo as it comes (unixfs-v0-2015), or after `ipfs config profile apply unixfs-v1-2025`."""

    def __init__(self, profile):
        self.path = tempfile.mkdtemp(prefix="crust-kubo-")
        atexit.register(shutil.rmtree, self.path, ignore_errors=True)
        self.env = dict(os.environ, IPFS_PATH=self.path, IPFS_TELEMETRY="off")
        subprocess.run([kubo, "init", "--profile=test"], env=self.env, check=True, capture_output=True, timeout=DEADLINE)
        if profile == "unixfs-v1-2025":
            subprocess.run([kubo, "config", "profile", "apply", profile], env=self.env, check=True, capture_output=True, timeout=DEADLINE)

    def add(self, path, *flags):
        """The CID of a path, or why there is none. With modes or times Kubo needs the blocks that --only-hash does not keep."""
        kept = "--pin=false" if any(f.startswith("--preserve") for f in flags) else "--only-hash"
        p = subprocess.run([kubo, "add", "-r", "-Q", kept, "--progress=false", *flags, "--", path], env=self.env, capture_output=True, text=True, timeout=10 * DEADLINE)
        return p.stdout.strip() if p.returncode == 0 else f"failed: {p.stderr.strip()}"


class Kubo:
    """settings: {"Swarm.Transports.Security.TLS": False}: what is set before the daemon starts."""

    def __init__(self, algorithm="ed25519", settings=None, folder=None):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="crust-kubo-", dir=folder))
        self.port, api, gateway = ports_lib.free_ports(3)
        self.gateway = f"http://127.0.0.1:{gateway}"
        self.env = dict(os.environ, IPFS_PATH=str(self.home), IPFS_TELEMETRY="off")
        self.ipfs("init", "--profile=test", f"--algorithm={algorithm}")
        self.set("Addresses.Swarm", [f"/ip4/127.0.0.1/tcp/{self.port}"])
        self.set("Addresses.API", f"/ip4/127.0.0.1/tcp/{api}")
        self.set("Addresses.Gateway", f"/ip4/127.0.0.1/tcp/{gateway}")
        self.set("Routing.Type", "none")
        self.set("AutoConf.Enabled", False)
        for key, value in (settings or {}).items():
            self.set(key, value)
        self.id = self.ipfs("config", "Identity.PeerID").strip()
        self.address = f"/ip4/127.0.0.1/tcp/{self.port}/p2p/{self.id}"
        self.log = open(self.home / "daemon.log", "w+")
        self.daemon = subprocess.Popen([kubo, "daemon"], env=self.env, stdout=self.log, stderr=subprocess.STDOUT)
        _daemons.append(self)
        end = time.time() + DEADLINE
        while "Daemon is ready" not in (self.home / "daemon.log").read_text():
            if time.time() > end or self.daemon.poll() is not None:
                raise RuntimeError((self.home / "daemon.log").read_text()[-500:])
            time.sleep(0.1)

    def set(self, key, value):
        self.ipfs("config", "--json", key, json.dumps(value))

    def ipfs(self, *args, text=True, input=None, timeout=DEADLINE):
        p = subprocess.run([kubo, *map(str, args)], env=self.env, capture_output=True, text=text, input=input, timeout=timeout)
        if p.returncode != 0:
            raise RuntimeError(f"ipfs {' '.join(map(str, args))}: {p.stderr.strip()}")
        return p.stdout

    def stop(self):
        if self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(30)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)
