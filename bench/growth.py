#!/usr/bin/env python3
"""Rate and latency of the durable store as it grows: 1 KB messages at 10^4, 10^5, 10^6 stored.

At each mark smtp-source keeps the server busy over 20 persistent sessions, while a prober on a
connection of its own times its messages one by one, from the last byte to the 250. Just before, a
bare write-and-fdatasync loop on the same disk says what that disk can do.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import threading
import time

import report
from client import Client, Refused, body
from receiver import ReceiverFailed, prixfixe
from workloads import ClientFailed, Workload, send

LOAD = Workload("growth", 1024, 20, True)
MARKS = (10**4, 10**5, 10**6)

# Enough for a thousandth to be more than a single sample.
LEAST_SAMPLES = 5000
WINDOW_LIMIT_SECONDS = 120
FILL_MESSAGES = 20_000
LOAD_MESSAGES = 5_000
SYNCS = 2000

# "Does not fall": what is left when the noise of a shared machine is allowed for.
LEAST_RATE_RATIO = 0.9
MOST_LATENCY_RATIO = 1.5
# A disk whose own syncs take this long says nothing about the store.
VOID_SYNC_SECONDS = 0.050


def main():
    arguments = parse_arguments()
    marks = [mark for mark in MARKS if mark <= arguments.most]
    progress = report.Progress()
    try:
        with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="prixfixe-bench-") as folder:
            folder = pathlib.Path(folder)
            with prixfixe(folder, "store", binary=arguments.binary) as receiver:
                windows = grow(receiver, folder, marks, progress)
    except (ReceiverFailed, ClientFailed, Refused, OSError) as error:
        progress.done()
        print(f"growth: {error}", file=sys.stderr)
        return 1
    progress.done()
    print(table(windows))
    first, last = windows[0], windows[-1]
    if max(window["sync_p999"] for window in windows) > VOID_SYNC_SECONDS:
        print("\nvoid: the disk's own p99.9 of a sync is above 50 ms", file=sys.stderr)
        return 1
    checks = [
        ("rate, last to first", last["rate"] / first["rate"], ">=", LEAST_RATE_RATIO),
        ("p99.9, last to first", last["p999"] / first["p999"], "<=", MOST_LATENCY_RATIO),
    ]
    return report.finish({"windows": windows}, checks, arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=MARKS[-1], help="stop after this mark")
    report.add_arguments(parser)
    return parser.parse_args()


def grow(receiver, folder, marks, progress):
    stored, windows = 0, []
    for mark in marks:
        while stored < mark:
            progress.show(f"filling: {stored:,} of {mark:,}")
            messages = min(FILL_MESSAGES, mark - stored)
            send(LOAD, receiver.port, messages)
            stored += messages
        progress.show(f"measuring at {mark:,}")
        receiver.settle()
        syncs = sorted(sync_times(folder / "sync-probe"))
        window = measure(receiver)
        stored += window.pop("messages")
        window |= {"mark": mark, "sync_p50": quantile(syncs, 0.5), "sync_p999": quantile(syncs, 0.999)}
        windows.append(window)
    return windows


def measure(receiver):
    """Load and probe at once until there are enough samples."""
    prober = Prober(receiver.port)
    sent, busy = 0, 0.0
    end = time.monotonic() + WINDOW_LIMIT_SECONDS
    prober.start()
    try:
        while len(prober.latencies) < LEAST_SAMPLES and prober.is_alive() and time.monotonic() < end:
            busy += send(LOAD, receiver.port, LOAD_MESSAGES)
            sent += LOAD_MESSAGES
    finally:
        prober.over.set()
        prober.join()
    if prober.error:
        raise prober.error
    latencies = sorted(prober.latencies)
    return {
        "messages": sent + len(latencies),
        # The prober's messages are part of what the server did in that time.
        "rate": (sent + len(latencies)) / busy,
        "samples": len(latencies),
        "p50": quantile(latencies, 0.5),
        "p99": quantile(latencies, 0.99),
        "p999": quantile(latencies, 0.999),
    }


class Prober(threading.Thread):
    """Delivers one message after the other and remembers how long each 250 took."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.over = threading.Event()
        self.latencies = []
        self.error = None

    def run(self):
        message = list(body(LOAD.size))
        try:
            client = Client(self.port)
            while not self.over.is_set():
                self.latencies.append(client.deliver(message))
            client.quit()
        except (Refused, OSError) as error:
            self.error = error


def sync_times(path):
    """Seconds of each bare write of a message with its sync."""
    times = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(SYNCS):
            start = time.perf_counter()
            os.write(descriptor, b"x" * LOAD.size)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
        os.unlink(path)
    return times


def quantile(ordered, share):
    """The smallest value that at least this share does not exceed."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, min(len(ordered), rank) - 1)]


def table(windows):
    header = ["stored", "messages/s", "p50 ms", "p99 ms", "p99.9 ms", "samples", "bare sync p50 / p99.9 ms"]
    rows = [
        [
            f"{window['mark']:,}",
            f"{window['rate']:,.0f}",
            *(f"{window[name] * 1000:.2f}" for name in ("p50", "p99", "p999")),
            window["samples"],
            f"{window['sync_p50'] * 1000:.2f} / {window['sync_p999'] * 1000:.2f}",
        ]
        for window in windows
    ]
    return report.markdown(header, rows)


if __name__ == "__main__":
    sys.exit(main())
