"""Where and when something was measured, in words that a reader of the figures needs."""

import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

# Flags whose values are places of this machine and say nothing about the measurement.
PLACES = ("--output", "--binary", "--folder")


def stamp(script, folder=None):
    """What a file of results says about its origin; taken before the run, so that the load is
    that of others."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "command": command_line(script, sys.argv[1:]),
        "processor": processor(),
        "processors": os.cpu_count(),
        "memory_octets": memory_octets(),
        # Without what its builder put behind the version.
        "kernel": platform.release().partition("-")[0],
        "file_system": file_system(folder),
        "load_before": os.getloadavg()[0],
    }


def command_line(script, arguments):
    words, skip = [], False
    for word in arguments:
        if skip or word.partition("=")[0] in PLACES:
            # The value stands in the next word, unless it stands in this one.
            skip = not skip and "=" not in word
            continue
        words.append(word)
    return " ".join(["python3", f"bench/{script}", *words])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def memory_octets():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def file_system(folder):
    """The kind of the file system that holds stores and queues."""
    words = ["df", "--output=fstype", folder or tempfile.gettempdir()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.split()[-1] if done.returncode == 0 else ""


def sentence(stamp):
    """A stamp as a person reads it."""
    parts = [
        f"Measured on {stamp['at']}",
        f"{stamp['processors']} × {stamp['processor']}",
        f"{stamp['memory_octets'] / 2**30:.0f} GiB of memory",
        f"Linux {stamp['kernel']}",
        f"{stamp['file_system']}" if stamp["file_system"] else "",
        f"load average before the run {stamp['load_before']:.2f}",
    ]
    said = ", ".join(part for part in parts if part) + "."
    if stamp["load_before"] > BUSY:
        said += " **The machine was busy with other work: take these figures as a rough guide.**"
    return said


# With this much to do before it began, the machine was not the benchmark's alone.
BUSY = 0.5
