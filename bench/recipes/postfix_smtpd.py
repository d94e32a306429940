"""Postfix's smtpd. `cargo xtask setup` installs it."""

from postfix import Postfix
from recipe import Recipe, command, debian_packages

RECIPE = Recipe(
    name="Postfix smtpd",
    durable=True,
    does="a queue that is synced before 250, then `discard:`; limits per client off; needs root",
    install=lambda: debian_packages("postfix"),
    version=lambda: command("postconf", "-dh", "mail_version").strip(),
    start=Postfix,
)
