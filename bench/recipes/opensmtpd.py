"""OpenSMTPD, unpacked from its Debian package and not installed: it would put Postfix out."""

import os
import pathlib

from receiver import Receiver, ReceiverFailed, free_port
from recipe import Recipe, installed, unpacked_debian, unpacked_version

PACKAGE = "opensmtpd"

# Delivery is paused from the start (-P), so the address to relay to is never asked.
SETTINGS = """\
listen on 127.0.0.1 port {port} hostname mx.bench.example
smtp limit max-mails 1000000000
smtp max-message-size "1G"
action "keep" relay host smtp://127.0.0.1:1
match from any for any action "keep"
"""

# Its places and its two users are compiled in. They exist in a mount namespace of its own, and
# nothing of the machine changes.
NAMESPACE = """\
mount --bind spool /var/spool
mount --bind run /run
mount --bind lib /var/lib
mount --bind passwd /etc/passwd
mount --bind group /etc/group
exec "$@"
"""
USERS = {"opensmtpd": 9801, "opensmtpq": 9802}


def start(folder):
    if os.geteuid() != 0:
        raise ReceiverFailed("OpenSMTPD has to be started by root")
    port = free_port()
    for name in ("spool/smtpd", "run", "lib/opensmtpd/empty"):
        (folder / name).mkdir(parents=True)
    (folder / "spool/smtpd").chmod(0o711)
    folder.chmod(0o755)
    home = "/var/lib/opensmtpd/empty:/usr/sbin/nologin"
    passwd = [f"{name}:x:{number}:{number}::{home}\n" for name, number in USERS.items()]
    group = [f"{name}:x:{number}:\n" for name, number in USERS.items()]
    for name, lines in (("passwd", passwd), ("group", group)):
        (folder / name).write_text(pathlib.Path("/etc", name).read_text() + "".join(lines))
    settings = folder / "smtpd.conf"
    settings.write_text(SETTINGS.format(port=port))
    settings.chmod(0o600)
    words = [installed(PACKAGE) / "usr/sbin/smtpd", "-F", "-P", "mta", "-f", settings]
    inside = ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", NAMESPACE, "sh"]
    return Receiver("OpenSMTPD", [*inside, *words], port, folder / "smtpd.log", cwd=folder)


RECIPE = Recipe(
    name="OpenSMTPD",
    durable=True,
    does="a queue whose files are renamed and not synced before 250, delivery paused; it listens with a backlog of 5, so clients that connect at once wait for retransmits of a second and more: only C and E, in longer runs, whose start still shows it; needs root",
    install=lambda: unpacked_debian(PACKAGE),
    version=lambda: unpacked_version(PACKAGE),
    start=start,
    workloads="CE",
    least_messages=3000,
)
