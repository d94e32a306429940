"""mailin-embedded from the Cargo registry: the receiver that the comparison of TLS has, too."""

import os
import tomllib

from receiver import ROOT, Receiver, free_port
from recipe import Recipe, certificate, command, installed

WORKSPACE = ROOT / "bench" / "tls"
# It serves as many sessions as it has threads; this is more than any workload opens.
THREADS = 128


def install():
    # Cargo knows what is built already.
    folder = installed("mailin")
    if not program().is_file():
        print("building mailin, which takes minutes", flush=True)
    command(
        *("cargo", "build", "--release", "--quiet"),
        folder=WORKSPACE,
        env={**os.environ, "CARGO_TARGET_DIR": str(folder)},
    )


def program():
    return installed("mailin") / "release" / "tls-peers"


def version():
    locked = tomllib.loads((WORKSPACE / "Cargo.lock").read_text())["package"]
    return next(package["version"] for package in locked if package["name"] == "mailin-embedded")


def start(folder):
    port = free_port()
    words = ["mailin", f"127.0.0.1:{port}", *certificate(folder), str(THREADS)]
    return Receiver("mailin", [program(), *words], port, folder / "mailin.log")


RECIPE = Recipe(
    name="mailin",
    durable=False,
    does="mailin-embedded in Rust, discarding; a thread per session, 128 of them",
    install=install,
    version=version,
    start=start,
)
