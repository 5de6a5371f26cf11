"""A second implementation of Crust's proof formats, written from docs/spec alone and meant to be read
beside it: no code is shared with the C sources, and where C is incremental this is naive.

Contents: canonical DAG-CBOR, content commitment, volume trees, state, steps, draws, openings, reports.
Needs Python 3.9+ and, for report signatures only, the package "cryptography".
"""
import hashlib
import hmac

CHUNK = 1024
ZERO = bytes(32)


def H(tag, *parts):
    return hashlib.sha256(tag.encode() + b"".join(parts)).digest()


def u32(v):
    return v.to_bytes(4, "little")


def u64(v):
    return v.to_bytes(8, "little")


# ---- canonical DAG-CBOR ---------------------------------------------------------------------


def cbor(v):
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if n < 1 << (8 * size):
                return bytes([major << 5 | code]) + n.to_bytes(size, "big")
        raise ValueError(n)

    if v is None:
        return b"\xf6"
    if v is True or v is False:
        return b"\xf5" if v else b"\xf4"
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        b = v.encode()
        return head(3, len(b)) + b
    if isinstance(v, (list, tuple)):
        return head(4, len(v)) + b"".join(cbor(x) for x in v)
    if isinstance(v, dict):
        keys = sorted(v, key=lambda k: (len(k.encode()), k.encode()))
        return head(5, len(v)) + b"".join(cbor(k) + cbor(v[k]) for k in keys)
    raise TypeError(type(v))


# ---- RFC 6962 shaped trees ------------------------------------------------------------------


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def merkle(leaves, node):
    """The root of a list of leaf values (hashes, or (hash, sum) pairs), by the definition."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(merkle(leaves[:k], node), merkle(leaves[k:], node))


def audit_path(leaves, index, node):
    """Siblings from the bottom up."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return audit_path(leaves[:k], index, node) + [merkle(leaves[k:], node)]
    return audit_path(leaves[k:], index - k, node) + [merkle(leaves[:k], node)]


def pair(tag):
    return lambda left, right: H(tag, left, right)


def sum_pair(tag):
    return lambda l, r: (H(tag, l[0], u64(l[1]), r[0], u64(r[1])), l[1] + r[1])


# ---- content commitment ---------------------------------------------------------------------


def chunks(block):
    return [block[i:i + CHUNK] for i in range(0, len(block), CHUNK)] or [b""]


def chunk_leaves(block):
    return [H("crust/chunk/1", c) for c in chunks(block)]


def chunk_root(block):
    return merkle(chunk_leaves(block), pair("crust/chunk-node/1"))


def record(codec, block):
    return u32(codec) + hashlib.sha256(block).digest() + u32(len(block)) + chunk_root(block)


def record_key(rec):
    return (int.from_bytes(rec[:4], "little"), rec[4:36])


def record_length(rec):
    return int.from_bytes(rec[36:40], "little")


def record_leaves(records):
    return [(H("crust/record/1", r), record_length(r)) for r in records]


def data_root(records):
    """records: 72-byte strings, strictly ascending. Returns (data_root, size)."""
    keys = [record_key(r) for r in records]
    assert keys == sorted(set(keys)) and records
    root, size = merkle(record_leaves(records), sum_pair("crust/record-node/1"))
    return H("crust/data/1", u64(len(records)), u64(size), root), size


# ---- sealed segments ------------------------------------------------------------------------


def seal_root(segments):
    """segments: [(length, wrapped 76 bytes)]."""
    leaves = [H("crust/segment-leaf/1", u32(i), u32(n), H("crust/wrapped/1", w)) for i, (n, w) in enumerate(segments)]
    return merkle(leaves, pair("crust/segment-node/1"))


# ---- free space -----------------------------------------------------------------------------


def srd_root(data):
    return merkle([H("crust/srd-chunk/1", c) for c in chunks(data)], pair("crust/srd-node/1"))


# ---- volume trees ---------------------------------------------------------------------------


def file_leaf(f):
    codec, digest, size, droot, sroot = f
    return H("crust/file/1", u32(codec), digest, u64(size), droot, sroot), size


def extent_leaf(e):
    root, size = e
    return H("crust/extent/1", root, u64(size)), size


EMPTY = (ZERO, 0)


def tree_node(l, r):
    if l == EMPTY and r == EMPTY:
        return EMPTY
    return H("crust/tree-node/1", l[0], u64(l[1]), r[0], u64(r[1])), l[1] + r[1]


def subtree(leaves, level, first):
    """The node of height `level` over the indexes [first, first + 2^level); leaves: {index: (hash, sum)}."""
    if not leaves:
        return EMPTY
    if level == 0:
        return leaves[first]
    middle = first + (1 << (level - 1))
    return tree_node(subtree({i: v for i, v in leaves.items() if i < middle}, level - 1, first),
                     subtree({i: v for i, v in leaves.items() if i >= middle}, level - 1, middle))


def tree_root(leaves):
    return subtree(leaves, 32, 0)


def tree_siblings(leaves, index):
    out = []
    for level in range(32):
        first = ((index >> level) ^ 1) << level
        out.append(subtree({i: v for i, v in leaves.items() if first <= i < first + (1 << level)}, level, first))
    return out


def path_bytes(siblings):
    bits, body = 0, b""
    for level, s in enumerate(siblings):
        if s != EMPTY:
            bits |= 1 << level
            body += s[0] + u64(s[1])
    return u32(bits) + body


def tree_path(leaves, index):
    return path_bytes(tree_siblings(leaves, index))


# ---- state, steps ---------------------------------------------------------------------------


class Volume:
    def __init__(self):
        self.generation, self.files, self.extents = 0, {}, {}   # index -> file tuple / extent tuple

    def tree(self, kind):
        return {i: file_leaf(f) for i, f in self.files.items()} if kind == 0 else \
               {i: extent_leaf(e) for i, e in self.extents.items()}

    def encode(self):
        out = u32(self.generation)
        for kind, leaves in ((0, self.files), (1, self.extents)):
            root, total = tree_root(self.tree(kind))
            out += root + u64(total) + u32(len(leaves))
        return out


class State:
    def __init__(self, lineage):
        self.lineage, self.seq, self.volumes = lineage, 0, [Volume() for _ in range(16)]

    def S(self):
        return H("crust/state/1", self.lineage, u64(self.seq), *[v.encode() for v in self.volumes])

    # Each op applies itself and returns its tuple, with the path of the tree just before it.
    def add_files(self, volume, first, files):
        v = self.volumes[volume]
        op = [0, volume, first, [list(f) for f in files], tree_path(v.tree(0), first)]
        for i, f in enumerate(files):
            assert first + i not in v.files
            v.files[first + i] = tuple(f)
        return op

    def remove_file(self, volume, index):
        v = self.volumes[volume]
        op = [1, volume, index, list(v.files[index]), tree_path(v.tree(0), index)]
        del v.files[index]
        return op

    def add_extents(self, volume, first, extents):
        v = self.volumes[volume]
        op = [2, volume, first, [list(e) for e in extents], tree_path(v.tree(1), first)]
        for i, e in enumerate(extents):
            assert first + i not in v.extents
            v.extents[first + i] = tuple(e)
        return op

    def remove_extent(self, volume, index):
        v = self.volumes[volume]
        op = [3, volume, index, list(v.extents[index]), tree_path(v.tree(1), index)]
        del v.extents[index]
        return op

    def drop(self, volume):
        v = self.volumes[volume]
        v.generation, v.files, v.extents = v.generation + 1, {}, {}
        return [4, volume]

    def step(self, ops, prev):
        """Closes ops (already applied) into a step; seq grows by one."""
        self.seq += 1
        return {"lineage": self.lineage, "seq": self.seq, "prev": prev, "s": self.S(), "ops": ops}


# ---- draws ----------------------------------------------------------------------------------


def draw(chain, beacon, lineage, slot, kind, j, total):
    d = H("crust/draw/1", chain, beacon, lineage, u64(slot), bytes([kind]), u32(j))
    return int.from_bytes(d[:16], "little") % total


def private_draw(key, beacon, slot, i, total):
    d = hmac.new(key, b"crust/inspect/1" + beacon + u64(slot) + u32(i), hashlib.sha256).digest()
    return int.from_bytes(d[:16], "little") % total


def locate(leaves, offset):
    """The index of the leaf that holds byte `offset` of a tree, and the offset inside it."""
    for i in sorted(leaves):
        if offset < leaves[i][1]:
            return i, offset
        offset -= leaves[i][1]
    raise IndexError(offset)


# ---- openings -------------------------------------------------------------------------------


def sum_path_bytes(path):
    return b"".join(h + u64(s) for h, s in path)


def file_opening(volume, offset, blocks_of):
    """volume: Volume; offset within its files; blocks_of(file) -> [(codec, bytes)] of that file."""
    leaves = volume.tree(0)
    index, rest = locate(leaves, offset)
    f = volume.files[index]
    by_record = {record(c, b): b for c, b in blocks_of(f)}
    records = sorted(by_record, key=record_key)
    rl = record_leaves(records)
    for ri, rec in enumerate(records):
        if rest < record_length(rec):
            break
        rest -= record_length(rec)
    block = by_record[rec]
    ci = rest // CHUNK
    return [index, list(f), tree_path(leaves, index), len(records), ri, rec,
            sum_path_bytes(audit_path(rl, ri, sum_pair("crust/record-node/1"))), chunks(block)[ci],
            b"".join(audit_path(chunk_leaves(block), ci, pair("crust/chunk-node/1")))]


def srd_opening(volume, offset, data_of):
    leaves = volume.tree(1)
    index, rest = locate(leaves, offset)
    e = volume.extents[index]
    data = data_of(e)
    ci = rest // CHUNK
    cl = [H("crust/srd-chunk/1", c) for c in chunks(data)]
    return [index, list(e), tree_path(leaves, index), chunks(data)[ci],
            b"".join(audit_path(cl, ci, pair("crust/srd-node/1")))]


# ---- reports --------------------------------------------------------------------------------


def report_message(step, attempt):
    return (b"crust/report/1" + hashlib.sha256(cbor(step)).digest() + hashlib.sha256(cbor(attempt)).digest())


def sign_report(seed, step, attempt):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return {"sig": key.sign(report_message(step, attempt)), "step": step, "attempt": attempt}


# ---- beacon ---------------------------------------------------------------------------------


def beacon_alpha(chain, slot, prev):
    return H("crust/beacon-alpha/1", chain, u64(slot), prev)


def beacon(prev, slot, contributions):
    """contributions: {key32: beta64}."""
    return H("crust/beacon/1", prev, u64(slot), *[k + contributions[k] for k in sorted(contributions)])


def order_id(codec, digest, size, droot):
    return H("crust/order/1", u32(codec), digest, u64(size), droot or ZERO)


# ---- evidence -------------------------------------------------------------------------------


def release_id(version):
    return H("crust/release/1", version.encode())


def evidence_report_data(worker, account, chain, release, block, predecessor=None, exchange=None):
    tag, parts = "crust/evidence/1", [worker, account, chain, release, block]
    if predecessor is not None:
        tag, parts = "crust/evidence-successor/1", parts + [predecessor, exchange]
    return H(tag, *parts) + ZERO


def collateral_id(kind, which, rest=b""):
    return H("crust/collateral/1", bytes([kind, which]), rest)


def class_power(files, srd, permille, srd_percent, hardware):
    """Power of a worker: files and free space by its class, free space capped by its share."""
    files = files * permille // 1000
    srd = srd * permille // 1000 if hardware else 0
    return files + (srd if srd_percent >= 100 else min(srd, files * srd_percent // (100 - srd_percent)))
