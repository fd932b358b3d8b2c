"""What every peer is asked, and what is counted: the store's own work, not the making of what it is sent."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


# What 847 tags at 100 Hz send in 100 ms.
BATCH = 8_470
# What is left of 1,000 points where each bucket may have three: the lowest, the highest and the first gap.
BUCKETS = 333


class Missing(Exception):
    """The peer is not on this machine."""


class Meter:
    """Wall and processor seconds within its blocks."""

    def __init__(self, cpu):
        self.cpu_now, self.wall, self.cpu = cpu, 0.0, 0.0

    def __enter__(self):
        self.began = time.perf_counter(), self.cpu_now()

    def __exit__(self, *_):
        self.wall += time.perf_counter() - self.began[0]
        self.cpu += self.cpu_now() - self.began[1]


class Contender:
    """A store in a folder of its own. Records are the numpy records of samples.py, sorted as they are to be written."""

    # Samples in one piece of a backfill.
    CHUNK = 1_000_000
    # What does not hold for it that holds for the others.
    NOTE = ""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"histories-{self.NAME}-"))
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)

    def load(self, records):
        """A backfill that is durable in the end."""
        meter = Meter(self.cpu)
        for begin in range(0, len(records), self.CHUNK):
            piece = self.encode(records[begin : begin + self.CHUNK])
            with meter:
                self.send(piece)
        with meter:
            self.settle()
        return meter

    def append(self, records, pace_s=0.0):
        """Batches of 100 ms, each durable before the next, at a pace or at once; the meter, and how long each took."""
        batches = [records[begin : begin + BATCH] for begin in range(0, len(records), BATCH)]
        pieces, waits, meter = [self.encode(batch) for batch in batches], [], Meter(self.cpu)
        with meter:
            began = time.perf_counter()
            for n, piece in enumerate(pieces):
                time.sleep(max(0.0, began + n * pace_s - time.perf_counter()))
                start = time.perf_counter()
                self.send(piece)
                waits.append(time.perf_counter() - start)
        return meter, waits

    def trends(self, tag, span, times):
        """Seconds of each reading of a span as the lowest and highest of each of BUCKETS buckets, and the points read."""
        return timed(times, lambda: self.trend(tag, *span, -(-(span[1] - span[0]) // BUCKETS)))

    def raws(self, tag, span, times):
        """Seconds of each reading of all samples of a span, and how many they are."""
        return timed(times, lambda: self.raw(tag, *span))

    def cpu(self):
        """Processor seconds so far: this process, where the peer lives in it."""
        return time.process_time()

    def settle(self):
        """Makes durable what is not yet."""

    def tidy(self):
        """What is done before the size is measured, off the clock."""

    def bytes(self):
        return size(self.folder)

    def start(self):
        """Makes it ready in its empty folder."""

    def stop(self):
        """Ends it."""


class Server(Contender):
    """A peer that is a process of its own; it listens on loopback only and is ended by its own id."""

    def launch(self, command, ready, user=None):
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=self.folder, user=user)
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                return ready()
            except Exception:
                time.sleep(0.1)
        self.stop()
        said = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        raise Missing(f"it did not start: {said[-1] if said else 'it said nothing'}")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

    def cpu(self):
        """The server's processor time with that of its children, those that have ended too."""
        return sum(ticks(pid) for pid in family(self.process.pid)) / TICKS


def timed(times, read):
    took = []
    for _ in range(times):
        start = time.perf_counter()
        points = len(read())
        took.append(time.perf_counter() - start)
    return took, points


def family(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [each for child in children for each in family(int(child))]


def ticks(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, fields[11:15]))


def size(folder):
    """Bytes of all files in a folder; holes in files count nothing."""
    stats = (file.stat() for file in pathlib.Path(folder).rglob("*") if file.is_file())
    return sum(min(stat.st_size, stat.st_blocks * 512) for stat in stats)


def settled(measure, rounds=5, every_s=1.0):
    """A size once it has not changed for some seconds; what merges in the background is done then."""
    last, same = measure(), 0
    for _ in range(180):
        time.sleep(every_s)
        now = measure()
        same = same + 1 if now == last else 0
        last = now
        if same >= rounds:
            break
    return last


def program(name):
    """A program of a package that was unpacked for this bench, or of the system."""
    unpacked = os.environ.get("HISTORIES_PEERS", "")
    found = shutil.which(name, path=f"{unpacked}/usr/bin:{os.environ['PATH']}")
    if not found:
        raise Missing(f"there is no program `{name}`")
    return found


def port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]
