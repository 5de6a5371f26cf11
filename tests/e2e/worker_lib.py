"""Accounts and storage workers in Python, written from docs/spec over tests/oracle: no code is shared with the C
sources. They speak to a real crust-chaind over its HTTP API. A worker has no enclave: it holds real
bytes, answers the real draws, and lies when a test says so."""
import copy
import hashlib
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
import crust_oracle as o  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: E402

RAW, PB = 0x55, 0x70
EXTENT = 1 << 20


def sha(b):
    return hashlib.sha256(b).digest()


class Key:
    def __init__(self, seed):
        self.seed = seed
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def amount(n):
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


# ---- content --------------------------------------------------------------------------------


def raw(data):
    return RAW, data


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, data):
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def node(children, data=b""):
    """A dag-pb block with a link to each child, (codec, bytes)."""
    links = b""
    for codec, b in children:
        cid = bytes([1]) + varint(codec) + b"\x12\x20" + sha(b)
        links += field(2, field(1, cid) + field(2, b"") + bytes([3 << 3]) + varint(len(b)))
    return PB, links + (field(1, data) if data else b"")


class Content:
    """Blocks, the first being the root; lie(records) may change what is committed to."""

    def __init__(self, blocks, lie=None):
        self.blocks = blocks
        self.codec, self.digest = blocks[0][0], sha(blocks[0][1])
        self.records = sorted({o.record(c, b) for c, b in blocks}, key=o.record_key)
        if lie:
            self.records = lie(list(self.records))
        root, total = o.merkle(o.record_leaves(self.records), o.sum_pair("crust/record-node/1"))
        self.size = total
        self.root = o.H("crust/data/1", o.u64(len(self.records)), o.u64(total), root)
        self.order_id = o.order_id(self.codec, self.digest, self.size, self.root)
        self.plain_id = o.order_id(self.codec, self.digest, 0, None)
        self.leaf = (self.codec, self.digest, self.size, self.root, sha(b"sealed" + self.digest))
        self.by_digest = {sha(b): b for _, b in blocks}

    def path(self, i):
        return o.sum_path_bytes(o.audit_path(o.record_leaves(self.records), i, o.sum_pair("crust/record-node/1")))

    def index(self, block):
        return next(i for i, r in enumerate(self.records) if r[4:36] == sha(block[1]))

    def proof(self, indexes, missing=None):
        """What a dispute shows: the records at the indexes, in that order."""
        return o.cbor({"n": len(self.records), "size": self.size, "data_root": self.root,
                       "missing": None if missing is None else [missing[0], sha(missing[1])],
                       "records": [[i, self.records[i], self.path(i)] for i in indexes]})

    def opening(self, volume, offset):
        """As o.file_opening, from the records as they are committed to."""
        leaves = volume.tree(0)
        index, rest = o.locate(leaves, offset)
        for ri, rec in enumerate(self.records):
            if rest < o.record_length(rec):
                break
            rest -= o.record_length(rec)
        block = self.by_digest[rec[4:36]]
        ci = rest // o.CHUNK
        return [index, list(volume.files[index]), o.tree_path(leaves, index), len(self.records), ri, rec, self.path(ri),
                o.chunks(block)[ci], b"".join(o.audit_path(o.chunk_leaves(block), ci, o.pair("crust/chunk-node/1")))]


def content(seed, sizes=(3000,)):
    r = random.Random(seed)
    leaves = [raw(r.randbytes(n)) for n in sizes]
    return Content(leaves if len(leaves) == 1 else [node(leaves)] + leaves)


# ---- accounts -------------------------------------------------------------------------------


class Account:
    """Signs transactions; chain: lib.Chaind."""

    def __init__(self, chain, seed):
        self.chain, self.key = chain, Key(bytes.fromhex(seed))
        self.id, self.hex = self.key.public, self.key.public.hex()

    def read(self):
        return self.chain.get("/v1/accounts/" + self.hex)[1]

    def free(self):
        return int(self.read()["free"])

    def sign(self, name, args, nonce=None, ahead=50, expiry=None):
        if nonce is None:
            nonce = self.read()["nonce"]
        if expiry is None:
            expiry = self.chain.get("/v1/status")[1]["height"] + ahead
        tx = {"by": self.id, "tip": b"", "call": [name, args], "from": self.id, "chain": sha(self.chain.chain_id.encode()),
              "nonce": nonce, "expiry": expiry}
        tx["sig"] = self.key.private.sign(b"crust/tx/1" + sha(o.cbor(tx)))
        return o.cbor(tx)

    def send(self, name, args, **kw):
        """The result's name, once it is in a block; or the refusal's at the door."""
        return self.send_bytes(self.sign(name, args, **kw))[0]

    def send_bytes(self, tx, seconds=60):
        status, answer = self.chain.post(tx)
        if status not in (200, 202):
            return answer.get("name") or str(answer), None
        end = time.time() + seconds
        while time.time() < end:
            done = self.chain.get("/v1/tx/" + sha(tx).hex())[1]
            if done.get("state") == "done":
                return done["name"], done
            if done.get("state") not in ("pending", None):
                return done.get("name") or str(done), done
            time.sleep(0.02)
        return "TIMEOUT", None

    def order(self, c, with_root=True, size=None, tip=0, replicas=0, origins=(), **kw):
        args = {"key": [c.codec, c.digest], "tip": amount(tip), "size": c.size if size is None else size, "origins": list(origins),
                "replicas": replicas, "data_root": c.root if with_root else None}
        return self.send("order", args, **kw)

    def order_bytes(self, c, nonce, expiry):
        return self.sign("order", {"key": [c.codec, c.digest], "tip": b"", "size": c.size, "origins": [], "replicas": 0,
                                   "data_root": c.root}, nonce=nonce, expiry=expiry)

    def dispute(self, name, order, proof, block=None):
        args = {"order": order, "proof": proof}
        if block is not None:
            args["block"] = block[1]
        return self.send(name, args)


# ---- workers --------------------------------------------------------------------------------


class Worker:
    def __init__(self, account, seed):
        self.account, self.chain = account, account.chain
        self.key = Key(sha(seed.encode()))
        self.id, self.hex = self.key.public, self.key.public.hex()
        self.state = o.State(self.id)
        self.content_of, self.extent_data = {}, {}
        self.sent = None    # the bytes of the last report transaction
        self.done = None    # what the chain said of it
        self.wrong_draws = 0    # draws of the API that the oracle does not find

    def read(self):
        return self.chain.get("/v1/workers/" + self.hex)[1]

    def work(self):
        return self.chain.get(f"/v1/workers/{self.hex}/work")[1]

    def answered(self, volume=0):
        return next((v["answered"] for v in self.read()["volumes"] if v["volume"] == volume), 0)

    def register(self, release="0.1.0"):
        s = self.chain.get("/v1/status")[1]
        rid = o.H("crust/release/1", release.encode())
        data = o.H("crust/evidence/1", self.id, self.account.id, sha(self.chain.chain_id.encode()), rid,
                   bytes.fromhex(s["block_hash"])) + bytes(32)
        sig = self.key.private.sign(b"crust/evidence-software/1" + data)
        return self.account.send("worker.register", {"block": s["height"], "worker": self.id, "release": rid,
                                                     "evidence": o.cbor({"data": sig, "kind": "software"})})

    # Changes, to be given to report(): each is a function of the state.
    def add(self, *contents, volume=0, first=None):
        for c in contents:
            self.content_of[c.leaf] = c
        return lambda s: s.add_files(volume, len(s.volumes[volume].files) if first is None else first, [c.leaf for c in contents])

    def remove(self, c, volume=0):
        return lambda s: s.remove_file(volume, next(i for i, f in s.volumes[volume].files.items() if f == c.leaf))

    def fill(self, seed, volume=0):
        data = random.Random(seed).randbytes(EXTENT)
        e = (o.srd_root(data), EXTENT)
        self.extent_data[e] = data
        return lambda s: s.add_extents(volume, len(s.volumes[volume].extents), [e])

    def draws(self, due, suspended):
        """The answers to the draws of a slot, found by the oracle."""
        slot, beacon = due["slot"], bytes.fromhex(due["beacon"])
        answers, places = [], []
        p = self.chain.params
        for kind, count in ((0, p["draws_files"]), (1, p["draws_srd"])):
            trees = [v.tree(kind) if not suspended >> i & 1 else {} for i, v in enumerate(self.state.volumes)]
            totals = [sum(x[1] for x in t.values()) for t in trees]
            for j in range(count if sum(totals) else 0):
                off = o.draw(sha(self.chain.chain_id.encode()), beacon, self.id, slot, kind, j, sum(totals))
                v = 0
                while off >= totals[v]:
                    off -= totals[v]
                    v += 1
                places.append((kind, j, v, str(off)))
                volume = self.state.volumes[v]
                if kind == 0:
                    c = self.content_of[volume.files[o.locate(trees[v], off)[0]]]
                    answers.append([0, j, c.opening(volume, off)])
                else:
                    answers.append([1, j, o.srd_opening(volume, off, self.extent_data.get)])
        said = [(d["kind"], d["j"], d["volume"], str(d["offset"])) for d in due["draws"]]
        self.wrong_draws += said != places
        return [slot, beacon, answers]

    def build(self, w, changes=(), edit=None):
        """(report, the state after it). edit(attempt, step) may spoil it before it is signed."""
        after = copy.deepcopy(self.state) if changes else self.state
        before, step = self.state.S(), None
        if changes:
            step = after.step([c(after) for c in changes], before)
        entries = [self.draws(d, w["suspended"]) for d in w["due"]] if w["first_report"] else []
        attempt = {"slot": w["slot"], "chain": sha(self.chain.chain_id.encode()), "state": before, "failed": [], "answers": entries,
                   "beacon": bytes.fromhex(w["beacon"]), "return": None, "account": self.account.id, "suspend": None,
                   "worker": self.id}
        if edit:
            edit(attempt, step)
        return o.cbor(o.sign_report(self.key.seed, step, attempt)), after

    def wait_window(self, room=3, first=None):
        """The work of a moment in which a report still fits into its slot; first: only a first (or a later) one."""
        end = time.time() + 120
        while time.time() < end:
            w = self.work()
            if w["window_open"] and w["slot_offset"] + room <= self.chain.params["report_blocks"] and first in (None, w["first_report"]):
                return w
            time.sleep(0.02)
        raise RuntimeError(f"no report part: {w}")

    def report(self, *changes, edit=None, sender=None, first=None):
        """Sends a report in the next report part; the result's name."""
        for _ in range(10):
            w = self.wait_window(first=first)
            report, after = self.build(w, changes, edit)
            p = self.chain.params
            sender = sender or self.account
            self.sent = sender.sign("report", {"report": report}, expiry=w["slot"] * p["slot_blocks"] + p["report_blocks"] - 1)
            result, self.done = sender.send_bytes(self.sent)
            if result in ("OK", "FAULT"):
                self.state = after
            # Too late for its slot, by a machine that is busy: once more.
            if result not in ("EXPIRED", "REPORT_WRONG_SLOT", "REPORT_WINDOW", "TIMEOUT"):
                return result
            self.account_for(after)
        return result

    def account_for(self, after):
        """What the chain has stored decides whether a lost report was taken."""
        if self.read()["state"] == after.S().hex():
            self.state = after
