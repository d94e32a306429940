#!/usr/bin/env python3
"""Speed and cost beside peers: both sides in turn in one run, interleaved pairs, medians of ratios.

discard: ours against smtp-sink, which throws everything away.
sqlite:  ours with its durable store against Postfix smtpd with its synced queue.
both:    these two.
peers:   ours against every other receiver, discarding or durable as they are.
docs:    puts the tables of earlier runs into docs/benchmarks.md.
"""

import argparse
import pathlib
import sys
from dataclasses import asdict

import machine
import page
import report
from accounting import open_account
from generators import SmtpSource, Stress
from pairs import compare, ratio
from receiver import ReceiverFailed
from recipes import PEERS, ours
from workloads import WORKLOADS, ClientFailed

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

# What each mode sets ours against.
MODES = {
    "discard": ("smtp-sink",),
    "sqlite": ("Postfix smtpd",),
    "peers": tuple(PEERS),
}


def main():
    arguments = parse_arguments()
    if arguments.mode == "docs":
        return page.write(arguments.files)
    progress = report.Progress()
    modes = ("discard", "sqlite") if arguments.mode == "both" else (arguments.mode,)
    measured = machine.stamp("receivers.py", arguments.folder)
    try:
        result = {
            "measured": {**measured, "account": account_kind(), "pairs": arguments.pairs},
            "client": arguments.generator.name,
            "versions": versions(modes, arguments),
            "modes": {mode: run(mode, arguments, progress) for mode in modes},
        }
    except (ReceiverFailed, ClientFailed) as error:
        progress.done()
        print(f"receivers: {error}", file=sys.stderr)
        return 1
    progress.done()
    print(page.plain(result))
    checks = [check for mode in modes for check in checks_of(mode, result["modes"][mode])]
    return report.finish(result, checks, arguments) or (1 if failures(result) else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True, metavar="MODE")
    for mode in (*MODES, "both"):
        one = modes.add_parser(mode, help=f"see `{parser.prog} --help`")
        one.add_argument("--workloads", default="ABCDEF", help="letters, such as ACF")
        one.add_argument("--pairs", type=int, default=5)
        one.add_argument("--seconds", type=float, default=2.0, help="what one run should take")
        one.add_argument(
            "--client",
            choices=("smtp-source", "stress"),
            default="smtp-source",
            help="who sends: Postfix's smtp-source (default), or prixfixe stress run, which has percentiles",
        )
        if mode == "peers":
            one.add_argument("--receivers", metavar="NAMES", help=f"some of: {','.join(PEERS)}")
        else:
            one.add_argument("--only", choices=("ours", "peer"), help="measure one side alone")
        report.add_arguments(one)
    docs = modes.add_parser("docs", help="put the tables of earlier runs into docs/benchmarks.md")
    docs.add_argument("files", nargs="+", metavar="FILE", type=pathlib.Path, help="what --output wrote")
    arguments = parser.parse_args()
    if arguments.mode != "docs":
        arguments.only = getattr(arguments, "only", None)
        arguments.names = MODES.get(arguments.mode, ())
        if arguments.mode == "peers" and arguments.receivers:
            arguments.names = arguments.receivers.split(",")
            if unknown := [name for name in arguments.names if name not in PEERS]:
                parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(PEERS)}")
        stress = arguments.client == "stress"
        arguments.generator = Stress(arguments.binary) if stress else SmtpSource()
    return arguments


def run(mode, arguments, progress):
    """Peer, workload -> the sides, ours first, and their ratios."""
    results = {}
    for name in arguments.names if mode == "peers" else MODES[mode]:
        peer = PEERS[name]
        of_peer = results[name] = {"durable": peer.durable, "does": peer.does, "workloads": {}}
        for letter in arguments.workloads:
            if letter not in WORKLOADS or letter not in peer.workloads:
                continue
            show = lambda text, name=name: progress.show(f"{name}: {text}")
            of_peer["workloads"][letter] = measured(peer, letter, arguments, show)
    return results


def measured(peer, letter, arguments, show):
    """The sides and their ratios, or why there are none: one peer that fails must not cost the
    figures of the others."""
    try:
        sides = sides_of(peer, arguments)
        return as_json(compare(sides, arguments.generator, WORKLOADS[letter], arguments, show))
    except (ReceiverFailed, ClientFailed) as error:
        print(f"receivers: {peer.name} in {letter}: {error}", file=sys.stderr)
        return {"failed": str(error)}


def sides_of(peer, arguments):
    """Who is measured: ours of the same class first, then the peer."""
    mine = ours(peer.durable, arguments.binary)
    return {"ours": [mine], "peer": [peer]}.get(arguments.only, [mine, peer])


def versions(modes, arguments):
    """Of everybody who takes part; asked before, so that who is missing is missed at once."""
    found = {}
    for mode in modes:
        for name in arguments.names if mode == "peers" else MODES[mode]:
            found[name] = PEERS[name].version()
    # The client and the server are one program where ours is the client.
    found["prixfixe"] = ours(False, arguments.binary).version()
    if isinstance(arguments.generator, SmtpSource):
        found[arguments.generator.name] = arguments.generator.version()
    return found


def failures(result):
    """What could not be measured."""
    return [
        one["failed"]
        for peers in result["modes"].values()
        for peer in peers.values()
        for one in peer["workloads"].values()
        if "failed" in one
    ]


def as_json(sides):
    return {
        "sides": [
            {
                **asdict(side),
                "rate": side.median("rate"),
                "cpu_per_1000": side.median("cpu_per_1000"),
                "p99_9_ms": side.median("p99_9_ms"),
                "void": side.void(),
            }
            for side in sides
        ],
        "rate_ratio": ratio(sides, "rate"),
        "cpu_ratio": ratio(sides, "cpu_per_1000"),
    }


def checks_of(mode, results):
    checks = []
    for name, of_peer in results.items():
        for letter, bounds in BOUNDS.get(mode, {}).items():
            measured = of_peer["workloads"].get(letter, {})
            if measured.get("rate_ratio") is not None:
                checks.append((f"{mode} {letter} rate ratio", measured["rate_ratio"], ">=", bounds["rate"]))
                checks.append((f"{mode} {letter} CPU ratio", measured["cpu_ratio"], "<=", bounds["cpu"]))
    return checks


def account_kind():
    account = open_account()
    account.close()
    return account.kind


if __name__ == "__main__":
    sys.exit(main())
