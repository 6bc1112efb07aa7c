"""The command line, exit statuses, signals, start and stop."""
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

import raw
from broker import accepts, free_port, wait_until
from clients import Subscriber, mosquitto_pub

LISTENS = 0x0A


def ends_at_once(program, *arguments, **options):
    return subprocess.run([program.path, *arguments], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, check=False, **options)


def listening_addresses(port):
    """Local addresses, as /proc writes them, on which anybody listens at that port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], int(line.split()[3], 16)
            address, _, number = local.rpartition(":")
            if state == LISTENS and int(number, 16) == port:
                found.add(address)
    return found


LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


# --- options ---

@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_the_options(program, option):
    done = ends_at_once(program, option)
    assert done.returncode == (0 if program.is_tombo else 3)
    for name in ("-c", "-d", "-h", "-p", "-v"):
        assert re.search(rf"^ *{name}\b", done.stdout, re.MULTILINE), name


@pytest.mark.tombo
def test_version(program):
    done = ends_at_once(program, "--version")
    assert done.returncode == 0
    assert re.match(r".*version \d+\.\d+", done.stdout)


@pytest.mark.parametrize("arguments", [["--nonsense"], ["-c"], ["-p"], ["-p", "0"], ["-p", "99999"],
                                       ["-p", "x"], ["stray"]])
def test_bad_arguments_end_with_status_3(program, arguments):
    done = ends_at_once(program, *arguments)
    assert done.returncode == 3
    assert "Error" in done.stderr


@pytest.mark.parametrize("path", ["/nonexistent/mosquitto.conf", "/"])
def test_a_configuration_that_cannot_be_read(program, path):
    done = ends_at_once(program, "-c", path)
    assert done.returncode in (1, 3)
    assert path in done.stderr


def test_c_p_and_v_together(start_broker):
    """A configuration without listeners leaves the port to -p."""
    broker = start_broker(conf="allow_anonymous true\n", arguments=["-c", "{conf}", "-p", "{port}",
                                                                    "-v"])
    with Subscriber(broker, "-t", "x", "-i", "sub", "-C", "1") as subscriber:
        mosquitto_pub(broker, "-t", "x", "-m", "x", "-i", "pub")
        assert subscriber.finish() == ["x"]
    for pattern in (r"Opening ipv4 listen socket on port {port}\.",
                    r"Sending CONNACK to sub \(0, 0\)",
                    r"Received PUBLISH from pub \(d0, q0, r0, m0, 'x', \.\.\. \(1 bytes\)\)",
                    r"Sending PUBLISH to sub \(d0, q0, r0, m0, 'x', \.\.\. \(1 bytes\)\)"):
        broker.log.wait(pattern.replace("{port}", str(broker.port)))


def test_without_a_configuration_it_serves_this_machine_only(start_broker):
    broker = start_broker(arguments=["-p", "{port}"])
    broker.log.wait(r"Starting in local only mode\. Connections will only be possible from clients "
                    r"running on this machine\.")
    broker.log.wait(rf"Opening ipv4 listen socket on port {broker.port}\.")
    assert listening_addresses(broker.port) <= LOOPBACK
    mosquitto_pub(broker, "-t", "x", "-m", "anonymous clients are welcome", "-q", "1")


# Mosquitto 2.0.11 crashes here.
@pytest.mark.tombo
def test_p_may_be_given_twice(start_broker):
    second = free_port()
    broker = start_broker(arguments=["-p", "{port}", "-p", str(second)])
    wait_until(lambda: accepts(second), what="the second port")


def test_p_is_ignored_when_the_file_has_a_listener(make_broker):
    other = free_port()
    broker = make_broker()
    broker.arguments = ["-c", "{conf}", "-p", str(other)]
    broker.start()
    assert not listening_addresses(other)


@pytest.mark.tombo
def test_q_is_silent_and_beats_v(start_broker):
    broker = start_broker(arguments=["-c", "{conf}", "-v", "-q"])
    mosquitto_pub(broker, "-t", "x", "-m", "x", "-q", "1")
    broker.stop()
    assert broker.log.text() == "" and broker.stdout.text() == ""


def gone(pid):
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_d_runs_in_the_background(make_broker):
    broker = make_broker("pid_file {folder}/broker.pid")
    broker.arguments = ["-c", "{conf}", "-d"]
    broker.launch()
    assert broker.process.wait(10) == 0
    pid_path = broker.folder / "broker.pid"
    wait_until(lambda: pid_path.exists() and pid_path.read_text().strip(), what="the pid file")
    pid = int(pid_path.read_text())
    try:
        assert pid != broker.process.pid
        wait_until(lambda: accepts(broker.port), what="the daemon accepting connections")
        assert os.getsid(pid) != os.getsid(0)
        mosquitto_pub(broker, "-t", "x", "-m", "x", "-q", "1")
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: gone(pid), what="the end of the daemon")


@pytest.mark.tombo
def test_test_config_accepts_a_good_file_and_opens_nothing(make_broker):
    broker = make_broker()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", broker.port))
        taken.listen()
        done = ends_at_once(broker.program, "-c", str(broker.conf_path), "--test-config")
    assert done.returncode == 0, done.stderr


@pytest.mark.tombo
def test_test_config_refuses_a_bad_file(make_broker):
    broker = make_broker("max_keepalive 70000")
    done = ends_at_once(broker.program, "-c", str(broker.conf_path), "--test-config")
    assert done.returncode == 3
    assert re.search(rf"{re.escape(str(broker.conf_path))}:\d+", done.stderr)


@pytest.mark.tombo
def test_test_config_needs_a_file(program):
    assert ends_at_once(program, "--test-config").returncode == 3


# --- which generation (tombo's own) ---

def generation_of(broker):
    """By the number that the log gives to MQTT 3.1.1."""
    with raw.RawClient(broker.port) as client:
        client.connect("generation")
        number = broker.log.wait(r"as generation \(p(\d), ").group(1)
    return {"2": "2.0", "4": "2.1"}[number]


@pytest.mark.tombo
def test_the_generation_is_2_1_by_default(start_broker):
    broker = start_broker(conf="listener {port} 127.0.0.1\nallow_anonymous true\n")
    assert generation_of(broker) == "2.1"


@pytest.mark.tombo
@pytest.mark.parametrize("line, option, environment, expected", [
    ("2.0", None, None, "2.0"), ("2.0", "2.1", None, "2.1"), ("2.1", "2.0", "2.1", "2.0"),
    (None, None, "2.0", "2.0"), ("2.1", None, "2.0", "2.1"), (None, "2.1", "2.0", "2.1")])
def test_the_command_line_beats_the_file_and_the_file_the_environment(
        make_broker, line, option, environment, expected):
    first = f"compatibility {line}\n" if line else ""
    broker = make_broker(conf=f"{first}listener {{port}} 127.0.0.1\nallow_anonymous true\n")
    broker.arguments = ["-c", "{conf}", *(["--compatibility", option] if option else [])]
    broker.environment = {"TOMBO_COMPATIBILITY": environment} if environment else {}
    assert generation_of(broker.start()) == expected


# --- signals, start and stop ---

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(start_broker, number):
    broker = start_broker()
    with Subscriber(broker, "-t", "x"):
        broker.stop(number)
    broker.log.wait(r"mosquitto version .+ terminating$")


@pytest.mark.tombo
def test_mqtt_5_clients_are_told_of_the_shutdown(start_broker):
    broker = start_broker()
    clients = [raw.RawClient(broker.port, level) for level in raw.LEVELS.values()]
    for number, client in enumerate(clients):
        client.connect(f"c{number}")
    broker.stop()
    reasons = [[found.reason for found in client.ends()] for client in clients]
    assert reasons == [[], [], [0x8B]]


def test_a_restarted_broker_binds_its_port_at_once(start_broker):
    broker = start_broker()
    for _ in range(3):
        clients = [raw.RawClient(broker.port) for _ in range(10)]
        for number, client in enumerate(clients):
            client.connect(f"c{number}")
        broker.restart()
        for client in clients:
            client.ends()
            client.close()


def test_a_killed_broker_binds_its_port_at_once(start_broker):
    broker = start_broker()
    client = raw.RawClient(broker.port)
    client.connect("c")
    broker.kill()
    broker.start()
    client.close()
    mosquitto_pub(broker, "-t", "x", "-m", "x", "-q", "1")


def test_a_port_that_is_taken_ends_the_second_broker(start_broker, make_broker):
    first = start_broker()
    second = make_broker()
    second.port = first.port
    second.write_conf()
    second.launch()
    assert second.wait_exit() == 1
    assert "Address already in use" in second.log.text()
    mosquitto_pub(first, "-t", "x", "-m", "the first one lives", "-q", "1")


def test_a_foreign_program_on_the_port_ends_the_broker(make_broker):
    broker = make_broker()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", broker.port))
        taken.listen()
        broker.launch()
        assert broker.wait_exit() == 1
    assert "Address already in use" in broker.log.text()


def test_sigusr2_prints_the_subscription_tree(broker, raw_client):
    client = raw_client("tree-client")
    client.subscribe("tree/branch/+")
    broker.send_signal(signal.SIGUSR2)
    broker.stdout.wait(r"branch")
    assert client.ping()


def test_sigusr1_and_sigpipe_do_no_harm(broker, raw_client):
    client = raw_client()
    for number in (signal.SIGUSR1, signal.SIGPIPE):
        broker.send_signal(number)
        assert client.ping()
