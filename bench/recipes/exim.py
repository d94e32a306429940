"""Exim, unpacked from its Debian package and not installed: it would put Postfix out."""

import grp
import os
import pwd

from receiver import Receiver, ReceiverFailed, free_port
from recipe import Recipe, command, installed, unpacked_debian, unpacked_version

PACKAGE = "exim4-daemon-light"
# Debian's Exim looks for this name, compiled in, before it reads any setting.
USER = "Debian-exim"

# Look-ups and limits are off. Messages stay in its queue: delivery would only add to its cost.
SETTINGS = """\
primary_hostname = mx.bench.example
spool_directory = {spool}
log_file_path = {spool}/%slog
pid_file_path = {spool}/exim.pid
exim_path = {program}
keep_environment =
host_lookup =
rfc1413_hosts =
tls_advertise_hosts =
smtp_enforce_sync = false
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1024
recipients_max = 0
message_size_limit = 1G
queue_only = true
split_spool_directory = true
log_selector = -all
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
begin acl
accept_all:
  accept
"""


def install():
    unpacked_debian(PACKAGE)
    try:
        pwd.getpwnam(USER)
    except KeyError:
        command("useradd", "--system", "--no-create-home", USER)


def start(folder):
    if os.geteuid() != 0:
        raise ReceiverFailed("Exim has to be started by root")
    port = free_port()
    program = installed(PACKAGE) / "usr/sbin/exim4"
    spool = folder / "spool"
    spool.mkdir()
    os.chown(spool, pwd.getpwnam(USER).pw_uid, grp.getgrnam(USER).gr_gid)
    folder.chmod(0o755)
    settings = folder / "exim.conf"
    settings.write_text(SETTINGS.format(spool=spool, program=program))
    words = [program, "-C", settings, "-bdf", "-oX", f"127.0.0.1.{port}"]
    return Receiver("Exim", words, port, folder / "exim.log")


RECIPE = Recipe(
    name="Exim",
    durable=True,
    does="a process per connection; a spool that is synced before 250 and kept (`queue_only`), `smtp_enforce_sync` and limits off; a connection takes it 0.2 s whatever the load; needs root",
    install=install,
    version=lambda: unpacked_version(PACKAGE),
    start=start,
)
