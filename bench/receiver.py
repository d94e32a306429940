"""Starting and stopping the receivers that have one process: ours, and smtp-sink."""

import os
import pathlib
import signal
import socket
import subprocess
import time

from accounting import open_account

START_LIMIT_SECONDS = 20
STOP_LIMIT_SECONDS = 40
# What a receiver does after its last 250, such as closing connections, is part of its cost.
SETTLE_SECONDS = 0.2

ROOT = pathlib.Path(__file__).resolve().parent.parent


class ReceiverFailed(Exception):
    """The receiver did not start, or died."""


class Receiver:
    """A started receiver on a loopback port of its own; a context manager that stops it."""

    def __init__(self, name, command, port, log, *, env=None, cwd=None):
        self.name = name
        self.port = port
        self.log = log
        self.account = open_account()
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                env=env,
                cwd=cwd,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=self.account.enter,
            )
        self.account.follow(self.process.pid)
        try:
            await_banner(port, self.failure)
        except BaseException:
            self.stop()
            raise

    def failure(self):
        """Why the receiver is not running, or None."""
        if self.process.poll() is None:
            return None
        return f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}"

    def settle(self):
        """Returns when everything that the messages cost has been paid."""
        time.sleep(SETTLE_SECONDS)
        if failure := self.failure():
            raise ReceiverFailed(failure)

    def pids(self):
        return self.account.pids()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # Such as a process per connection, whose client is gone.
        self.account.end()
        self.account.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def prixfixe(folder, destination, *, settings=(), binary=None):
    """Ours, from a configuration file in a fresh folder; settings are further lines of it."""
    binary = pathlib.Path(binary) if binary else default_binary()
    if not binary.is_file():
        raise ReceiverFailed(f"{binary} is missing; run: cargo build --release")
    port, admin = free_port(), free_port()
    config = folder / "prixfixe.toml"
    config.write_text(
        "\n".join(
            (
                'domain = "mx.bench.example"',
                f'listen = ["127.0.0.1:{port}"]',
                f'destination = "{destination}"',
                *settings,
                "[store]",
                f'path = "{folder / "store"}"',
                "[admin]",
                f'listen = "127.0.0.1:{admin}"',
                "",
            )
        )
    )
    command = [str(binary), "serve", "--config", str(config)]
    return Receiver("prixfixe", command, port, folder / "prixfixe.log")


def default_binary():
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return ROOT / target / "release" / "prixfixe"


# More than any workload opens at once.
SINK_BACKLOG = "1024"


def smtp_sink(folder):
    """Postfix's test receiver: a single-threaded C program that throws everything away."""
    port = free_port()
    # It refuses to serve as root.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = ["smtp-sink", *user, f"inet:127.0.0.1:{port}", SINK_BACKLOG]
    return Receiver("smtp-sink", command, port, folder / "smtp-sink.log")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_banner(port, failure):
    """Returns when the port greets; raises when the receiver has failed or takes too long."""
    end = time.monotonic() + START_LIMIT_SECONDS
    while time.monotonic() < end:
        if reason := failure():
            raise ReceiverFailed(reason)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                if probe.recv(3) == b"220":
                    probe.sendall(b"QUIT\r\n")
                    return
        except OSError:
            time.sleep(0.02)
    raise ReceiverFailed(f"no greeting on port {port} within {START_LIMIT_SECONDS} s")
