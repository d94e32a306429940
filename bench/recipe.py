"""What it takes to measure a receiver: how it is installed, started, and what it does with mail."""

import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from receiver import ROOT, ReceiverFailed


@dataclass(frozen=True)
class Recipe:
    """One receiver. `start` gets a fresh folder of its own and returns a started receiver."""

    name: str
    # Whether a message is meant to survive a crash once it is answered with 250.
    durable: bool
    # What becomes of a message, and whatever a reader of its figures has to know.
    does: str
    version: Callable[[], str]
    start: Callable[[pathlib.Path], object]
    # Puts what is missing into the folder for installed peers; leaves at once if nothing is.
    install: Callable[[], None] = lambda: None
    # The workloads that it can be measured with; the others are named in `does`.
    workloads: str = "ABCDEF"
    # A run that is shorter would say more about its start than about itself.
    least_messages: int = 0


def installed(name):
    """The folder of an installed peer, beside what cargo builds."""
    return target() / "peers" / name


def target():
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def command(*words, folder=None, env=None):
    """Runs a command of an installation; one that fails ends it with what it said."""
    words = [str(word) for word in words]
    try:
        done = subprocess.run(
            words, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ReceiverFailed(f"{' '.join(words)}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-1000:]
        raise ReceiverFailed(f"{' '.join(words)}: {said}")
    return done.stdout


def once(folder, make):
    """Makes a folder, all of it or nothing: half an installation would be taken for a whole one."""
    if folder.is_dir():
        return
    print(f"installing {folder.name}", flush=True)
    half = folder.with_name(f"{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    make(half)
    half.rename(folder)


def debian_packages(*names):
    """Installs packages that get in nobody's way."""
    if all(package_version(name) for name in names):
        return
    if os.geteuid() != 0:
        raise ReceiverFailed(
            f"missing Debian packages; run: sudo apt-get install --yes {' '.join(names)}"
        )
    print(f"installing {' '.join(names)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command("apt-get", "update", "--quiet", env=quiet)
    install = ("apt-get", "install", "--quiet", "--yes", "--no-install-recommends")
    command(*install, *names, env=quiet)


def unpacked_debian(name):
    """Unpacks a package beside what cargo builds. Mail servers conflict with each other as
    packages, and installing one would put Postfix out."""

    def make(folder):
        try:
            command("apt-get", "download", "--quiet", name, folder=folder)
        except ReceiverFailed:
            # The list of packages may be missing or old.
            command("apt-get", "update", "--quiet")
            command("apt-get", "download", "--quiet", name, folder=folder)
        [package] = folder.glob("*.deb")
        command("dpkg", "--extract", package, folder)
        (folder / "version").write_text(command("dpkg-deb", "--field", package, "Version"))
        package.unlink()

    once(installed(name), make)


def unpacked_version(name):
    return f"{(installed(name) / 'version').read_text().strip()} (Debian)"


def package_version(name):
    """The version of an installed Debian package, or nothing."""
    try:
        return command("dpkg-query", "--show", "--showformat=${Version}", name).strip()
    except ReceiverFailed:
        return ""


def npm_version(name, package):
    """The version of a package in the node_modules of an installed peer."""
    return command(
        "node", "-p", "require(process.argv[1]).version + ', Node.js ' + process.versions.node",
        installed(name) / "node_modules" / package / "package.json",
    ).strip()


def certificate(folder):
    """A self-signed certificate and its key, for receivers that do not start without one."""
    chain, key = folder / "certificate.pem", folder / "key.pem"
    command(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=mx.bench.example"),
        *("-addext", "subjectAltName=DNS:mx.bench.example"),
        *("-keyout", key, "-out", chain),
    )
    return chain, key
