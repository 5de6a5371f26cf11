"""bitswap_peer, our stack as a peer of its own: one that serves the store of a home, honest or not, and one that fetches a DAG."""
import base64
import hashlib
import json
import subprocess

import harness

tool = harness.build.parent / "tools/bitswap_peer"
DEADLINE = 300 * harness.PATIENCE


class Peer:
    """bitswap_peer that serves the store of a home."""

    def __init__(self, home, security="any", early="early", temper="honest"):
        self.process = subprocess.Popen([tool, "serve", str(home), security, early, temper], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = json.loads(self.process.stdout.readline())["listening"]
        self.id = self.address.split("/")[-1]
        self.asked = 0

    def wait_asked(self):
        """Until it is asked for a block, which is when it shows how it is."""
        line = self.process.stdout.readline()
        self.asked = json.loads(line)["asked"] if line else 0
        return self.asked > 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


def fetch(addresses, cid, security="any", early="early", into="-"):
    p = subprocess.run([tool, "fetch", ",".join(addresses), cid, security, early, str(into)], capture_output=True, text=True, timeout=DEADLINE)
    line = json.loads(p.stdout) if p.stdout else {"result": p.stderr.strip()}
    return line


def raw_cid(data):
    """The CID of bytes as a raw block."""
    return "b" + base64.b32encode(b"\x01\x55\x12\x20" + hashlib.sha256(data).digest()).decode().lower().rstrip("=")
