"""The market's arithmetic, written from docs/spec/market.md alone: prices, the split, income. p: the
parameters by name, with the prices as they stand."""

MIB = 1 << 20
PERBILL = 10**9


def pb(percent, x):
    """percent of x in parts of 10^9, rounded to nearest, an exact half down."""
    n = percent * (PERBILL // 100) * x
    q, r = divmod(n, PERBILL)
    return q + (2 * r > PERBILL)


def ceil_div(a, b):
    return -(-a // b)


def quote(p, size, replicas=0):
    """What an order costs and how that is split: total, base, staking, storage, reserved."""
    byte = p["price_byte"] * ceil_div(size, MIB)
    wanted = replicas or p["replicas_default"]
    if wanted != p["replicas_default"]:
        byte = ceil_div(byte * wanted, p["replicas_default"])
    amount = byte + p["price_keys"]
    base = p["price_base"]
    staking, storage = pb(p["staking_percent"], amount), pb(p["storage_percent"], amount)
    return {"total": amount + base, "base": base, "staking": staking, "storage": storage, "reserved": amount + base - staking - storage}


class Income:
    """What an order has to give to those who answer."""

    def __init__(self, p, unpaid, blocks, wanted):
        self.p, self.unpaid, self.wanted = p, unpaid, wanted
        self.spread(blocks)

    def spread(self, blocks, more=0):
        """Income is set or added to, with so many blocks left."""
        self.unpaid += more
        self.income, self.shares = self.unpaid, ceil_div(blocks, self.p["slot_blocks"]) * self.wanted

    def settle(self, answered):
        """What each paid replica gets for the slots it answered since the last settlement."""
        paid = []
        for d in answered:
            v = min(self.income * d // self.shares, self.unpaid)
            self.unpaid -= v
            paid.append(v)
        return paid

    def rate(self):
        return self.income // self.shares
