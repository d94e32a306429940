#!/usr/bin/env python3
"""Speed and cost beside peers: both sides in turn in one run, interleaved pairs, medians of ratios.

discard: ours against smtp-sink, which throws everything away.
sqlite:  ours with its durable store against Postfix smtpd with its synced queue.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass

import report
from accounting import memory, open_account
from postfix import Postfix
from receiver import ReceiverFailed, prixfixe, smtp_sink
from workloads import WORKLOADS, ClientFailed, calibrate, send

# What the project promises: mode, workload -> bounds of ours / theirs.
BOUNDS = {
    "discard": {
        "A": {"rate": 0.95, "cpu": 1.1},
        "B": {"rate": 0.95, "cpu": 1.1},
        "C": {"rate": 0.95, "cpu": 1.0},
        "D": {"rate": 0.95, "cpu": 1.0},
        "E": {"rate": 0.95, "cpu": 0.25},
        "F": {"rate": 0.95, "cpu": 1.0},
    },
    "sqlite": {
        "B": {"rate": 4, "cpu": 1 / 6},
        "C": {"rate": 7, "cpu": 1 / 10},
        "D": {"rate": 4, "cpu": 1 / 6},
    },
}


@dataclass
class Run:
    """One run of the client against one receiver."""

    messages: int
    rate: float
    cpu_per_1000: float


@dataclass
class Side:
    """All runs against one receiver in one workload."""

    receiver: str
    runs: list
    peak_rss: int

    def median(self, field):
        return statistics.median(getattr(run, field) for run in self.runs)


def main():
    arguments = parse_arguments()
    progress = report.Progress()
    names = [name for name in arguments.workloads if name in WORKLOADS]
    results = {}
    try:
        for mode in ("discard", "sqlite") if arguments.mode == "both" else (arguments.mode,):
            results[mode] = {
                name: compare(mode, WORKLOADS[name], arguments, progress) for name in names
            }
    except (ReceiverFailed, ClientFailed) as error:
        progress.done()
        print(f"receivers: {error}", file=sys.stderr)
        return 1
    progress.done()
    for mode, sides in results.items():
        print(f"\n{mode}, medians of {arguments.pairs} runs, CPU by {account_kind()}\n")
        print(table(sides))
    checks = [check for mode, sides in results.items() for check in checks_of(mode, sides)]
    return report.finish(as_json(results), checks, arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("discard", "sqlite", "both"))
    parser.add_argument("--workloads", default="ABCDEF", help="letters, such as ACF")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="what one run should take")
    parser.add_argument("--only", choices=("ours", "peer"), help="measure one side alone")
    report.add_arguments(parser)
    return parser.parse_args()


def compare(mode, workload, arguments, progress):
    """Returns the sides: ours first, then the peer."""
    ours = lambda folder: prixfixe(
        folder, "discard" if mode == "discard" else "store", binary=arguments.binary
    )
    peer = smtp_sink if mode == "discard" else Postfix
    starts = {"ours": [ours], "peer": [peer]}.get(arguments.only, [ours, peer])
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="prixfixe-bench-") as folder:
        # Postfix's processes have to pass through, as other users.
        pathlib.Path(folder).chmod(0o755)
        receivers = []
        try:
            for number, start in enumerate(starts):
                own = pathlib.Path(folder) / str(number)
                own.mkdir()
                receivers.append(start(own))
            return measure(mode, workload, receivers, arguments, progress)
        finally:
            for receiver in receivers:
                receiver.stop()


def measure(mode, workload, receivers, arguments, progress):
    counts = []
    for receiver in receivers:
        progress.show(f"{mode} {workload.title}: warming up {receiver.name}")
        counts.append(calibrate(workload, receiver.port, arguments.seconds))
        receiver.settle()
    runs = [[] for _ in receivers]
    for pair in range(arguments.pairs):
        # Whoever goes first meets a quieter or a warmer machine, so they take turns.
        order = range(len(receivers)) if pair % 2 == 0 else reversed(range(len(receivers)))
        for side in order:
            receiver = receivers[side]
            progress.show(f"{mode} {workload.title}: {pair + 1}/{arguments.pairs} {receiver.name}")
            runs[side].append(run_once(workload, receiver, counts[side]))
    return [
        Side(receiver.name, runs[side], peak_rss(receiver))
        for side, receiver in enumerate(receivers)
    ]


def run_once(workload, receiver, messages):
    before = receiver.account.seconds()
    elapsed = send(workload, receiver.port, messages)
    receiver.settle()
    cpu = receiver.account.seconds() - before
    return Run(messages, messages / elapsed, cpu / messages * 1000)


def peak_rss(receiver):
    """The sum over the living processes; what they share counts once for each."""
    return memory(receiver.pids(), "VmHWM")


def ratio(sides, field):
    """The median over the pairs of ours / theirs, or None with one side alone."""
    if len(sides) < 2:
        return None
    ours, theirs = (side.runs for side in sides)
    return statistics.median(
        getattr(mine, field) / getattr(its, field) for mine, its in zip(ours, theirs)
    )


def table(results):
    header = ["workload", "receiver", "messages/s", "CPU s per 1,000", "peak RSS MiB", "rate ratio", "CPU ratio"]
    rows = []
    for name, sides in results.items():
        for side in sides:
            first = side is sides[0] and len(sides) == 2
            rows.append(
                [
                    WORKLOADS[name].title if side is sides[0] else "",
                    side.receiver,
                    f"{side.median('rate'):,.0f}",
                    f"{side.median('cpu_per_1000'):.3f}",
                    f"{side.peak_rss / 2**20:.1f}",
                    f"{ratio(sides, 'rate'):.2f}" if first else "",
                    f"{ratio(sides, 'cpu_per_1000'):.3f}" if first else "",
                ]
            )
    return report.markdown(header, rows)


def checks_of(mode, results):
    checks = []
    for name, bounds in BOUNDS[mode].items():
        sides = results.get(name, ())
        if len(sides) == 2:
            checks.append((f"{mode} {name} rate ratio", ratio(sides, "rate"), ">=", bounds["rate"]))
            checks.append((f"{mode} {name} CPU ratio", ratio(sides, "cpu_per_1000"), "<=", bounds["cpu"]))
    return checks


def as_json(results):
    return {
        mode: {
            name: {
                "sides": [asdict(side) for side in sides],
                "rate_ratio": ratio(sides, "rate"),
                "cpu_ratio": ratio(sides, "cpu_per_1000"),
            }
            for name, sides in workloads.items()
        }
        for mode, workloads in results.items()
    }


def account_kind():
    account = open_account()
    account.close()
    return account.kind


if __name__ == "__main__":
    sys.exit(main())
