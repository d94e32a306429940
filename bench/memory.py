#!/usr/bin/env python3
"""Private memory (RssAnon + RssShmem) of the server: idle, per idle connection, and while a large
message is received into the store."""

import argparse
import pathlib
import resource
import sys
import tempfile
import threading
import time

import report
from accounting import private_memory
from client import Client, Refused, body
from receiver import ReceiverFailed, prixfixe

KIB, MIB = 1024, 1024 * 1024

# What the project promises.
IDLE_SERVER_BYTES = 10 * MIB
LARGE_MESSAGE_GROWTH_BYTES = 8 * MIB
IDLE_CONNECTION_BYTES = 8 * KIB

LARGE_MESSAGE_BYTES = 100 * MIB
CONNECTIONS = 1000
SETTINGS = ("max_connections = 2000", 'max_message_size = "200MiB"')

SAMPLE_SECONDS = 0.002
# Freed memory and closed connections take a moment to show.
REST_SECONDS = 1.0


def main():
    arguments = parse_arguments()
    # Each connection is a descriptor here and one in the server, which inherits the limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    progress = report.Progress()
    result = {}
    try:
        for measure in (measure_connections, measure_large_message, measure_large_message_by_bdat):
            progress.show(measure.__doc__)
            with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="prixfixe-bench-") as folder:
                folder = pathlib.Path(folder)
                with prixfixe(folder, "store", settings=SETTINGS, binary=arguments.binary) as receiver:
                    time.sleep(REST_SECONDS)
                    result |= measure(receiver)
    except (ReceiverFailed, Refused, OSError) as error:
        progress.done()
        print(f"memory: {error}", file=sys.stderr)
        return 1
    progress.done()
    bounds = {
        "idle server, MiB": (result["idle_server"] / MIB, IDLE_SERVER_BYTES / MIB),
        "growth by a 100 MiB message, MiB": (
            result["large_message_growth"] / MIB,
            LARGE_MESSAGE_GROWTH_BYTES / MIB,
        ),
        "growth by 100 MiB in chunks, MiB": (
            result["large_bdat_growth"] / MIB,
            LARGE_MESSAGE_GROWTH_BYTES / MIB,
        ),
        "growth by 100 MiB in one chunk, MiB": (
            result["large_chunk_growth"] / MIB,
            LARGE_MESSAGE_GROWTH_BYTES / MIB,
        ),
        "an idle connection, KiB": (result["idle_connection"] / KIB, IDLE_CONNECTION_BYTES / KIB),
    }
    rows = [[name, f"{value:.2f}", f"{bound:.0f}"] for name, (value, bound) in bounds.items()]
    print(report.markdown(["RssAnon + RssShmem", "measured", "most"], rows))
    checks = [(name, value, "<=", bound) for name, (value, bound) in bounds.items()]
    return report.finish(result, checks, arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    report.add_arguments(parser)
    return parser.parse_args()


def measure_connections(receiver):
    """memory of 1,000 idle connections, each after EHLO and one delivered message"""
    idle = private_memory(receiver.pids())
    clients = []
    for _ in range(CONNECTIONS):
        client = Client(receiver.port)
        client.deliver(body(1 * KIB))
        clients.append(client)
    time.sleep(REST_SECONDS)
    connected = private_memory(receiver.pids())
    for client in clients:
        client.quit()
    return {
        "idle_server": idle,
        "connected_server": connected,
        "idle_connection": (connected - idle) / CONNECTIONS,
    }


def measure_large_message(receiver):
    """memory while a message of 100 MiB is received"""
    client = Client(receiver.port)
    before = private_memory(receiver.pids())
    with Peak(receiver.pids()) as peak:
        client.deliver(body(LARGE_MESSAGE_BYTES))
    client.quit()
    return {
        "before_large_message": before,
        "large_message_growth": peak.value - before,
        "large_message_samples": peak.samples,
    }


def measure_large_message_by_bdat(receiver):
    """memory while 100 MiB are received by BDAT, in many chunks and in one"""
    client = Client(receiver.port)
    before = private_memory(receiver.pids())
    with Peak(receiver.pids()) as chunks:
        client.deliver_by_bdat(body(LARGE_MESSAGE_BYTES))
    with Peak(receiver.pids()) as one:
        # The client holds it all; the server must not.
        client.deliver_by_bdat([b"".join(body(LARGE_MESSAGE_BYTES))])
    client.quit()
    return {
        "large_bdat_growth": chunks.value - before,
        "large_chunk_growth": one.value - before,
    }


class Peak:
    """The highest value seen while the block runs, looked at every few milliseconds."""

    def __init__(self, pids):
        self.pids = pids
        self.value = 0
        self.samples = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(SAMPLE_SECONDS):
            self.value = max(self.value, private_memory(self.pids))
            self.samples += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.value = max(self.value, private_memory(self.pids))


if __name__ == "__main__":
    sys.exit(main())
