"""Postfix's test receiver. `cargo xtask setup` installs it."""

from receiver import smtp_sink
from recipe import Recipe, command, debian_packages

RECIPE = Recipe(
    name="smtp-sink",
    durable=False,
    does="a single-threaded C program that comes with Postfix and throws mail away",
    install=lambda: debian_packages("postfix"),
    version=lambda: command("postconf", "-dh", "mail_version").strip(),
    start=smtp_sink,
)
