#!/usr/bin/env python3
"""Writes tests/vectors/oracle/*.json from the oracle. Deterministic: `make check` runs it with --check,
which compares instead of writing."""
import hashlib
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import crust_oracle as o  # noqa: E402

out = pathlib.Path(__file__).resolve().parent.parent / "vectors/oracle"
CHAIN = hashlib.sha256(b"crust-devnet").digest()
SEED = hashlib.sha256(b"oracle worker").digest()


def block_bytes(length, index):
    return hashlib.sha256(b"%d %d" % (length, index)).digest() * (length // 32) + b"x" * (length % 32)


def content():
    rows = []
    for lengths in ([0], [1], [1023], [1024], [1025], [4096, 5000], [0, 1, 2047, 2048, 2049], [262144, 100]):
        blocks = [(0x55 if i % 2 == 0 else 0x71, block_bytes(n, i)) for i, n in enumerate(lengths)]
        records = sorted((o.record(c, b) for c, b in blocks), key=o.record_key)
        root, size = o.data_root(records)
        rows.append({"blocks": [{"codec": c, "length": len(b), "index": i,
                                 "sha256": hashlib.sha256(b).hexdigest(), "chunk_root": o.chunk_root(b).hex()}
                                for i, (c, b) in enumerate(blocks)],
                     "records": [r.hex() for r in records], "size": size, "data_root": root.hex()})
    return {"block_bytes": "SHA-256 of the text '<length> <index>' repeated length/32 times, then length%32 times 'x'",
            "cases": rows}


def sample_file(r, blocks):
    records = sorted({o.record(c, b) for c, b in blocks}, key=o.record_key)
    root, size = o.data_root(records)
    c, b = blocks[0]
    wrapped = bytes(r.getrandbits(8) for _ in range(76))
    return (c, hashlib.sha256(b).digest(), size, root, o.seal_root([(size, wrapped)]))


def rand_bytes(r, n):
    return bytes(r.getrandbits(8) for _ in range(n))


def life():
    """One worker: three steps, then a report with openings of both kinds under its signature."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    r = random.Random(20261122)
    worker = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    s = o.State(worker)
    content_of, steps = {}, []

    def new_file():
        blocks = [(0x55, rand_bytes(r, r.choice([1, 500, 1024, 3000, 9000]))) for _ in range(r.randint(1, 5))]
        f = sample_file(r, blocks)
        content_of[f] = blocks
        return f

    def new_extent():
        d = r.randbytes(1 << 20)
        e = (o.srd_root(d), len(d))
        content_of[e] = d
        return e
    prev = s.S()
    states = [{"seq": 0, "S": prev.hex()}]
    for n in range(3):
        ops = []
        if n == 0:
            ops.append(s.add_files(0, 0, [new_file() for _ in range(5)]))
            ops.append(s.add_extents(0, 0, [new_extent() for _ in range(3)]))
            ops.append(s.add_files(3, 7, [new_file()]))
        elif n == 1:
            ops.append(s.remove_file(0, 2))
            ops.append(s.remove_extent(0, 1))
            ops.append(s.add_files(0, 2, [new_file()]))
            ops.append(s.add_files(0, 5, [new_file(), new_file()]))
            ops.append(s.add_extents(3, 0, [new_extent()]))
        else:
            ops.append(s.drop(3))
            ops.append(s.add_files(3, 0, [new_file()]))
        step = s.step(ops, prev)
        prev = step["s"]
        steps.append(o.cbor(step).hex())
        states.append({"seq": s.seq, "S": prev.hex(), "volumes": "".join(v.encode().hex() for v in s.volumes)})
    slot, beacon = 42, o.H("test beacon")
    account = o.H("test account")
    answers, draws = [], []
    for kind in (0, 1):
        trees = [v.tree(kind) for v in s.volumes]
        totals = [sum(x[1] for x in t.values()) for t in trees]
        for j in range(2):
            off = o.draw(CHAIN, beacon, worker, slot, kind, j, sum(totals))
            draws.append({"kind": kind, "j": j, "total": sum(totals), "offset": off})
            v = 0
            while off >= totals[v]:
                off -= totals[v]
                v += 1
            opening = o.file_opening(s.volumes[v], off, content_of.get) if kind == 0 else \
                o.srd_opening(s.volumes[v], off, content_of.get)
            draws[-1]["volume"], draws[-1]["index"] = v, opening[0]
            answers.append([kind, j, opening])
    attempt = {"slot": slot, "chain": CHAIN, "state": s.S(), "failed": [], "answers": [[slot, beacon, answers]], "beacon": beacon,
               "return": None, "account": account, "suspend": None, "worker": worker}
    report = o.sign_report(SEED, None, attempt)
    return {"chain": CHAIN.hex(), "worker": worker.hex(), "states": states, "steps": steps, "slot": slot,
            "beacon": beacon.hex(), "account": account.hex(), "draws": draws, "report": o.cbor(report).hex(),
            "report_with_step": o.cbor(o.sign_report(SEED, {"lineage": worker, "seq": s.seq, "prev": prev, "s": prev,
                                                            "ops": [[4, 0]]}, attempt)).hex()}


def misc():
    key = o.H("inspect key")
    bound = [bytes([i + 1]) * 32 for i in range(7)]
    return {"evidence": {"release": "1.2.0", "release_id": o.release_id("1.2.0").hex(),
                         "bound": [b.hex() for b in bound], "data": o.evidence_report_data(*bound[:5]).hex(),
                         "successor": o.evidence_report_data(*bound).hex()},
            "collateral": {"tcb_info": o.collateral_id(0, 1, bytes(range(6))).hex(), "qe_identity": o.collateral_id(1, 0).hex(),
                           "amd_crl": o.collateral_id(4, 1).hex(), "asvk": o.collateral_id(5, 5).hex()},
            "power": [{"files": f, "srd": s, "permille": m, "percent": p, "hardware": h, "power": o.class_power(f, s, m, p, h)}
                      for f, s, m, p, h in ((1000, 900, 1000, 20, True), (1000, 900, 500, 20, True), (999, 10, 333, 20, True),
                                            (1000, 900, 200, 20, False), (7, 1 << 40, 1000, 100, True))],
            "draws": [{"slot": s, "kind": k, "j": j, "total": t,
                       "offset": o.draw(CHAIN, o.H("b"), o.H("l"), s, k, j, t)}
                      for s, k, j, t in ((0, 0, 0, 1), (1, 0, 1, 1000), (7, 1, 0, 2**40), (2**40, 3, 19, 2**63 - 1))],
            "chain": CHAIN.hex(), "beacon_in": o.H("b").hex(), "lineage": o.H("l").hex(), "inspect_key": key.hex(),
            "private": [{"slot": s, "i": i, "total": t, "offset": o.private_draw(key, o.H("b"), s, i, t)}
                        for s, i, t in ((0, 0, 5), (3, 63, 10**15))],
            "alpha": {"slot": 9, "prev": o.H("b").hex(), "alpha": o.beacon_alpha(CHAIN, 9, o.H("b")).hex()},
            "beacon": {"slot": 9, "prev": o.H("b").hex(), "contributions": {o.H("k2").hex(): (o.H("x") + o.H("y")).hex(),
                                                                          o.H("k1").hex(): (o.H("z") + o.H("w")).hex()},
                       "beacon": o.beacon(o.H("b"), 9, {o.H("k2"): o.H("x") + o.H("y"), o.H("k1"): o.H("z") + o.H("w")}).hex(),
                       "weak": o.beacon(o.H("b"), 9, {}).hex()},
            "segments": [{"segments": [[n, w.hex()] for n, w in segs], "seal_root": o.seal_root(segs).hex()}
                         for segs in ([(0, bytes(76))], [(67108864, b"\x01" * 76), (5, b"\x02" * 76), (7, b"\x03" * 76)])],
            "order": {"codec": 0x70, "digest": o.H("d").hex(), "size": 12345, "data_root": o.H("r").hex(),
                      "id": o.order_id(0x70, o.H("d"), 12345, o.H("r")).hex(),
                      "id_without": o.order_id(0x70, o.H("d"), 12345, None).hex()}}


def handover():
    """docs/spec/handover.md 1 and 4, attest.md 3.1."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    governors = sorted((Ed25519PrivateKey.from_private_bytes(o.H("governor", bytes([i]))) for i in range(3)),
                       key=lambda k: k.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    keys = [k.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for k in governors]
    release = hashlib.sha256(b"crust/release/1" + b"0.2.0").digest()
    body = (b"\1" + CHAIN + o.u32(2) + o.u64(1700000000) + release + o.u32(17) + bytes(10) + b"\4\1\0\x15\x48" + bytes([3])
            + bytes([0]) + bytes(48) + bytes([2]) + b"\x22" * 48 + b"\x23" * 144 + bytes([3]) + b"\x33" * 48)
    signed = o.H("crust/release-cert/1", body)
    cert = body + b"\2" + b"".join(bytes([i]) + governors[i].sign(signed) for i in (0, 2))
    account, old, new, exchange, block = (o.H(x) for x in ("account", "old", "new", "exchange", "block"))
    four = (CHAIN, account, old, new)
    return {"keys": "2:" + ",".join(k.hex() for k in keys),
            "keys_hash": o.H("crust/release-keys/1", b"\2\3", *keys).hex(), "certificate": cert.hex(),
            "number": 2, "issued": 1700000000, "release_id": release.hex(),
            "chain": CHAIN.hex(), "account": account.hex(), "predecessor": old.hex(), "successor": new.hex(),
            "exchange": exchange.hex(), "block_hash": block.hex(),
            "given": o.H("crust/succession-given/1", *four).hex(), "taken": o.H("crust/succession-taken/1", *four).hex(),
            "report_data": (o.H("crust/evidence-successor/1", new, account, CHAIN, release, block, old, exchange) + bytes(32)).hex()}


def main():
    check = "--check" in sys.argv
    out.mkdir(parents=True, exist_ok=True)
    bad = 0
    for name, value in (("content", content()), ("life", life()), ("misc", misc()), ("handover", handover())):
        text = json.dumps(value, indent=1) + "\n"
        path = out / (name + ".json")
        if check:
            same = path.exists() and path.read_text() == text
            print(("ok - " if same else "not ok - ") + f"tests/vectors/oracle/{name}.json is what the oracle makes")
            bad += not same
        else:
            path.write_text(text)
    return 1 if bad else 0


sys.exit(main())
