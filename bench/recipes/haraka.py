"""Haraka from npm, one process, with a plugin that accepts everything and keeps nothing."""

import shutil

from receiver import Receiver, free_port
from recipe import Recipe, command, installed, npm_version, once

# Its dependencies ask for the newest of each other, which not every mirror has on the same day.
BEFORE = "2026-09-01"

# No name is looked up: what a resolver takes is not what it takes.
PLUGIN = """\
exports.hook_lookup_rdns = (next) => next(OK, "client.example");
exports.hook_rcpt = (next) => next(OK);
exports.hook_queue = (next) => next(OK);
"""


def install():
    def make(folder):
        quiet = ("--silent", "--no-audit", "--no-fund", "--omit=optional")
        command("npm", "install", *quiet, "--prefix", folder, f"--before={BEFORE}", "Haraka")

    once(installed("haraka"), make)


def start(folder):
    port = free_port()
    files = {
        "config/smtp.ini": f"listen=127.0.0.1:{port}\nnodes=0\n",
        "config/plugins": "discard\n",
        "config/me": "mx.bench.example\n",
        "config/loglevel": "ERROR\n",
        "config/databytes": "0\n",
        "plugins/discard.js": PLUGIN,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    package = installed("haraka") / "node_modules" / "Haraka"
    # It does not start without this one.
    shutil.copy(package / "config/connection.ini", folder / "config")
    words = ["node", package / "bin/haraka", "-c", folder]
    return Receiver("Haraka", words, port, folder / "haraka.log")


RECIPE = Recipe(
    name="Haraka",
    durable=False,
    does="one process with a plugin that accepts and discards, no others",
    install=install,
    version=lambda: npm_version("haraka", "Haraka"),
    start=start,
)
