"""Ports for programs that are told their port instead of choosing it.

A port that the kernel chose and that was closed again may be gone when the program binds it: the kernel gives the same range to every outgoing
connection, and other tests run side by side. So these come from below that range, and each is claimed until this process ends by an abstract
socket of its name, as crust devnet does for the engines it starts."""
import os
import socket

FIRST, LAST = 11000, 26000  # above the ports that devnets try first, below CometBFT's own
_claims = []


def _claim(port):
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0crust-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(n):
    """n ports on which nobody listens and which no other test is given while this process lives."""
    got = []
    start = os.getpid() * 37 % (LAST - FIRST)
    for i in range(LAST - FIRST):
        if len(got) == n:
            break
        port = FIRST + (start + i) % (LAST - FIRST)
        if _claim(port):
            got.append(port)
    assert len(got) == n, "no free port"
    return got


def free_port():
    return free_ports(1)[0]
