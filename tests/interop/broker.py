"""Runs the broker under test as a child process and waits on what can be observed of it."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 10
TOMBO_OPTIONS = ("compatibility", "threads")
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def wait_until(condition, timeout_s=10.0, what="the condition"):
    """Polls until `condition()` is true and returns its value; fails at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come about within {timeout_s} s"
        time.sleep(0.01)


def free_port():
    """A port outside the range from which outgoing connections take theirs, so that none of the
    clients can take it while a broker restarts."""
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.randrange(10000, max(first_ephemeral, 20000))
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port found")


def accepts(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


@dataclass(frozen=True)
class Program:
    """The binary under test and how this run of the tests wants it configured."""
    path: str
    version_text: str
    is_tombo: bool
    compatibility: str
    threads: int = None

    @staticmethod
    def examine(path, compatibility, threads):
        text = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20,
                              check=False)
        is_tombo = "tombo" in text.stdout + text.stderr
        return Program(path, text.stdout + text.stderr, is_tombo,
                       (compatibility or "2.1") if is_tombo else "2.0", threads)

    def complete(self, lines):
        """Adds what tombo alone understands and takes it out for others; a test's own line wins."""
        if not self.is_tombo:
            return [line for line in lines if line.split(" ", 1)[0] not in TOMBO_OPTIONS]
        given = {line.split(" ", 1)[0] for line in lines}
        own = [] if "compatibility" in given else [f"compatibility {self.compatibility}"]
        if self.threads and "threads" not in given:
            own.append(f"threads {self.threads}")
        return [*own, *lines]


class Stream:
    """Lines of a file descriptor, gathered by a thread so that the child never blocks."""

    def __init__(self, descriptor):
        self.lines = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._gather, args=(descriptor,), daemon=True)
        self._thread.start()

    def _gather(self, descriptor):
        with os.fdopen(descriptor, "rb", buffering=0, closefd=True) as source:
            rest = b""
            while True:
                try:
                    data = source.read(65536)
                except OSError:  # A pseudo terminal ends with EIO.
                    data = b""
                *whole, rest = (rest + data).split(b"\n")
                if not data and rest:
                    whole.append(rest)
                with self._changed:
                    self.lines += [line.decode(errors="replace").rstrip("\r") for line in whole]
                    self._changed.notify_all()
                if not data:
                    return

    def wait(self, pattern, timeout_s=10.0, since=0):
        """The first match in a line from number `since` on."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for line in self.lines[since:]:
                    match = re.search(pattern, line)
                    if match:
                        return match
                left = deadline - time.monotonic()
                text = "\n".join(self.lines[since:])
                assert left > 0, f"no line matches {pattern!r} within {timeout_s} s:\n{text}"
                self._changed.wait(left)

    def join(self):
        self._thread.join(timeout=STOP_TIMEOUT_S)

    def text(self):
        return "\n".join(self.lines)


class Broker:
    """One broker process with its own folder, configuration file and port.

    `lines` are added to a configuration with one listener. `conf` replaces the file as a whole
    ("{port}" and "{folder}" are filled in), and `arguments` the command line after the program.
    """

    def __init__(self, program, lines=(), conf=None, arguments=None):
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="interop-"))
        self.folder.chmod(0o777)  # A broker started by root drops to a user of its own.
        self.port = free_port()
        self.arguments, self.environment = arguments, {}
        self.launcher, self.pass_fds = [], []  # A program that becomes the broker, and what it needs.
        self.conf_path = self.folder / "mosquitto.conf"
        self.process = self.log = self.stdout = None
        if conf is None:
            self.write_conf(*lines)
        else:
            self.conf_path.write_text(self.fill_in(conf))

    def fill_in(self, text):
        return text.replace("{port}", str(self.port)).replace("{folder}", str(self.folder))

    def write_conf(self, *lines):
        """Global options go first, those of the listener (in `lines` after "listener:") last."""
        lines = self.program.complete(lines)
        split = lines.index("listener:") if "listener:" in lines else len(lines)
        given = {line.split(" ", 1)[0] for line in lines}
        anonymous = [] if "allow_anonymous" in given else ["allow_anonymous true"]
        whole = [*anonymous, *lines[:split], f"listener {self.port} 127.0.0.1", *lines[split + 1:]]
        # At once, for a broker may be about to read it.
        fresh = self.conf_path.with_suffix(".new")
        fresh.write_text(self.fill_in("\n".join(whole) + "\n"))
        fresh.replace(self.conf_path)

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_tombo(self):
        return self.program.is_tombo

    def launch(self):
        """Starts the process without waiting for anything."""
        arguments = self.arguments or ["-c", "{conf}"]
        words = [self.fill_in(word).replace("{conf}", str(self.conf_path)) for word in arguments]
        log_read, log_write = os.pipe()
        out_read, out_write = os.openpty()  # A terminal, so that stdio flushes every line.
        ours = {"TZ": "UTC", **self.environment}
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith(("TOMBO_", "MOSQUITTO_", "LISTEN_", "NOTIFY_SOCKET",
                                             "WATCHDOG_"))}
        try:
            self.process = subprocess.Popen([*self.launcher, self.program.path, *words],
                                            stdin=subprocess.DEVNULL, stdout=out_write,
                                            stderr=log_write, cwd=self.folder,
                                            pass_fds=self.pass_fds, env={**inherited, **ours})
        finally:
            os.close(log_write)
            os.close(out_write)
        self.log, self.stdout = Stream(log_read), Stream(out_read)
        return self

    def start(self):
        self.launch()

        def ready_or_dead():
            return self.process.poll() is not None or self.serves() and accepts(self.port)
        wait_until(ready_or_dead, START_TIMEOUT_S, "the broker accepting connections")
        if self.process.poll() is not None:
            self.log.join()
            raise AssertionError(f"the broker ended with {self.process.returncode}:\n"
                                 f"{self.log.text()}")
        return self

    def serves(self):
        """Its sockets are open, so that connections wait, before it serves them."""
        if not self.is_tombo:
            return True
        if self.arguments is None and "log_" not in self.conf_path.read_text():
            return any(line.endswith(" running") for line in list(self.log.lines))
        try:
            return any((task / "comm").read_text() == "tombo-0\n"
                       for task in Path(f"/proc/{self.pid}/task").iterdir())
        except FileNotFoundError:  # A thread, or all of it, has just ended.
            return False

    def send_signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        since = len(self.log.lines)
        self.send_signal(signal.SIGHUP)
        self.log.wait(r"Reloading config\.", since=since)

    def wait_exit(self, timeout_s=STOP_TIMEOUT_S):
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the broker still ran {timeout_s} s later:\n"
                                 f"{self.log.text()}") from None
        self.log.join()
        self.stdout.join()
        found = SANITIZER.search(self.log.text())
        assert not found, self.log.text()
        return status

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.send_signal(number)
        status = self.wait_exit()
        assert status == 0, f"the broker ended with status {status}:\n{self.log.text()}"

    def restart(self):
        self.stop()
        return self.start()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def remove_folder(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def rss_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def open_files(self):
        """What the descriptors of the process point to."""
        found = []
        for path in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                found.append(os.readlink(path))
            except FileNotFoundError:  # Closed in between.
                pass
        return found


@contextmanager
def running(program, *lines, **options):
    """A broker for the length of a with statement; it must end with status 0."""
    broker = Broker(program, lines, **options)
    try:
        yield broker.start()
        broker.stop()
    finally:
        broker.kill()
        broker.remove_folder()


def let_pass(seconds):
    """For tests whose input is time itself (expiry); never to wait for something to happen."""
    time.sleep(seconds)
