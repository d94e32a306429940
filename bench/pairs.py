"""Interleaved pairs: ours and a peer in turn, so that both meet the same machine."""

import pathlib
import statistics
import tempfile
import threading
from dataclasses import dataclass

from accounting import memory

# How often a receiver's memory is looked at while it warms up; looking costs time of the machine,
# so nothing looks while it is measured.
LOOK_SECONDS = 0.05


@dataclass
class Run:
    """One run of the client against one receiver."""

    messages: int
    rate: float
    cpu_per_1000: float
    client_cpu_per_1000: float = 0.0
    p99_9_ms: float | None = None
    # Why the figures are not the receiver's, or None.
    void: str | None = None


@dataclass
class Side:
    """All runs against one receiver in one workload."""

    receiver: str
    runs: list
    peak_rss: int

    def median(self, field):
        """The median over the runs, or None where one has no such figure."""
        values = [getattr(run, field) for run in self.runs]
        return None if None in values else statistics.median(values)

    def void(self):
        """How many of the runs are void."""
        return sum(run.void is not None for run in self.runs)


def ratio(sides, field):
    """The median over the pairs of ours / theirs, or None with one side alone."""
    if len(sides) < 2:
        return None
    ours, theirs = (side.runs for side in sides)
    return statistics.median(
        getattr(mine, field) / getattr(its, field) for mine, its in zip(ours, theirs)
    )


def compare(recipes, generator, workload, settings, show):
    """Starts the receivers and returns their sides in the same order. `settings` has `folder`,
    `pairs` and `seconds`."""
    with tempfile.TemporaryDirectory(dir=settings.folder, prefix="prixfixe-bench-") as folder:
        # Processes of other users have to pass through.
        pathlib.Path(folder).chmod(0o755)
        receivers = []
        try:
            for number, recipe in enumerate(recipes):
                own = pathlib.Path(folder) / str(number)
                own.mkdir()
                receivers.append(recipe.start(own))
            least = [recipe.least_messages for recipe in recipes]
            return measure(receivers, least, generator, workload, settings, show)
        finally:
            for receiver in receivers:
                receiver.stop()


def measure(receivers, least, generator, workload, settings, show):
    counts, peaks = [], []
    for receiver, fewest in zip(receivers, least):
        show(f"{workload.title}: warming up {receiver.name}")
        with Peak(receiver) as peak:
            count = calibrate(generator, workload, receiver.port, settings.seconds)
        counts.append(max(count, fewest))
        peaks.append(peak.octets)
        receiver.settle()
    runs = [[] for _ in receivers]
    for pair in range(settings.pairs):
        # Whoever goes first meets a quieter or a warmer machine, so they take turns.
        order = range(len(receivers)) if pair % 2 == 0 else reversed(range(len(receivers)))
        for side in order:
            receiver = receivers[side]
            show(f"{workload.title}: {pair + 1}/{settings.pairs} {receiver.name}")
            runs[side].append(run_once(generator, workload, receiver, counts[side]))
    return [
        Side(receiver.name, runs[side], max(peaks[side], peak_rss(receiver)))
        for side, receiver in enumerate(receivers)
    ]


def run_once(generator, workload, receiver, messages):
    before = receiver.account.seconds()
    sent = generator.send(workload, receiver.port, messages)
    receiver.settle()
    cpu = receiver.account.seconds() - before
    return Run(
        messages,
        sent.rate,
        cpu / messages * 1000,
        sent.cpu_seconds / messages * 1000,
        sent.p99_9_ms,
        sent.void,
    )


def calibrate(generator, workload, port, target_seconds):
    """A number of messages that takes the receiver about the target; warms it up on the way."""
    messages = workload.sessions * 5
    while True:
        elapsed = generator.send(workload, port, messages).seconds
        if elapsed >= target_seconds / 4:
            return max(workload.sessions, round(messages * target_seconds / elapsed))
        # At most tenfold: the start of a cold receiver says little about its rate.
        messages = round(messages * min(10, 0.5 * target_seconds / elapsed + 1))


def peak_rss(receiver):
    """The sum over the living processes; what they share counts once for each."""
    return memory(receiver.pids(), "VmHWM")


class Peak:
    """The highest sum of the memory while it is open: processes that end take theirs along."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.octets = 0
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.closed.wait(LOOK_SECONDS):
            self.octets = max(self.octets, peak_rss(self.receiver))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.thread.join()
