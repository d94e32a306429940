"""A small SMTP client for what smtp-source cannot show: single latencies, and sessions held open."""

import socket
import time

REPLY_LIMIT_SECONDS = 120
LINE = b"x" * 76 + b"\r\n"


class Refused(Exception):
    """The server answered something else than expected."""


class Client:
    """One session; every step waits for its reply."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=REPLY_LIMIT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.expect(b"220")
        self.command(b"EHLO client.example", b"250")

    def deliver(self, chunks):
        """Sends one message and returns the seconds from its last byte to its 250."""
        self.command(b"MAIL FROM:<sender@client.example>", b"250")
        self.command(b"RCPT TO:<recipient@bench.example>", b"250")
        self.command(b"DATA", b"354")
        for chunk in chunks:
            self.socket.sendall(chunk)
        start = time.perf_counter()
        self.socket.sendall(b".\r\n")
        self.expect(b"250")
        return time.perf_counter() - start

    def deliver_by_bdat(self, chunks):
        """The same with a chunk of BDAT for each."""
        self.command(b"MAIL FROM:<sender@client.example>", b"250")
        self.command(b"RCPT TO:<recipient@bench.example>", b"250")
        for chunk in chunks:
            self.socket.sendall(b"BDAT %d\r\n" % len(chunk) + chunk)
            self.expect(b"250")
        start = time.perf_counter()
        self.command(b"BDAT 0 LAST", b"250")
        return time.perf_counter() - start

    def quit(self):
        self.command(b"QUIT", b"221")
        self.socket.close()

    def command(self, line, code):
        self.socket.sendall(line + b"\r\n")
        self.expect(code)

    def expect(self, code):
        """Reads one reply to its last line."""
        while True:
            while b"\r\n" not in self.received:
                data = self.socket.recv(4096)
                if not data:
                    raise Refused(f"the server closed instead of answering {code.decode()}")
                self.received += data
            line, _, self.received = self.received.partition(b"\r\n")
            if line[3:4] != b"-":
                break
        if not line.startswith(code):
            raise Refused(f"{line.decode(errors='replace')} instead of {code.decode()}")


def body(size):
    """A message of about that size, as chunks of whole lines, so that memory stays small."""
    header = b"From: <sender@client.example>\r\nSubject: benchmark\r\n\r\n"
    lines = max(1, (size - len(header)) // len(LINE))
    per_chunk = 800
    yield header
    for _ in range(lines // per_chunk):
        yield LINE * per_chunk
    yield LINE * (lines % per_chunk)
