"""A small Internet out of Linux network namespaces: one for each node, all at one bridge, each with an address that counts as global, in a /16 of its own,
and none with a way out. A test calls enter() first; everything made here goes with the test's process."""
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import harness

kubo = pathlib.Path(os.environ.get("CRUST_KUBO") or harness.root / ".cache/kubo/ipfs")
DEADLINE = 60 * harness.PATIENCE
PORT = 4001
_children = []


def enter():
    """Starts this program again in namespaces of its own; a reason when that cannot be done."""
    if os.environ.get("CRUST_WAN") == "1":
        return None
    unshare = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    try:
        probe = subprocess.run([*unshare, "sh", "-c", "mount -t tmpfs wan /run && mkdir /run/netns && ip netns add probe && ip link add name wan0 type bridge"
                                " && ip link add name one type veth peer name two && ip netns exec probe sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward &&"
                                ' nft "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; add rule ip nat out masquerade;'
                                " add chain ip nat in { type filter hook input priority 0; }; add rule ip nat in ct state new drop\"'"],
                               capture_output=True, text=True, timeout=60)
    except OSError as e:
        return str(e)
    if probe.returncode != 0:
        return "no network namespaces here: " + probe.stderr.strip().replace("\n", "; ")
    os.environ["CRUST_WAN"] = "1"
    os.execvp("unshare", [*unshare, sys.executable, *sys.argv])
    return None


def run(*args):
    subprocess.run([str(a) for a in args], check=True, capture_output=True, timeout=60)


def begin():
    """In the namespaces: the bridge. What dies with this process are its children too."""
    run("mount", "-t", "tmpfs", "wan", "/run")
    os.mkdir("/run/netns")
    run("ip", "link", "add", "name", "wan0", "type", "bridge")
    run("ip", "link", "set", "wan0", "up")


def namespace(name, address):
    """A machine at the bridge: everybody is its neighbour."""
    run("ip", "netns", "add", name)
    run("ip", "link", "add", "name", f"w-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "link", "set", f"w-{name}", "master", "wan0", "up")
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", name, "addr", "add", f"{address}/32", "dev", "eth0")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "route", "add", "default", "dev", "eth0")


def also(name, address):
    """A second address of a machine."""
    run("ip", "-n", name, "addr", "add", f"{address}/32", "dev", "eth0")


def router(name, address, inner, forward=False):
    """A router at the bridge with a machine behind it: masquerading, and nothing comes in by itself but, with forward, the port."""
    namespace(name, address)
    run("ip", "netns", "add", inner)
    run("ip", "link", "add", "name", "lan", "netns", name, "type", "veth", "peer", "name", "eth0", "netns", inner)
    run("ip", "-n", name, "addr", "add", "192.168.77.1/24", "dev", "lan")
    run("ip", "-n", name, "link", "set", "lan", "up")
    run("ip", "-n", inner, "link", "set", "lo", "up")
    run("ip", "-n", inner, "addr", "add", "192.168.77.2/24", "dev", "eth0")
    run("ip", "-n", inner, "link", "set", "eth0", "up")
    run("ip", "-n", inner, "route", "add", "default", "via", "192.168.77.1")
    run(*at(name, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"))
    run(*at(name, "nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; };"
            ' add rule ip nat out oifname "eth0" masquerade; add table ip door; add chain ip door in { type filter hook input priority 0; };'
            ' add rule ip door in iifname "eth0" ct state new drop;'
            + (' add chain ip nat in { type nat hook prerouting priority -100; };'
               f' add rule ip nat in iifname "eth0" tcp dport {PORT} dnat to 192.168.77.2' if forward else "")))


def at(name, *args):
    return ["ip", "netns", "exec", name, *map(str, args)]


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds * harness.PATIENCE
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise RuntimeError(f"not in time: {what}")
        time.sleep(0.2)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


def start(name, args, log, env=None):
    p = subprocess.Popen(at(name, *args), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)
    _children.append(p)
    return p


def stop_all():
    for p in _children:
        if p.poll() is None:
            p.terminate()
    for p in _children:
        try:
            p.wait(30)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


class Kubo:
    """Kubo as it is installed, but for what would look for the real network."""
    SETTINGS = {"AutoConf.Enabled": False, "Routing.DelegatedRouters": [], "Ipns.DelegatedPublishers": [], "DNS.Resolvers": {},
                "AutoTLS.Enabled": False, "Discovery.MDNS.Enabled": False, "Swarm.DisableNatPortMap": True, "Swarm.AddrFilters": [],
                "Plugins.Plugins": {}}

    def __init__(self, name, address, bootstrap=(), more=None, public=None):
        """public: an address other than that of its connections, the only one that it tells."""
        self.name, self.ip = name, public or address
        namespace(name, address)
        if public:
            also(name, public)
            more = {**(more or {}), "Addresses.Announce": [f"/ip4/{public}/tcp/{PORT}"]}
        self.home = harness.temp_dir()
        self.env = dict(os.environ, IPFS_PATH=str(self.home), IPFS_TELEMETRY="off")
        self.ipfs("init", "--algorithm=ed25519")
        config = json.loads((self.home / "config").read_text())
        for key, value in {**self.SETTINGS, "Bootstrap": list(bootstrap), **(more or {})}.items():
            where = config
            *path, last = key.split(".")
            for part in path:
                where = where.setdefault(part, {})
            where[last] = value
        (self.home / "config").write_text(json.dumps(config))
        self.id = config["Identity"]["PeerID"]
        self.address = f"/ip4/{address}/tcp/{PORT}/p2p/{self.id}"
        self.log = self.home / "daemon.log"
        self.process = start(name, [kubo, "daemon"], open(self.log, "w"), self.env)

    def ready(self):
        until(lambda: self.process.poll() is not None or "Daemon is ready" in self.log.read_text(), "Kubo")
        if self.process.poll() is not None:
            raise RuntimeError(self.log.read_text()[-1000:])

    def ipfs(self, *args, text=True, input=None, good=True, timeout=DEADLINE):
        p = subprocess.run(at(self.name, kubo, *args), env=self.env, capture_output=True, text=text, timeout=timeout, input=input)
        if good and p.returncode != 0:
            raise RuntimeError(f"ipfs {' '.join(map(str, args))}: {p.stderr}")
        return p.stdout


class Crust:
    def __init__(self, name, *args, address=None):
        self.name, self.ip = name, address
        if address:
            namespace(name, address)
        self.home = harness.temp_dir()
        self.args = args
        self.log = self.home / "log"
        self.process = start(name, [harness.build / "crust-ipfsd", "--home", self.home, "--gateway-port", 8080, "--gateway-remote", "--store-reserve", 0,
                                    "--log-level", "debug", "--p2p", *args], open(self.log, "w"))

    def ready(self):
        self.id = self.wait(r"p2p-listening .*address=(\S+)").split("/")[-1]
        self.address = f"/ip4/{self.ip}/tcp/{PORT}/p2p/{self.id}"
        self.wait(r" ready ")

    def said(self, pattern):
        return re.search(pattern, self.log.read_text())

    def wait(self, pattern, seconds=60):
        """The first group of the first match in the log."""
        m = until(lambda: self.said(pattern) or self.process.poll() is not None, f"{self.name}: {pattern}", seconds)
        if not isinstance(m, re.Match):
            raise RuntimeError(self.log.read_text()[-1000:])
        return m.group(1) if m.groups() else m.group(0)

    def crust(self, *args):
        return harness.Home(self.home).text(*args)

    def json(self, *args):
        return harness.Home(self.home).json(*args)

    def add(self, data):
        (self.home / "file").write_bytes(data)
        return self.crust("add", "-Q", self.home / "file").strip()

    def fetch(self, path):
        """Through the gateway; a look-up that came too early for the record is made again."""
        end = time.monotonic() + DEADLINE
        while True:
            p = subprocess.run(at(self.name, "curl", "-sfL", "--max-time", DEADLINE, f"http://127.0.0.1:8080{path}"), capture_output=True)
            if p.returncode == 0 or time.monotonic() > end:
                return p.stdout
            time.sleep(0.5)

    def stop(self):
        self.process.terminate()
        return self.process.wait(DEADLINE)
