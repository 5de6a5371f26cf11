"""A program of tests/tools that answers one line to each line (tests/tools/driver.h)."""
import os
import pathlib
import subprocess
import threading

TOOLS = pathlib.Path(__file__).resolve().parents[2] / os.environ.get("CRUST_BUILD", "build/release") / "tools"


class Driver:
    def __init__(self, name):
        self.lock = threading.Lock()
        self.p = subprocess.Popen([TOOLS / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        """The words of the answer."""
        with self.lock:
            self.p.stdin.write(" ".join(str(w) for w in words) + "\n")
            self.p.stdin.flush()
            answer = self.p.stdout.readline().split()
        assert answer and answer[0] != "error", (words, answer)
        return answer

    def close(self):
        self.p.stdin.close()
        self.p.wait()
