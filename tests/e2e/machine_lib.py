"""A made vendor of TEEs (tests/tools/vendor_driver.c) and a machine of his: a tree of files in place of /dev/attestation, over which a real
crust-enclaved-sgx runs."""
import os
import subprocess
import threading
import time

import harness as t

DAY = 86400
PROGRAM = 9  # MRENCLAVE is 32 of these


class Vendor:
    def __init__(self):
        self.lock = threading.Lock()
        self.now = int(time.time())
        self.p = subprocess.Popen([t.build / "../tools/vendor_driver"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.root = self.ask("init", self.now)[0]

    def ask(self, *words):
        with self.lock:
            self.p.stdin.write(" ".join(str(w) for w in words) + "\n")
            self.p.stdin.flush()
            return [b"" if w == "-" else bytes.fromhex(w) for w in self.p.stdout.readline().split()]

    def publish(self, folder, issued=-1000, revoked="-"):
        """His documents as files; revoked: a machine's number."""
        folder.mkdir(exist_ok=True)
        for kind, name in ((0, "tcb.json"), (1, "qe.json"), (2, "root.crl"), (3, "pck.crl")):
            issuer, document = self.ask("document", kind, self.now + issued, self.now + 30 * DAY, 20, 7, revoked if kind == 3 else "-")
            (folder / name).write_bytes(document)
            if issuer:
                (folder / f"{name}.der").write_bytes(issuer)

    def close(self):
        self.p.kill()
        self.p.wait()


class Machine:
    """/dev/attestation: `quote` is a FIFO, which blocks its reader until the quote over `user_report_data` is made."""

    def __init__(self, vendor, root, number=1):
        self.vendor, self.number, self.root = vendor, number, root
        self.folder = root / "dev/attestation"
        (self.folder / "keys").mkdir(parents=True)
        (self.folder / "keys/_sgx_mrenclave").write_bytes(bytes(range(16)))
        (self.folder / "attestation_type").write_text("dcap")
        (self.folder / "user_report_data").write_bytes(b"")
        (self.folder / "my_target_info").write_bytes(bytes([PROGRAM]) * 32 + bytes(480))
        os.mkfifo(self.folder / "quote")
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        asked = self.folder / "user_report_data"
        while not self.over.is_set():
            if asked.stat().st_size < 64:   # taken: the next one is not written before this quote was read to its end
                time.sleep(0.01)
                continue
            data = asked.read_bytes()
            os.truncate(asked, 0)
            quote = self.vendor.ask("quote", self.number, PROGRAM, 7, data.hex())[0]
            with open(self.folder / "quote", "wb") as f:
                f.write(quote)

    def enclave(self, port, log):
        return t.start([t.build / "crust-enclaved-sgx", "--provider", "sgx-gramine", "--workers", "2", "--root", self.root, "--listen", f"tcp:{port}"],
                       log=log)

    def close(self):
        self.over.set()
        self.thread.join(5)
