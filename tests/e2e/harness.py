"""What the end to end tests share: checks that print `ok - ` and `not ok - ` lines, a temporary home,
and running `crust`. A test file is a program; finish() gives its exit code."""
import atexit
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parent.parent.parent
build = root / os.environ.get("CRUST_BUILD", "build/release") / "bin"
failures = 0
PATIENCE = 3  # a deadline is written for a machine that does nothing else; who waits for what comes loses nothing by waiting longer
_children = []
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what a test has started and written is removed


def check(name, good, detail=""):
    global failures
    if good:
        print(f"ok - {name}", flush=True)
    else:
        failures += 1
        print(f"not ok - {name}" + (f": {detail}" if detail != "" else ""), flush=True)
    return bool(good)


def equal(name, got, want):
    return check(name, got == want, f"got {got!r}, want {want!r}")


def skip(name, reason):
    print(f"skip - {name}: {reason}", flush=True)


def finish():
    sys.exit(1 if failures else 0)


def temp_dir():
    d = tempfile.mkdtemp(prefix="crust-test-")
    atexit.register(shutil.rmtree, d, ignore_errors=True)
    return pathlib.Path(d)


class Home:
    """A CRUST_HOME of its own."""

    def __init__(self, path=None, **env):
        self.path = pathlib.Path(path) if path else temp_dir()
        self.env = dict(os.environ, CRUST_HOME=str(self.path), CRUST_PASSWORD="test password", **env)

    def run(self, *args, input=None, timeout=180):
        """(exit code, standard output, standard error), as bytes."""
        p = subprocess.run([str(build / "crust"), *map(str, args)], input=input if input is not None else b"",
                           capture_output=True, env=self.env, timeout=timeout)
        return p.returncode, p.stdout, p.stderr

    def text(self, *args, **kw):
        """Standard output without the last line end; the command must succeed."""
        code, out, err = self.run(*args, **kw)
        if code != 0:
            check(f"crust {' '.join(map(str, args))}", False, f"exit {code}: {err.decode(errors='replace')}")
        return out.decode(errors="replace").rstrip("\n")

    def json(self, *args, **kw):
        return json.loads(self.text(*args, "--json", **kw) or "null")


def start(args, env=None, log=None):
    """Starts a program that is killed at the end of the test."""
    out = open(log, "ab") if log else subprocess.DEVNULL
    p = subprocess.Popen([str(a) for a in args], env=env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    _children.append(p)
    return p


def _stop_all():
    for p in _children:
        if p.poll() is None:
            p.kill()
            p.wait()


atexit.register(_stop_all)


def wait_for(what, seconds, every=0.05):
    """Asks `what` again and again until it is true; gives its value, or None when PATIENCE times the seconds are over."""
    end = time.monotonic() + PATIENCE * seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(every)
    return None
