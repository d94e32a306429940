#!/usr/bin/env python3
"""Installs the receivers that Prix Fixe is measured against, into target/peers where they allow it.

What is there already is left alone. Debian packages need root.
"""

import argparse
import sys

from receiver import ReceiverFailed
from recipes import PEERS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(PEERS)}")
    names = parser.parse_args().names or list(PEERS)
    if unknown := [name for name in names if name not in PEERS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(PEERS)}")
    failed = False
    for name in names:
        try:
            PEERS[name].install()
            print(f"{name}: {PEERS[name].version()}")
        except ReceiverFailed as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
