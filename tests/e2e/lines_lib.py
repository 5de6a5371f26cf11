"""Bad lines between the engines of a CometBFT network: each engine reaches each other one through a line of its own, a small proxy in this
process, which delays what passes, holds it back as a lost segment would, breaks connections, and refuses new ones. Needs no rights.

A connection is used both ways, whoever has dialed it, so what is set for a pair of nodes is set for both of its lines."""
import asyncio
import random
import threading

from ports_lib import free_port

CHUNK = 16 << 10
CHUNKS_MAX = 64  # on their way at a time, each way of a connection: then the sender has to wait
RESEND = 0.2  # seconds until a lost segment comes after all; what is behind it waits


class Line:
    def __init__(self, to):
        self.port, self.to = free_port(), to
        self.delay = self.jitter = self.loss = 0.0
        self.up = True
        self.writers = set()
        self.carried = 0

    async def accept(self, reader, writer):
        if not self.up:
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.close()
            return
        self.writers |= {writer, back}
        await asyncio.gather(self.carry(reader, back), self.carry(there, writer))
        self.writers -= {writer, back}

    async def carry(self, reader, writer):
        """Until either end is closed."""
        queue = asyncio.Queue(CHUNKS_MAX)
        sender = asyncio.ensure_future(self.send(queue, writer))
        clock = asyncio.get_running_loop().time
        try:
            while data := await reader.read(CHUNK):
                wait = self.delay + random.uniform(-self.jitter, self.jitter)
                if random.random() < self.loss:
                    wait += RESEND
                await queue.put((clock() + max(0.0, wait), data))
                if sender.done():
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        if not sender.done():
            await queue.put(None)
        await sender

    async def send(self, queue, writer):
        clock = asyncio.get_running_loop().time
        try:
            while (item := await queue.get()) is not None:
                at, data = item
                if at > clock():
                    await asyncio.sleep(at - clock())
                writer.write(data)
                await writer.drain()
                self.carried += len(data)
        except OSError:
            while not queue.empty():  # so that the reader's next put does not wait for ever
                queue.get_nowait()
        writer.close()

    def cut(self):
        for w in list(self.writers):
            if w.transport is not None:
                w.transport.abort()


class Lines:
    def __init__(self):
        self.lines = {}  # (from, to): numbers of nodes
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def address(self, node, other):
        """Where the node reaches the other one; what Network asks for."""
        return f"127.0.0.1:{self.open((node.number, other.number), other.p2p).port}"

    def open(self, name, port):
        """A line to a port of this machine."""
        line = self.lines[name] = Line(port)
        asyncio.run_coroutine_threadsafe(asyncio.start_server(line.accept, "127.0.0.1", line.port), self.loop).result(30)
        return line

    def between(self, a, b):
        return [self.lines[a, b], self.lines[b, a]]

    def of(self, node):
        return [line for pair, line in self.lines.items() if node in pair]

    def set(self, lines, delay=0.0, jitter=0.0, loss=0.0, up=True):
        """delay and jitter in seconds; loss: the share of pieces that come RESEND later; up: False breaks what is open and refuses what comes."""
        for line in lines:
            line.delay, line.jitter, line.loss, line.up = delay, jitter, loss, up
        if not up:
            self.cut(lines)

    def cut(self, lines):
        """Breaks the connections that are open; new ones are taken."""
        for line in lines:
            self.loop.call_soon_threadsafe(line.cut)

    def carried(self):
        return sum(line.carried for line in self.lines.values())

    def end(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
