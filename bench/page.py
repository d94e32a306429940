"""docs/benchmarks.md: the parts between markers are made from files of results, and nothing else is
touched."""

import json
import re
import statistics
import sys

import machine
import report
from receiver import ROOT
from workloads import WORKLOADS

PAGE = ROOT / "docs" / "benchmarks.md"

VOID = "void runs"
ABOUT_VOID = (
    "A run is void where the client says that it was itself the limit: the receiver could have"
    " taken more than the figure says, and the ratio is at best a bound."
)


class NotWritten(Exception):
    """The page has no place for a result, or a file is none."""


def write(files, path=PAGE):
    """Puts every part that the files hold into the page; returns the exit code."""
    try:
        text = path.read_text()
        for file in files:
            for name, body in parts(read(file)).items():
                text = replaced(text, name, body)
    except NotWritten as error:
        print(f"docs: {error}", file=sys.stderr)
        return 2
    path.write_text(text)
    return 0


def read(file):
    try:
        result = json.loads(file.read_text())
        if "measured" not in result:
            raise NotWritten(f"{file} is not what --output of a benchmark wrote")
        return result
    except (OSError, ValueError) as error:
        raise NotWritten(f"{file}: {error}") from error


def replaced(text, name, body):
    """The page with another body between the markers of a name."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        known = ", ".join(re.findall(r"<!-- begin (.*) -->", text)) or "none"
        raise NotWritten(f"the page has no markers for `{name}`; it has: {known}")
    head, rest = text.split(begin)
    return f"{head}{begin}{body.strip()}\n{end}{rest.split(end)[1]}"


def parts(result):
    """The name of each part of the page that this result fills, and its text."""
    if "reach" in result:
        return {"reach": "\n\n".join([*origin(result), reach_table(result["reach"])])}
    return {
        f"{mode} by {result['client']}": "\n\n".join([*origin(result), *tables(peers), *notes(peers)])
        for mode, peers in result["modes"].items()
    }


def plain(result):
    """The tables alone, for a terminal."""
    return "\n\n".join(table for peers in result["modes"].values() for table in tables(peers))


def origin(result):
    measured = result["measured"]
    versions = "; ".join(f"{name} {version}" for name, version in result["versions"].items())
    return [
        machine.sentence(measured),
        f"Medians of {measured['pairs']} interleaved pairs, CPU by {measured['account']}. "
        f"The client is `{result['client']}`. Versions: {versions}.",
        f"```sh\n{measured['command']}\n```",
    ]


def tables(peers):
    """One for the receivers that discard and one for those that keep, where there are such."""
    classes = {durable: {} for durable in (False, True)}
    for name, peer in peers.items():
        classes[peer["durable"]][name] = peer["workloads"]
    several = all(classes.values())
    made = []
    for durable, members in classes.items():
        if members and any(members.values()):
            title = "Keeping it on disk:" if durable else "Discarding:"
            made.append(f"{title}\n\n{table(members)}" if several else table(members))
    return made


def table(peers):
    """Peer, workload -> what was measured, as rows by workload, ours first."""
    header = [
        *("workload", "receiver", "messages/s", "CPU s per 1,000", "peak RSS MiB", "p99.9 ms"),
        *("rate, ours / theirs", "CPU, ours / theirs", VOID),
    ]
    rows = []
    for letter, workload in WORKLOADS.items():
        measured = {
            name: of_peer[letter]
            for name, of_peer in peers.items()
            if "sides" in of_peer.get(letter, ())
        }
        if not measured:
            continue
        of_workload = []
        pairs = [one["sides"] for one in measured.values() if len(one["sides"]) == 2]
        if pairs:
            of_workload.append(side_row(merged([sides[0] for sides in pairs])))
        for one in measured.values():
            ratios = [figure(one["rate_ratio"], 2), figure(one["cpu_ratio"], 3)]
            of_workload.append(side_row(one["sides"][-1], ratios))
        of_workload[0][0] = workload.title
        rows.extend(of_workload)
    return report.markdown(*without_empty(header, rows))


def side_row(side, ratios=("", "")):
    void = f"{side['void']} of {len(side['runs'])}" if side["void"] else ""
    return [
        *("", side["receiver"], f"{side['rate']:,.0f}", f"{side['cpu_per_1000']:.3f}"),
        *(f"{side['peak_rss'] / 2**20:.1f}", figure(side["p99_9_ms"], 1), *ratios, void),
    ]


def merged(sides):
    """Ours beside every peer, as one side: the medians of all its runs."""
    runs = [run for side in sides for run in side["runs"]]
    found = {"receiver": sides[0]["receiver"], "runs": runs}
    for field in ("rate", "cpu_per_1000", "p99_9_ms"):
        values = [run[field] for run in runs]
        found[field] = None if None in values else statistics.median(values)
    found["peak_rss"] = max(side["peak_rss"] for side in sides)
    found["void"] = sum(side["void"] for side in sides)
    return found


def figure(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def without_empty(header, rows):
    """Without the columns that no row has anything in."""
    kept = [column for column in range(len(header)) if any(row[column] for row in rows)]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def notes(peers):
    said = []
    if any(VOID in table for table in tables(peers)):
        said.append(ABOUT_VOID)
    lines = [
        f"- {name}: {peer['does']}.{without_figures(peer)}"
        for name, peer in peers.items()
    ]
    if len(lines) > 1:
        said.append("\n".join(lines))
    return said


def without_figures(peer):
    """What a reader misses in the tables, and why."""
    failed = [
        f" {letter} failed: {one['failed'].splitlines()[0]}."
        for letter, one in peer["workloads"].items()
        if "failed" in one
    ]
    return "".join(failed) if peer["workloads"] else " Not measured in this run."


def reach_table(workloads):
    header = [
        *("workload", "receiver", "client", "messages/s", "client's CPU s per 1,000"),
        *("rate, ours / its", "CPU, ours / its"),
    ]
    rows = []
    for letter, receivers in workloads.items():
        for name, measured in receivers.items():
            for client in measured["clients"]:
                ours = client is measured["clients"][0]
                rows.append(
                    [
                        "" if rows and rows[-1][-1] == letter else WORKLOADS[letter].title,
                        name if ours else "",
                        client["name"],
                        f"{client['rate']:,.0f}",
                        f"{client['cpu_per_1000']:.4f}",
                        figure(measured["rate_ratio"], 2) if ours else "",
                        figure(measured["cpu_ratio"], 2) if ours else "",
                        letter,
                    ]
                )
    return report.markdown(header, [row[:-1] for row in rows])
