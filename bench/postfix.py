"""A Postfix of its own: smtpd with a synced queue, whose deliveries are discarded."""

import pathlib
import subprocess
import time

from accounting import open_account
from receiver import ReceiverFailed, await_banner, free_port

DRAIN_LIMIT_SECONDS = 120

# Limits per client are off, look-ups are off, and nothing holds the intake back: every setting
# here makes Postfix quicker or changes nothing. It logs nowhere unless the machine has a syslog.
MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
command_directory = {commands}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.bench.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks = 127.0.0.0/8
relay_domains =
alias_maps =
alias_database =
local_recipient_maps =
default_transport = discard:
relay_transport = discard:
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
default_process_limit = 150
in_flow_delay = 0
message_size_limit = 0
smtpd_tls_security_level = none
"""

# service, type, private, unprivileged, chroot, wakeup, most processes, program
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A started instance in a folder of its own; a context manager that stops it."""

    name = "Postfix smtpd"

    def __init__(self, folder):
        self.port = free_port()
        self.config = folder / "config"
        self.queue = folder / "queue"
        data = folder / "data"
        for path in (self.config, self.queue, data):
            path.mkdir(parents=True)
        # Its unprivileged processes have to reach the queue through this folder.
        folder.chmod(0o755)
        subprocess.run(["chown", "postfix", str(data)], check=True)
        values = {"queue": self.queue, "data": data, "commands": "/usr/sbin"}
        values["daemons"] = default_setting("daemon_directory")
        (self.config / "main.cf").write_text(MAIN_CF.format(**values))
        (self.config / "master.cf").write_text(MASTER_CF.format(port=self.port))
        self.account = open_account()
        self.control("start")
        try:
            self.account.follow(self.master_pid())
            await_banner(self.port, lambda: None)
        except BaseException:
            self.stop()
            raise

    def control(self, verb):
        # The script starts the daemons and ends, so they inherit the account from it.
        command = ["postfix", "-c", str(self.config), verb]
        done = subprocess.run(
            command, capture_output=True, text=True, preexec_fn=self.account.enter, check=False
        )
        if done.returncode != 0:
            raise ReceiverFailed(f"{' '.join(command)}: {done.stderr.strip()}")

    def master_pid(self):
        return int((self.queue / "pid" / "master.pid").read_text())

    def settle(self):
        """Waits for the queue to drain: a delivery that is left over would be charged to whoever
        is measured next, and is part of what accepting a message costs Postfix."""
        end = time.monotonic() + DRAIN_LIMIT_SECONDS
        while any(self.queued()):
            if time.monotonic() > end:
                raise ReceiverFailed("the queue of Postfix does not drain")
            time.sleep(0.02)

    def queued(self):
        for name in ("incoming", "active", "deferred"):
            for path in (self.queue / name).rglob("*"):
                try:
                    if path.is_file():
                        yield path
                except OSError:
                    # It was delivered in this moment.
                    continue

    def pids(self):
        return self.account.pids()

    def stop(self):
        pid = self.master_pid()
        self.control("stop")
        while pathlib.Path(f"/proc/{pid}").exists():
            time.sleep(0.02)
        self.account.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def default_setting(name):
    done = subprocess.run(["postconf", "-dh", name], capture_output=True, text=True, check=True)
    return done.stdout.strip()
