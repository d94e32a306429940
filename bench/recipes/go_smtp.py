"""go-smtp, the library in Go, from Debian's packages."""

import os
import pathlib

from receiver import Receiver, free_port
from recipe import Recipe, command, debian_packages, installed, once, package_version

SOURCE = pathlib.Path(__file__).with_name("go_smtp_receiver.go")
LIBRARY = "golang-github-emersion-go-smtp-dev"


def install():
    debian_packages("golang-go", LIBRARY, "golang-github-emersion-go-sasl-dev")

    def build(folder):
        # Debian's libraries lie in a GOPATH; nothing is fetched.
        places = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache")}
        command("go", "build", "-o", folder / "receiver", SOURCE, env={**os.environ, **places})

    once(installed("go-smtp"), build)


def version():
    return f"{package_version(LIBRARY)} (Debian), {command('go', 'version').split()[2]}"


def start(folder):
    port = free_port()
    words = [installed("go-smtp") / "receiver", f"127.0.0.1:{port}"]
    return Receiver("go-smtp", words, port, folder / "go-smtp.log")


RECIPE = Recipe(
    name="go-smtp",
    durable=False,
    does="a server of a few lines on the library in Go, discarding; Debian's version of it is old",
    install=install,
    version=version,
    start=start,
)
