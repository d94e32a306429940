"""The two clients that can play a workload, and what each says about a run of its own."""

import json
import pathlib
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass

from recipe import command
from receiver import default_binary
from workloads import CLIENT_LIMIT_SECONDS, ClientFailed, send


@dataclass
class Sent:
    """One run of a client in which every message was acknowledged."""

    seconds: float
    rate: float
    # What the client itself used.
    cpu_seconds: float
    p99_9_ms: float | None
    # Why the figures are those of the client and not of the receiver, or None.
    void: str | None


class SmtpSource:
    """Postfix's: one thread, one command in flight, no percentiles."""

    name = "smtp-source"
    # The share of its thread's time from which on it is what holds the receiver back.
    MOST_BUSY = 0.95

    def send(self, workload, port, messages):
        elapsed, cpu = timed(lambda: send(workload, port, messages))
        busy = cpu / elapsed
        void = f"smtp-source's one thread was {busy:.0%} busy" if busy >= self.MOST_BUSY else None
        return Sent(elapsed, messages / elapsed, cpu, None, void)

    def version(self):
        return command("postconf", "-dh", "mail_version").strip()


class Stress:
    """Ours: a thread for every two processors, percentiles, and its own word on whether it kept up."""

    name = "prixfixe stress run"

    def __init__(self, binary=None):
        self.binary = pathlib.Path(binary) if binary else default_binary()

    def words(self, workload, port, messages):
        return [
            *(str(self.binary), "stress", "run", "--target", f"127.0.0.1:{port}"),
            *("--mode", "burst", "--messages", str(messages)),
            *("--workers", str(min(workload.sessions, messages)), "--size", str(workload.size)),
            *([] if workload.persistent else ["--per-connection", "1"]),
        ]

    def send(self, workload, port, messages, output=None):
        """Plays the workload; the result file stays if its name is given."""
        with tempfile.TemporaryDirectory(prefix="prixfixe-bench-") as folder:
            output = output or pathlib.Path(folder) / "result.json"
            words = [*self.words(workload, port, messages), "--output", str(output)]
            elapsed, cpu = timed(lambda: self.run(words))
            try:
                result = json.loads(output.read_text())
            except OSError as error:
                raise ClientFailed(f"{' '.join(words)} wrote no result: {error}") from error
        return sent(result, messages, elapsed, cpu)

    def run(self, words):
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=CLIENT_LIMIT_SECONDS, check=False
        )
        # 1 is a run whose result says what is wrong with it.
        if done.returncode not in (0, 1):
            raise ClientFailed(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")

    def version(self):
        return command(self.binary, "--version").split()[-1]


def sent(result, messages, elapsed, cpu):
    """What a result file of `prixfixe stress run` comes to here."""
    if result["accepted"] != messages or result["failed"]:
        errors = "; ".join(error["example"] for error in result["errors"])
        raise ClientFailed(f"{result['accepted']} of {messages} messages were accepted: {errors}")
    void = None if result["valid"] else "; ".join(result.get("invalid_because", ())) or "invalid"
    return Sent(elapsed, result["rate"], cpu, result["latency_ms"]["p99_9"], void)


def timed(run):
    """The wall-clock and the processor seconds of the child that is run meanwhile."""
    before, start = cpu_of_ended_children(), time.monotonic()
    run()
    return time.monotonic() - start, cpu_of_ended_children() - before


def cpu_of_ended_children():
    # No receiver ends during a run, so the difference is that of the client alone.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
