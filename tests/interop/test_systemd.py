"""What a service manager hears of the broker, and listening sockets that it has opened for it."""
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import raw
from broker import free_port, wait_until
from clients import mosquitto_pub, mosquitto_sub, tool
from test_tls import open_to_all

pytestmark = pytest.mark.tombo

UNITS = Path(__file__).resolve().parents[2] / "packaging/systemd"
HANG = "Warning: A thread has not answered"


class Manager:
    """The receiving end of sd_notify(3)."""

    def __init__(self, folder=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if folder:
            open_to_all(folder)
            self.name = str(folder / "notify")
            self.socket.bind(self.name)
            os.chmod(self.name, 0o777)
        else:
            self.name = f"@tombo-test-{os.getpid()}-{free_port()}"
            self.socket.bind("\0" + self.name[1:])

    def close(self):
        self.socket.close()

    def hear(self, timeout_s=10.0):
        """The next message as a dictionary; None: there was none in time."""
        if not select.select([self.socket], [], [], timeout_s)[0]:
            return None
        lines = self.socket.recv(65536).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def silent_for(self, seconds):
        """No message comes for so long, within ten times as long."""
        deadline = time.monotonic() + 10 * seconds
        while self.hear(seconds) is not None:
            assert time.monotonic() < deadline, "it goes on"
        return True


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    manager = Manager(tmp_path if request.param == "path" else None)
    yield manager
    manager.close()


def test_the_life_of_a_broker(manager, make_broker):
    broker = make_broker()
    broker.environment = {"NOTIFY_SOCKET": manager.name}
    broker.start()
    assert manager.hear() == {"READY": "1", "STATUS": "Serving clients."}

    before = time.monotonic_ns() // 1000
    broker.reload()
    reloading = manager.hear()
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.hear() == {"READY": "1", "STATUS": "Serving clients."}

    good = broker.conf_path.read_text()
    broker.conf_path.write_text("nonsense\n")
    broker.reload()
    assert manager.hear()["RELOADING"] == "1"
    failed = manager.hear()
    assert failed["READY"] == "1" and "has an error" in failed["STATUS"]
    broker.conf_path.write_text(good)

    broker.stop()
    assert manager.hear()["STOPPING"] == "1"
    assert manager.hear(0.1) is None  # No watchdog was asked for.


def test_ready_comes_when_clients_are_served_and_not_before_a_failed_start(manager, make_broker):
    broker = make_broker("password_file {folder}/none")
    broker.environment = {"NOTIFY_SOCKET": manager.name}
    assert broker.launch().wait_exit() != 0
    assert manager.hear(0.1) is None


@pytest.mark.parametrize("name", ["", "relative", "@", "/" + "x" * 200, "vsock:2:1234"])
def test_a_place_that_is_none_is_left_alone(start_broker, make_broker, name):
    broker = make_broker()
    broker.environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"}
    broker.start()
    mosquitto_pub(broker, "-t", "a", "-m", "x")


def test_a_manager_that_does_not_read_holds_nobody_up(make_broker):
    manager = Manager()
    manager.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    broker = make_broker()
    broker.environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "4000"}
    broker.start()
    for _ in range(20):
        mosquitto_pub(broker, "-t", "a", "-m", "x")
    broker.stop()
    manager.close()


# --- The watchdog ---

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


def ptrace(request, thread):
    done = LIBC.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None)
    if done != 0:
        pytest.skip(f"no ptrace here: {os.strerror(ctypes.get_errno())}")


@contextmanager
def hung(broker, name):
    """One thread of the broker stands still."""
    thread = next(int(task.name) for task in Path(f"/proc/{broker.pid}/task").iterdir()
                  if (task / "comm").read_text().strip() == name)
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH, thread)


@pytest.mark.parametrize("shard", [0, 2])
def test_the_watchdog_hears_nothing_while_a_shard_hangs(manager, make_broker, shard):
    broker = make_broker("threads 3")
    broker.environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "400000"}
    broker.start()
    assert manager.hear()["READY"] == "1"
    for _ in range(5):
        assert manager.hear() == {"WATCHDOG": "1"}
    with hung(broker, f"tombo-{shard}"):
        assert manager.silent_for(0.5)
        broker.log.wait(HANG)
    # Whoever is well again says so.
    assert manager.hear() == {"WATCHDOG": "1"}
    assert broker.log.text().count(HANG) == 1


def test_the_watchdog_of_another_process_hears_nothing(manager, make_broker):
    broker = make_broker()
    broker.environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "40000",
                          "WATCHDOG_PID": "1"}
    broker.start()
    assert manager.hear()["READY"] == "1"
    assert manager.hear(0.2) is None


# --- Sockets that were opened before ---

BECOME = """
import fcntl, os, sys
fds, pid, names, program = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in fds.split(",")]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number)
    os.close(fd)
os.environ.update(LISTEN_PID=pid or str(os.getpid()), LISTEN_FDS=str(len(high)),
                  LISTEN_FDNAMES=names)
os.execv(program[0], program)
"""


def activate(broker, *sockets, names="", pid=""):
    """The broker will find these sockets from descriptor 3 on."""
    fds = [each.fileno() for each in sockets]
    broker.pass_fds = fds
    broker.launcher = ["/usr/bin/python3", "-c", BECOME, ",".join(map(str, fds)), pid, names]
    return broker


def listening(address, family=socket.AF_INET, only_ipv6=None):
    own = socket.socket(family)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if only_ipv6 is not None:
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
    own.bind(address)
    own.listen(64)
    return own


@pytest.mark.parametrize("threads", [1, 3])
def test_a_socket_is_taken_by_its_address(make_broker, threads):
    broker = make_broker(f"threads {threads}")
    with listening(("127.0.0.1", broker.port)) as own:
        activate(broker, own, names="mqtt.socket").start()
        broker.log.wait(rf"Using socket 127\.0\.0\.1:{broker.port} \(mqtt\.socket\) of the service "
                        rf"manager for port {broker.port}\.$")
        clients = [raw.RawClient(broker.port) for _ in range(20)]
        for number, client in enumerate(clients):
            client.connect(f"c{number}")
        clients[0].subscribe("a")
        clients[19].publish("a", "hello")
        assert clients[0].payloads(1) == ["hello"]
        assert "Opening ipv4" not in broker.log.text()


def test_connections_wait_while_the_broker_restarts(make_broker):
    broker = make_broker("threads 2")
    with listening(("127.0.0.1", broker.port)) as own:
        activate(broker, own).start()
        broker.stop()
        waiting = raw.RawClient(broker.port)  # Nobody is there to refuse it.
        broker.launch()
        waiting.connect("patient")
        waiting.close()


def test_one_socket_serves_both_families(make_broker):
    broker = make_broker(conf="allow_anonymous true\nthreads 2\nlistener {port}\n")
    with listening(("::", broker.port), socket.AF_INET6, only_ipv6=0) as own:
        activate(broker, own).start()
        for host in ("127.0.0.1", "::1"):
            subprocess.run([tool("mosquitto_pub"), "-h", host, "-p", str(broker.port), "-t", "a",
                            "-m", "x"], check=True, timeout=20)
        broker.log.wait(r"New connection from 127\.0\.0\.1:\d+ on port")
        broker.log.wait(r"New connection from ::1:\d+ on port")
        assert "listen socket on port" not in broker.log.text()
        assert "is not used" not in broker.log.text()


def test_a_family_that_was_not_passed_is_opened(make_broker):
    broker = make_broker(conf="allow_anonymous true\nlistener {port}\n")
    with listening(("::", broker.port), socket.AF_INET6, only_ipv6=1) as own:
        activate(broker, own).start()
        broker.log.wait(rf"Opening ipv4 listen socket on port {broker.port}\.$")
        mosquitto_pub(broker, "-t", "a", "-m", "x")


def test_a_unix_socket_is_taken_by_its_path_and_left_there(make_broker, tmp_path):
    open_to_all(tmp_path)
    path = tmp_path / "mqtt"
    broker = make_broker("threads 2", "listener:", f"listener 0 {path}")
    with listening(str(path), socket.AF_UNIX) as own:
        activate(broker, own).start()
        broker.log.wait(rf"Using socket {path} of the service manager for ")
        subprocess.run([tool("mosquitto_pub"), "--unix", str(path), "-t", "a", "-m", "x"],
                       check=True, timeout=20)
        broker.stop()
        assert path.is_socket()


def test_a_socket_that_nobody_wants_is_told(make_broker):
    broker = make_broker()
    with listening(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
        activate(broker, own, names="other").start()
        broker.log.wait(rf"Warning: The socket 127\.0\.0\.1:{port} \(other\) of the service manager "
                        r"is not used, no listener of the configuration has this address and port "
                        r"or path\.$")
        mosquitto_pub(broker, "-t", "a", "-m", "x")


def test_a_socket_in_the_way_of_a_listener_is_told_with_the_error(make_broker):
    broker = make_broker()
    with listening(("0.0.0.0", broker.port)) as own:
        assert activate(broker, own).launch().wait_exit() == 1
        broker.log.wait("Error: Address already in use$")
        broker.log.wait(rf"Warning: The socket 0\.0\.0\.0:{broker.port} of the service manager is "
                        "not used")


def test_sockets_of_another_process_are_left_alone(make_broker):
    broker = make_broker()
    with listening(("127.0.0.1", 0)) as own:
        activate(broker, own, pid="1").start()
        broker.log.wait(rf"Opening ipv4 listen socket on port {broker.port}\.$")
        assert "service manager" not in broker.log.text()


def test_what_is_no_listening_socket_is_told(make_broker):
    broker = make_broker()
    with listening(("127.0.0.1", broker.port)) as own, socket.socket() as idle, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
            open("/dev/null", encoding="ascii") as file:
        activate(broker, idle, datagrams, file, own, names="a:b:c:d").start()
        for number in (3, 4, 5):
            broker.log.wait(rf"Warning: Descriptor {number} of LISTEN_FDS is no listening stream")
        broker.log.wait(rf"Using socket 127\.0\.0\.1:{broker.port} \(d\) ")
        mosquitto_pub(broker, "-t", "a", "-m", "x")


@pytest.mark.parametrize("count", ["-1", "x", "1001", "99999999999999999999"])
def test_a_number_of_sockets_that_is_none(make_broker, count):
    broker = make_broker()
    # The shell has the number that the broker has then.
    broker.launcher = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"]
    broker.environment = {"LISTEN_FDS": count}
    broker.start()
    broker.log.wait(f'Warning: LISTEN_FDS is "{count}", not a number up to 1000;')
    mosquitto_pub(broker, "-t", "a", "-m", "x")


def test_a_listener_may_go_and_come_back_by_reload(make_broker):
    broker = make_broker("threads 2")
    with listening(("127.0.0.1", broker.port)) as own, listening(("127.0.0.1", 0)) as second:
        port = second.getsockname()[1]
        activate(broker, own, second)
        lines = broker.conf_path.read_text()
        both = lines + f"listener {port} 127.0.0.1\n"
        broker.conf_path.write_text(both)
        broker.start()
        for text, opened in ((lines, False), (both, True)):
            broker.conf_path.write_text(text)
            since = len(broker.log.lines)
            broker.reload()
            if opened:
                broker.log.wait(rf"Using socket 127\.0\.0\.1:{port} of the", since=since)
        client = raw.RawClient(port)
        client.connect("back")
        client.close()


def test_all_of_it_at_once_with_real_clients(manager, make_broker):
    broker = make_broker("threads 3")
    with listening(("127.0.0.1", broker.port)) as own:
        activate(broker, own)
        broker.environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "1000000"}
        broker.start()
        assert manager.hear()["READY"] == "1"
        mosquitto_pub(broker, "-t", "a", "-m", "hello", "-r", "-q", "1")
        assert mosquitto_sub(broker, "-t", "a", "-C", "1").stdout == b"hello\n"


# --- The units ---

@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_the_units_are_in_order(program, tmp_path):
    for unit in UNITS.glob("tombo.*"):
        text = unit.read_text().replace("/usr/bin/tombo", program.path)
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / name) for name in ("tombo.service", "tombo.socket")]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True,
                          text=True, timeout=60, check=False)
    ours = [line for line in done.stderr.splitlines() if "tombo" in line]
    assert done.returncode == 0 and not ours, done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager",
                           units[0]], capture_output=True, text=True, timeout=60, check=False)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure and float(exposure.group(1)) <= 3.0, done.stdout + done.stderr
