#!/usr/bin/env python3
"""System calls per 10 KB message with 20 sessions, on new and on persistent connections.

Calls that wait for readiness are counted apart: how many there are depends on how busy the
machine is, not on how much the receiver asks of the kernel for a message.
"""

import argparse
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import report
from postfix import Postfix
from receiver import ReceiverFailed, prixfixe, smtp_sink
from workloads import WORKLOADS, ClientFailed, send

WAITS = {
    *("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6"),
    # Threads that wait for each other.
    "futex",
}

# Workload -> most calls per message, waits apart.
BOUNDS = {"B": 22, "C": 11}

ATTACH_LIMIT_SECONDS = 20


def main():
    arguments = parse_arguments()
    progress = report.Progress()
    try:
        results = {name: measure(WORKLOADS[name], arguments, progress) for name in BOUNDS}
    except (ReceiverFailed, ClientFailed) as error:
        progress.done()
        print(f"syscalls: {error}", file=sys.stderr)
        return 1
    progress.done()
    for name, calls in results.items():
        print(f"\n{arguments.receiver}, {WORKLOADS[name].title}\n")
        print(table(calls))
    checks = [(f"{name} calls per message", work(results[name]), "<=", bound) for name, bound in BOUNDS.items()]
    return report.finish(results, checks, arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "receiver", nargs="?", default="discard", choices=("discard", "sqlite", "smtp-sink", "postfix")
    )
    parser.add_argument("--messages", type=int, default=2000)
    report.add_arguments(parser)
    return parser.parse_args()


def start(folder, arguments):
    match arguments.receiver:
        case "discard":
            return prixfixe(folder, "discard", binary=arguments.binary)
        case "sqlite":
            return prixfixe(folder, "store", binary=arguments.binary)
        case "smtp-sink":
            return smtp_sink(folder)
        case _:
            return Postfix(folder)


def measure(workload, arguments, progress):
    """Returns how often each call is made for a message."""
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="prixfixe-bench-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        own = folder / "receiver"
        own.mkdir()
        with start(own, arguments) as receiver:
            progress.show(f"{receiver.name} {workload.title}")
            send(workload, receiver.port, workload.sessions * 10)
            receiver.settle()
            with Trace(receiver.pids(), folder / "strace.txt") as trace:
                send(workload, receiver.port, arguments.messages)
                receiver.settle()
            return {call: count / arguments.messages for call, count in trace.counts.items()}


class Trace:
    """strace attached to processes, their threads and their children, until the block ends."""

    def __init__(self, pids, output):
        self.pids = pids
        self.output = output
        self.counts = {}

    def __enter__(self):
        attach = [word for pid in self.pids for word in ("-p", str(pid))]
        command = ["strace", "-c", "-f", "-o", str(self.output), *attach]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + ATTACH_LIMIT_SECONDS
        while not all(traced(pid) for pid in self.pids):
            if self.process.poll() is not None or time.monotonic() > end:
                raise ReceiverFailed("strace cannot attach; may this user trace processes?")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        # An interrupt makes strace detach and write its summary.
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.counts = parse_summary(self.output.read_text())


def traced(pid):
    """Whether every thread has its tracer."""
    try:
        threads = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        return all("TracerPid:\t0\n" not in (thread / "status").read_text() for thread in threads)
    except OSError:
        return True


def parse_summary(text):
    """Calls by name from the table of `strace -c`."""
    counts = {}
    for line in text.splitlines():
        words = line.split()
        # percent, seconds, microseconds per call, calls, perhaps errors, name
        if len(words) in (5, 6) and words[3].isdigit() and words[-1] != "total":
            counts[words[-1]] = int(words[3])
    return counts


def work(calls):
    return sum(count for call, count in calls.items() if call not in WAITS)


def table(calls):
    often = sorted(calls.items(), key=lambda item: -item[1])
    rows = [[call, f"{count:.2f}"] for call, count in often if count >= 0.005 and call not in WAITS]
    rows.append(["**together**", f"**{work(calls):.2f}**"])
    rows += [[f"{call} (wait, apart)", f"{count:.2f}"] for call, count in often if call in WAITS]
    rows.append(["with the waits", f"{sum(calls.values()):.2f}"])
    return report.markdown(["call", "per message"], rows)


if __name__ == "__main__":
    sys.exit(main())
