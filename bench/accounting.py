"""CPU time and memory of a receiver with all its processes."""

import itertools
import os
import pathlib
import signal
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def open_account():
    """The most truthful account that this machine allows.

    A cgroup of version 2 counts what every process in it used, to the microsecond, and keeps the
    count of those that have ended. Without the right to make one, the process tree in /proc has to
    do: it counts in ticks of usually 10 ms for each process, and what an ended process used only
    once its parent has waited for it.
    """
    for mount in cgroup_mounts():
        try:
            return Cgroup(mount)
        except OSError:
            continue
    return ProcessTree()


def cgroup_mounts():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, path, kind = line.split()[:3]
        if kind == "cgroup2":
            yield pathlib.Path(path)


class Cgroup:
    """Counts by the kernel's control group; the receiver joins it before it starts."""

    kind = "cgroup"
    numbers = itertools.count()

    def __init__(self, mount):
        self.folder = mount / f"prixfixe-bench-{os.getpid()}-{next(self.numbers)}"
        self.folder.mkdir()
        self.seconds()

    def enter(self):
        """Called in the child, between fork and exec."""
        (self.folder / "cgroup.procs").write_text("0")

    def follow(self, pid):
        """Membership is inherited, so there is nothing to follow."""

    def pids(self):
        return [int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()]

    def seconds(self):
        stat = (self.folder / "cpu.stat").read_text()
        return int(dict(line.split() for line in stat.splitlines())["usage_usec"]) / 1e6

    def end(self):
        """Ends what the receiver left behind."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def close(self):
        # A process that was just killed still counts as a member for a moment.
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.02)


class ProcessTree:
    """Counts by walking /proc from the process to follow."""

    kind = "process tree"

    def __init__(self):
        self.root = None

    def enter(self):
        """The tree needs no preparation."""

    def follow(self, pid):
        self.root = pid

    def pids(self):
        children = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := stat_fields(entry)):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, waiting = [], [self.root]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting.extend(children.get(pid, ()))
        return found

    def seconds(self):
        ticks = 0
        for pid in self.pids():
            if fields := stat_fields(pathlib.Path(f"/proc/{pid}")):
                # utime, stime, and what ended children used: cutime, cstime.
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS_PER_SECOND

    def end(self):
        """Without a group nobody knows whose the processes are whose parent is gone."""

    def close(self):
        """Nothing was made."""


def stat_fields(process):
    """The fields of /proc/PID/stat from the state on, or None when the process is gone."""
    try:
        text = (process / "stat").read_text()
    except OSError:
        return None
    # The name before them stands in brackets and may hold anything.
    return text.rpartition(")")[2].split()


def memory(pids, *fields):
    """The sum in bytes of fields of /proc/PID/status, such as VmHWM or RssAnon."""
    total = 0
    for pid in pids:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for line in status.splitlines():
            name, _, value = line.partition(":")
            if name in fields:
                total += int(value.split()[0]) * 1024
    return total


def private_memory(pids):
    """What the processes hold for themselves: RssAnon + RssShmem."""
    return memory(pids, "RssAnon", "RssShmem")
