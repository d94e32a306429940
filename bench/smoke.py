#!/usr/bin/env python3
"""The smoke test of every change: load on the release binary, held against gates.toml.

First a burst on servers with the durable store, and every message that was acknowledged is looked
for. Then the server that discards and smtp-sink in turn, in the same minutes: the pair with the
median ratio is held against the gates, so that neither one slow moment nor a slow machine decides.
Nothing is tried again.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import report
from generators import Stress
from receiver import ROOT, ReceiverFailed, prixfixe, smtp_sink
from workloads import WORKLOADS, ClientFailed

GATES = ROOT / "gates.toml"
# 10 KB over 20 sessions that last: what the receivers do weighs most there, connecting least.
WORKLOAD = WORKLOADS["C"]
# A second of work for smtp-sink on a slow machine, and an odd number of pairs for a median that
# was measured.
MESSAGES = 10_000
PAIRS = 5


def main():
    arguments = parse_arguments()
    stress = Stress(arguments.binary)
    progress = report.Progress()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="prixfixe-smoke-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        try:
            burst = folder / "burst.json"
            progress.show("burst on servers with a store")
            said = run([stress.binary, "stress", "burst", "--verify", "--output", burst], folder)
            pairs = take_turns(stress, folder, progress)
        except (ReceiverFailed, ClientFailed) as error:
            progress.done()
            print(f"smoke: {error}", file=sys.stderr)
            return 1
        progress.done()
        # The commands below write past this one's buffer.
        print(f"{said}\n\n{table(pairs)}\n", flush=True)
        ours, reference = median(pairs)
        checks = [
            [burst, "--table", "smoke-burst"],
            [ours, "--table", "smoke-ratio", "--reference", reference],
        ]
        # All are shown before any of them decides.
        failed = [check for check in checks if not holds(stress.binary, check)]
        return 1 if failed else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", metavar="FILE", help="our binary (default: target/release/prixfixe)")
    parser.add_argument("--folder", metavar="DIR", help="where stores go (default: the system's temporary folder)")
    return parser.parse_args()


def take_turns(stress, folder, progress):
    """The result files of each pair, ours first."""
    starts = (lambda own: prixfixe(own, "discard", binary=stress.binary), smtp_sink)
    pairs = []
    receivers = []
    try:
        for number, start in enumerate(starts):
            own = folder / str(number)
            own.mkdir()
            receivers.append(start(own))
        for receiver in receivers:
            stress.send(WORKLOAD, receiver.port, MESSAGES // 10)
        for pair in range(PAIRS):
            files = [folder / f"{receiver.name}-{pair + 1}.json" for receiver in receivers]
            for which in (0, 1) if pair % 2 == 0 else (1, 0):
                progress.show(f"{pair + 1}/{PAIRS} {receivers[which].name}")
                stress.send(WORKLOAD, receivers[which].port, MESSAGES, files[which])
            pairs.append(tuple(files))
    finally:
        for receiver in receivers:
            receiver.stop()
    return pairs


def rates(pair):
    return [json.loads(file.read_text())["rate"] for file in pair]


def ratio(pair):
    ours, reference = rates(pair)
    return ours / reference


def median(pairs):
    """The pair whose ratio is the median of all."""
    return sorted(pairs, key=ratio)[len(pairs) // 2]


def table(pairs):
    rows = []
    for pair in pairs:
        ours, reference = rates(pair)
        rows.append([f"{ours:,.0f}", f"{reference:,.0f}", f"{ours / reference:.2f}"])
    return report.markdown(["prixfixe, messages/s", "smtp-sink, messages/s", "ratio"], rows)


def holds(binary, words):
    """Whether a result meets the gates; says so either way."""
    command = [binary, "results", "check", *words, "--gates", GATES]
    done = subprocess.run([str(word) for word in command], check=False)
    return done.returncode == 0


def run(command, folder):
    """What a command said; results are written even where it failed, and the gates judge them."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise ClientFailed(f"{' '.join(words)}: {done.stderr.strip()}")
    return (done.stdout or done.stderr).strip()


if __name__ == "__main__":
    sys.exit(main())
