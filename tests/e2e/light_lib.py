"""CometBFT's own light client beside a network of comet_lib."""
import http.client
import json
import shutil
import subprocess
import time

from chain_lib import CHAIN
from comet_lib import engine
from ports_lib import free_ports


class Light:
    def __init__(self, net, height, hash):
        self.port, = free_ports(1)
        self.home = net.dir / f"light{self.port}"
        nodes = [f"http://127.0.0.1:{n.rpc}" for n in net.nodes]
        self.log = net.dir / f"light{self.port}.log"
        self.p = subprocess.Popen([engine(), "light", CHAIN, "--primary", nodes[0], "--witnesses", ",".join(nodes[1:]), "--height", str(height), "--hash", hash,
                                   "--home-dir", self.home, "--laddr", f"tcp://127.0.0.1:{self.port}", "--log_level", "error"],
                                  stdin=subprocess.DEVNULL, stdout=open(self.log, "w"), stderr=subprocess.STDOUT)

    def ask(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            c.request("GET", path)
            return json.loads(c.getresponse().read())
        finally:
            c.close()

    def asked(self, path, seconds=60):
        """The answer, or None when there was none in time or the client ended."""
        deadline = time.time() + seconds
        while time.time() < deadline and self.p.poll() is None:
            try:
                return self.ask(path)
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(0.1)
        return None

    def end(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        shutil.rmtree(self.home, ignore_errors=True)
