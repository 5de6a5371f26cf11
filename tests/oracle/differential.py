#!/usr/bin/env python3
"""Random lives of workers, in the oracle and in the C code at once: after every step both have the same S,
tampered steps are refused by C without a trace, reports with honest openings pass and tampered ones do not.

Usage: differential.py [--sequences N] [--seed S]
"""
import argparse
import hashlib
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import crust_oracle as o  # noqa: E402

root = pathlib.Path(__file__).resolve().parent.parent.parent
CHAIN = hashlib.sha256(b"crust-devnet").digest()


class Driver:
    def __init__(self):
        self.p = subprocess.Popen([str(root / "build/release/tools/proof_driver")], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.p.stdin.write(" ".join(words) + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip()


def worker_key(r):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    seed = r.randbytes(32)
    return seed, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Worker:
    def __init__(self, r):
        self.r = r
        self.seed, self.key = worker_key(r)
        self.state = o.State(self.key)
        self.blocks = {}   # file tuple -> blocks
        self.extents = {}  # extent tuple -> data

    def new_file(self, real):
        r = self.r
        if not real:   # roots of nothing: enough for the trees
            return (r.choice([0x55, 0x70, 0x71]), r.randbytes(32), r.choice([0, 1, 1024, r.getrandbits(40)]), r.randbytes(32),
                    r.randbytes(32))
        blocks = [(0x55, r.randbytes(r.choice([0, 1, 1023, 1024, 1025, 5000]))) for _ in range(r.randint(1, 6))]
        records = sorted({o.record(c, b) for c, b in blocks}, key=o.record_key)
        droot, size = o.data_root(records)
        f = (0x55, hashlib.sha256(blocks[0][1]).digest(), size, droot, r.randbytes(32))
        self.blocks[f] = blocks
        return f

    def new_extent(self, real):
        if not real:
            return (self.r.randbytes(32), 1 << self.r.choice([20, 24, 30]))
        d = hashlib.sha256(self.r.randbytes(8)).digest() * 32768
        e = (o.srd_root(d), len(d))
        self.extents[e] = d
        return e

    def random_op(self, real):
        r, s = self.r, self.state
        v = r.randrange(3)
        vol = s.volumes[v]
        kind = r.choices([0, 1, 2, 3, 4], [6, 3, 3, 2, 0.3])[0]
        if kind in (0, 2):
            held = vol.files if kind == 0 else vol.extents
            n = r.choice([1, 1, 1, 2, 5])
            first = max(held, default=-1) + 1
            if n == 1:
                holes = [i for i in range(min(first, 50)) if i not in held]
                first = r.choice(holes + [first, first + r.choice([0, 1, 1000, 2**31])])
                if first >= 2**32 or first in held:
                    first = next(i for i in range(2**32) if i not in held)
            if first + n > 2**32:
                n, first = 1, next(i for i in range(2**32) if i not in held)
            make = self.new_file if kind == 0 else self.new_extent
            return (s.add_files if kind == 0 else s.add_extents)(v, first, [make(real) for _ in range(n)])
        if kind == 1 and vol.files:
            return s.remove_file(v, r.choice(sorted(vol.files)))
        if kind == 3 and vol.extents:
            return s.remove_extent(v, r.choice(sorted(vol.extents)))
        return s.drop(v)

    def random_step(self, real=False):
        prev = self.state.S()
        ops = [self.random_op(real) for _ in range(self.r.randint(1, 4))]
        return self.state.step(ops, prev)

    def report(self, slot, beacon):
        s = self.state
        answers = []
        for kind in (0, 1):
            trees = [v.tree(kind) for v in s.volumes]
            totals = [sum(x[1] for x in t.values()) for t in trees]
            for j in range(2 if sum(totals) else 0):
                off = o.draw(CHAIN, beacon, self.key, slot, kind, j, sum(totals))
                v = 0
                while off >= totals[v]:
                    off -= totals[v]
                    v += 1
                answers.append([kind, j, o.file_opening(s.volumes[v], off, self.blocks.get) if kind == 0 else
                                o.srd_opening(s.volumes[v], off, self.extents.get)])
        return {"slot": slot, "chain": CHAIN, "state": s.S(), "failed": [], "answers": [[slot, beacon, answers]], "beacon": beacon,
                "return": None, "account": bytes(32), "suspend": None, "worker": self.key}


def tamper(r, data):
    b = bytearray(data)
    how = r.randrange(3)
    if how == 0:
        b[r.randrange(len(b))] ^= 1 << r.randrange(8)
    elif how == 1:
        del b[r.randrange(len(b)):]
    else:
        b += r.randbytes(1)
    return bytes(b)


def sequences(driver, n, seed):
    refused = steps = 0
    for i in range(n):
        r = random.Random(f"{seed}/{i}")
        w = Worker(r)
        got = driver.ask("begin", w.key.hex())
        if got != "ok " + w.state.S().hex():
            return f"sequence {i}: S_0 differs: {got}"
        for _ in range(r.randint(1, 3)):
            plain = w.random_step()
            step = o.cbor(plain)
            # What a later drop in the same step wipes out may be anything: S does not depend on it.
            if all(op[0] != 4 for op in plain["ops"]):
                bad = driver.ask("step", tamper(r, step).hex())
                if not bad.startswith("refused"):
                    return f"sequence {i}: a tampered step was taken: {bad}"
                refused += 1
            got = driver.ask("step", step.hex())
            if got != "ok " + w.state.S().hex():
                return f"sequence {i}: {got}, the oracle has {w.state.S().hex()}"
            steps += 1
    print(f"ok - {n} operation sequences of {steps} steps give the same S in C and in the oracle")
    print(f"ok - {refused} tampered steps are refused and leave no trace")
    return None


def reports(driver, n, seed):
    bad = 0
    for i in range(n):
        r = random.Random(f"{seed}/report/{i}")
        w = Worker(r)
        driver.ask("begin", w.key.hex())
        for _ in range(2):
            got = driver.ask("step", o.cbor(w.random_step(real=True)).hex())
            if not got.startswith("ok"):
                return f"report {i}: {got}"
        attempt = w.report(r.getrandbits(32), r.randbytes(32))
        good = o.sign_report(w.seed, None, attempt)
        got = driver.ask("report", o.cbor(good).hex(), CHAIN.hex(), "0")
        if got != "true":
            return f"report {i}: an honest report is {got}"
        older = o.sign_report(w.seed, None, dict(attempt, state=r.randbytes(32)))
        if not driver.ask("report", o.cbor(older).hex(), CHAIN.hex(), "0").startswith("false"):
            return f"report {i}: a report over another state passed"
        if not attempt["answers"][0][2]:
            continue
        for _ in range(5):   # properly signed lies: one opening's bytes are changed
            lie = o.cbor(attempt)
            entry = attempt["answers"][0][2]
            k = r.randrange(len(entry))
            opening = list(entry[k][2])
            at = r.choice([i for i, x in enumerate(opening) if isinstance(x, bytes) and x])
            flipped = bytearray(opening[at])
            flipped[r.randrange(len(flipped))] ^= 1 << r.randrange(8)
            opening[at] = bytes(flipped)
            lying = dict(attempt, answers=[[attempt["slot"], attempt["beacon"],
                                            entry[:k] + [[entry[k][0], entry[k][1], opening]] + entry[k + 1:]]])
            assert o.cbor(lying) != lie
            got = driver.ask("report", o.cbor(o.sign_report(w.seed, None, lying)).hex(), CHAIN.hex(), "0")
            if not got.startswith("false"):
                return f"report {i}: a false opening passed"
            bad += 1
    print(f"ok - {n} signed reports with openings from the oracle pass in C")
    print(f"ok - {bad} signed reports with one flipped bit in an opening are false")
    return None


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--sequences", type=int, default=10000)
    a.add_argument("--reports", type=int, default=150)
    a.add_argument("--seed", default="1")
    a = a.parse_args()
    driver = Driver()
    for what in (lambda: sequences(driver, a.sequences, a.seed), lambda: reports(driver, a.reports, a.seed)):
        problem = what()
        if problem:
            print(f"not ok - differential test (seed {a.seed}): {problem}")
            return 1
    return 0


sys.exit(main())
