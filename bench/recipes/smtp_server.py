"""nodemailer's smtp-server from npm, by the script that the comparison of TLS has."""

import os

from receiver import ROOT, Receiver, free_port
from recipe import Recipe, certificate, command, installed, npm_version, once

SCRIPT = ROOT / "bench" / "tls" / "receivers" / "smtp_server_receiver.cjs"
PACKAGE = "smtp-server@3.21.6"


def install():
    def make(folder):
        command("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PACKAGE)

    once(installed("smtp-server"), make)


def start(folder):
    port = free_port()
    words = ["node", SCRIPT, *certificate(folder), str(port), str(free_port())]
    modules = {**os.environ, "NODE_PATH": str(installed("smtp-server") / "node_modules")}
    return Receiver("smtp-server", words, port, folder / "smtp-server.log", env=modules)


RECIPE = Recipe(
    name="smtp-server",
    durable=False,
    does="nodemailer's, discarding, one process; greets after 100 ms, which limits its connections",
    install=install,
    version=lambda: npm_version("smtp-server", "smtp-server"),
    start=start,
)
