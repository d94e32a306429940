"""Telling the person at the terminal what is going on and what came out."""

import json
import sys


class Progress:
    """One line that is written over, on a terminal only."""

    def __init__(self, stream=sys.stderr):
        self.stream = stream if stream.isatty() else None

    def show(self, text):
        if self.stream:
            self.stream.write(f"\r\x1b[K{text}")
            self.stream.flush()

    def done(self):
        self.show("")


def markdown(header, rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def finish(result, checks, arguments):
    """Writes the JSON and the verdicts; returns the exit code.

    Each check is a tuple: what was measured, the value, "<=" or ">=", the bound.
    """
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as output:
            json.dump(result, output, indent=2)
            output.write("\n")
    if not arguments.check:
        return 0
    print()
    failed = [check for check in checks if not holds(check)]
    for check in checks:
        name, value, direction, bound = check
        verdict = "ok" if holds(check) else "FAILED"
        print(f"{verdict:6} {name}: {value:.3f} (wanted {direction} {bound:.3f})")
    return 1 if failed or not checks else 0


def holds(check):
    _, value, direction, bound = check
    return value <= bound if direction == "<=" else value >= bound


def add_arguments(parser):
    """What every benchmark takes."""
    parser.add_argument("--check", action="store_true", help="compare with the bounds; exit 1 if one is missed")
    parser.add_argument("--output", metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--binary", metavar="FILE", help="our binary (default: target/release/prixfixe)")
    parser.add_argument(
        "--folder", metavar="DIR", help="where stores and queues go (default: the system's temporary folder)"
    )
