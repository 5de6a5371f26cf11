"""A made vendor of TEEs (tests/tools/vendor_driver.c) and a machine of his: a tree of files in place of /dev/attestation, over which a real
crust-enclaved-sgx runs."""
import os
import threading
import time

import harness as t
from driver_lib import Driver

DAY = 86400
PROGRAM = 9  # MRENCLAVE is 32 of these
GOOD = 7  # the SVN that is up to date
TCB_INFO, QE_IDENTITY, ROOT_CRL, PCK_CRL = 0, 1, 2, 3  # of documents


def unhex(word):
    return b"" if word == "-" else bytes.fromhex(word)



class Vendor(Driver):
    """now: his clock when he begins; what he publishes counts from it. root: his root certificate."""

    def __init__(self):
        super().__init__("vendor_driver")
        self.now = int(time.time())
        self.root = unhex(self.ask("init", self.now)[0])

    def document(self, kind, issued=-1000, days=30, evaluation=20, good=GOOD, revoked="-"):
        """(issuer, document) of a kind, issued that many seconds after now, for days from now; good: the SVN that is up to date; revoked: a machine's number."""
        return tuple(map(unhex, self.ask("document", kind, self.now + issued, self.now + days * DAY, evaluation, good, revoked)))

    def quote(self, machine, report_data, program=PROGRAM, svn=GOOD):
        return unhex(self.ask("quote", machine, program, svn, report_data.hex())[0])

    def publish(self, folder, revoked="-", **when):
        """His documents and their issuers as files; revoked: a machine's number."""
        folder.mkdir(exist_ok=True)
        for kind, name, by in ((TCB_INFO, "tcb.json", "signer.der"), (QE_IDENTITY, "qe.json", "signer.der"), (ROOT_CRL, "root.crl", None),
                               (PCK_CRL, "pck.crl", "ca.der")):
            issuer, document = self.document(kind, revoked=revoked if kind == PCK_CRL else "-", **when)
            (folder / name).write_bytes(document)
            if by:
                (folder / by).write_bytes(issuer)


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
            quote = self.vendor.quote(self.number, data)
            with open(self.folder / "quote", "wb") as f:
                f.write(quote)

    def enclave(self, port, log):
        return t.start([t.build / "crust-enclaved-sgx", "--provider", "sgx-gramine", "--workers", "2", "--root", self.root, "--listen", f"tcp:{port}"],
                       log=log)

    def close(self):
        self.over.set()
        self.thread.join(5)
