"""aiosmtpd from PyPI, by the script that the comparison of TLS has, with and without uvloop."""

from receiver import ROOT, Receiver, free_port
from recipe import Recipe, certificate, command, installed, once

SCRIPT = ROOT / "bench" / "tls" / "receivers" / "aiosmtpd_receiver.py"
PACKAGES = ("aiosmtpd==1.4.6", "uvloop")
UNDER_UVLOOP = """\
import runpy, sys, uvloop
uvloop.install()
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def python():
    return installed("aiosmtpd") / "venv" / "bin" / "python3"


def install():
    def make(folder):
        # Scripts of an environment name its place, so its folder must not be renamed afterwards;
        # none of them is used here, only its interpreter.
        command("python3", "-m", "venv", folder / "venv")
        pip = (folder / "venv" / "bin" / "python3", "-m", "pip", "install", "--quiet")
        command(*pip, *PACKAGES)

    once(installed("aiosmtpd"), make)


def version_of(*packages):
    asked = "import importlib.metadata, platform, sys; print(*(importlib.metadata.version(name) for name in sys.argv[1:]), platform.python_version())"
    *versions, of_python = command(python(), "-c", asked, *packages).split()
    named = [versions[0], *(f"{name} {number}" for name, number in zip(packages[1:], versions[1:]))]
    return ", ".join([*named, f"Python {of_python}"])


def start(name, *loop):
    def start_in(folder):
        port = free_port()
        words = [python(), *loop, SCRIPT, *certificate(folder), str(port), str(free_port())]
        return Receiver(name, words, port, folder / "aiosmtpd.log")

    return start_in


RECIPE = Recipe(
    name="aiosmtpd",
    durable=False,
    does="discarding, one process on the event loop of Python",
    install=install,
    version=lambda: version_of("aiosmtpd"),
    start=start("aiosmtpd"),
)

WITH_UVLOOP = Recipe(
    name="aiosmtpd+uvloop",
    durable=False,
    does="the same on uvloop",
    install=install,
    version=lambda: version_of("aiosmtpd", "uvloop"),
    start=start("aiosmtpd+uvloop", "-c", UNDER_UVLOOP),
)
