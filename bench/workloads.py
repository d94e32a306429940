"""The six workloads, and Postfix's smtp-source, which plays them everywhere."""

import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """What one run of the client sends."""

    name: str
    size: int
    sessions: int
    persistent: bool

    @property
    def title(self):
        connection = "persistent" if self.persistent else "a connection per message"
        return f"{self.name}: {self.size // 1024} KB, {self.sessions} sessions, {connection}"


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("A", 1 * 1024, 20, False),
        Workload("B", 10 * 1024, 20, False),
        Workload("C", 10 * 1024, 20, True),
        Workload("D", 10 * 1024, 50, False),
        Workload("E", 100 * 1024, 20, True),
        Workload("F", 1 * 1024, 100, True),
    )
}

# A client that hangs is a failed run, not a long one.
CLIENT_LIMIT_SECONDS = 300


class ClientFailed(Exception):
    """The client stopped before every message was answered with 250."""


def send(workload, port, messages):
    """Sends the messages and returns the wall-clock seconds that the client took."""
    command = [
        "smtp-source",
        "-4",
        *(["-d"] if workload.persistent else []),
        *("-s", str(min(workload.sessions, messages))),
        *("-m", str(messages)),
        *("-l", str(workload.size)),
        *("-M", "client.example"),
        *("-f", "sender@client.example"),
        *("-t", "recipient@bench.example"),
        f"inet:127.0.0.1:{port}",
    ]
    start = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CLIENT_LIMIT_SECONDS, check=False
    )
    elapsed = time.monotonic() - start
    if done.returncode != 0:
        raise ClientFailed(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return elapsed
