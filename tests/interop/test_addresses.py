"""Where a broker listens: Unix sockets, devices, address families."""
import socket
import stat
import subprocess

import pytest

import raw
from clients import TIMEOUT_S, environment, lines_of, tool

LISTENER = "allow_anonymous true\nlistener {port} 127.0.0.1\n"
UNIX = LISTENER + "listener 0 {folder}/mqtt.sock\n"


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
            return True
        except OSError:
            return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


def path_of(broker):
    return broker.folder / "mqtt.sock"


def through_unix_socket(broker, name, *arguments):
    words = [tool(name), "--unix", str(path_of(broker)), *arguments]
    return subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False,
                          stdin=subprocess.DEVNULL, env=environment(broker))


def connected(path):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(TIMEOUT_S)
    stream.connect(str(path))
    return stream


def start_to_fail(make_broker, conf):
    broker = make_broker(conf=conf).launch()
    assert broker.wait_exit() == 1
    return broker


# --- Unix sockets -----------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_publish_and_subscribe_through_a_unix_socket(start_broker, version):
    broker = start_broker(conf=UNIX)
    done = through_unix_socket(broker, "mosquitto_pub", "-V", version, "-t", "a", "-m", "hello",
                               "-r", "-q", "1")
    assert (done.returncode, done.stderr) == (0, b"")
    done = through_unix_socket(broker, "mosquitto_sub", "-V", version, "-t", "a", "-C", "1")
    assert lines_of(done) == ["hello"]
    broker.log.wait(rf"Opening unix listen socket on path {path_of(broker)}\.$")
    broker.log.wait(rf"New connection from {path_of(broker)}:0 on port 0\.$")
    broker.log.wait(rf"New client connected from {path_of(broker)}:0 as \S+ \(p")


def test_clients_of_both_kinds_of_sockets_meet(start_broker):
    broker = start_broker(conf=UNIX)
    with raw.RawClient(broker.port) as tcp, \
            raw.RawClient(None, stream=connected(path_of(broker))) as local:
        tcp.connect("tcp")
        local.connect("local")
        tcp.subscribe("t")
        local.publish("t", "from a file", qos=1)
        assert tcp.payloads(1) == ["from a file"]


def test_the_socket_is_for_owner_and_group_and_goes_with_the_broker(start_broker):
    broker = start_broker(conf=UNIX)
    mode = path_of(broker).stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o770
    broker.stop()
    assert not path_of(broker).exists()


def test_a_broker_that_was_killed_leaves_a_socket_that_the_next_one_replaces(make_broker):
    broker = make_broker(conf=UNIX).start()
    broker.kill()
    assert path_of(broker).exists()
    broker.start()
    done = through_unix_socket(broker, "mosquitto_pub", "-t", "a", "-m", "x")
    assert done.returncode == 0
    broker.stop()


@pytest.mark.tombo  # Mosquitto takes the path away from the broker that listens there.
def test_a_socket_in_use_is_left_alone(make_broker, start_broker):
    first = start_broker(conf=UNIX)
    conf = LISTENER + f"listener 0 {path_of(first)}\n"
    second = start_to_fail(make_broker, conf)
    second.log.wait(r"Error binding unix socket: Address already in use$")
    assert through_unix_socket(first, "mosquitto_pub", "-t", "a", "-m", "x").returncode == 0


@pytest.mark.tombo  # Mosquitto removes it.
def test_a_file_that_is_no_socket_is_left_alone(make_broker):
    broker = make_broker(conf=UNIX)
    path_of(broker).write_text("precious")
    broker.launch()
    assert broker.wait_exit() == 1
    broker.log.wait(r"Error binding unix socket: Address already in use$")
    assert path_of(broker).read_text() == "precious"


def test_a_folder_that_is_not_there_is_named_in_the_log(make_broker):
    broker = start_to_fail(make_broker, LISTENER + "listener 0 {folder}/none/mqtt.sock\n")
    broker.log.wait(r"Error binding unix socket: No such file or directory$")


@pytest.mark.tombo  # Mosquitto finds it later, without the line.
def test_a_path_that_is_too_long_is_refused_with_its_line(make_broker):
    path = "/tmp/" + 120 * "x"
    broker = make_broker(conf=LISTENER + f"listener 0 {path}\n").launch()
    assert broker.wait_exit() == 3
    broker.log.wait(rf'Error: Path to unix socket is too long "{path}"\.$')
    broker.log.wait(rf"Error found at {broker.conf_path}:3\.$")


@pytest.mark.tombo
def test_max_connections_counts_at_a_unix_socket(start_broker):
    broker = start_broker(conf=UNIX + "max_connections 1\n")
    with raw.RawClient(None, stream=connected(path_of(broker))) as first, \
            raw.RawClient(None, stream=connected(path_of(broker))) as second:
        first.connect("first")
        assert second.ends() == []
        broker.log.wait(rf"Client connection from {path_of(broker)} denied: max_connections")


# --- Addresses --------------------------------------------------------------------------------

def listening_addresses(broker):
    """What the broker's sockets at its port are bound to."""
    found = subprocess.run(["ss", "-Hltn", f"sport = :{broker.port}"], capture_output=True,
                           text=True, timeout=TIMEOUT_S, check=True).stdout
    return {line.split()[3].rsplit(":", 1)[0] for line in found.splitlines()}


def families_of(broker):
    pattern = rf"Opening (\w+) listen socket on port {broker.port}\.$"
    broker.log.wait(pattern)
    return [line.split()[2] for line in broker.log.lines if "listen socket on port" in line]


def start_at(make_broker, *lines):
    """Starts a broker with a listener of these lines and waits until it runs."""
    broker = make_broker(conf="\n".join(["allow_anonymous true", *lines]) + "\n").launch()
    broker.log.wait(r"version \S+ running$")
    return broker


def publish_to(host, port):
    with raw.RawClient(None, stream=socket.create_connection((host, port), TIMEOUT_S)) as client:
        client.connect("x")
        client.publish("t", "x", qos=1)


@needs_ipv6
def test_a_listener_without_an_address_takes_both_families(make_broker):
    broker = start_at(make_broker, "listener {port}")
    assert families_of(broker) == ["ipv4", "ipv6"]
    publish_to("127.0.0.1", broker.port)
    publish_to("::1", broker.port)
    broker.log.wait(rf"New connection from ::1:\d+ on port {broker.port}\.$")


@needs_ipv6
def test_an_ipv6_address_alone(make_broker):
    broker = start_at(make_broker, "listener {port} ::1")
    assert families_of(broker) == ["ipv6"]
    publish_to("::1", broker.port)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", broker.port), TIMEOUT_S)


@needs_ipv6
@pytest.mark.parametrize("domain, at, not_at", [("ipv4", "127.0.0.1", "::1"),
                                                ("ipv6", "::1", "127.0.0.1")])
def test_socket_domain_keeps_one_family(make_broker, domain, at, not_at):
    broker = start_at(make_broker, "listener {port}", f"socket_domain {domain}")
    assert families_of(broker) == [domain]
    publish_to(at, broker.port)
    with pytest.raises(OSError):
        socket.create_connection((not_at, broker.port), TIMEOUT_S)


def test_an_address_of_the_other_family_is_refused(make_broker):
    broker = start_to_fail(make_broker, "listener {port} 127.0.0.1\nsocket_domain ipv6\n")
    broker.log.wait(r"Error creating listener: Address family for hostname not supported\.$")


def test_a_name_without_an_address_is_refused(make_broker):
    broker = start_to_fail(make_broker, "listener {port} no-such-name.invalid\n")
    broker.log.wait(r"Error creating listener: ")


def test_a_device_stands_for_its_addresses(make_broker):
    broker = start_at(make_broker, "listener {port}", "bind_interface lo")
    expected = {"127.0.0.1"} | ({"[::1]"} if has_ipv6() else set())
    assert listening_addresses(broker) == expected
    publish_to("127.0.0.1", broker.port)


def test_a_device_with_one_of_its_addresses(make_broker):
    broker = start_at(make_broker, "listener {port} 127.0.0.1", "bind_interface lo")
    assert listening_addresses(broker) == {"127.0.0.1"}


@pytest.mark.parametrize("lines, words", [
    ("listener {port}\nbind_interface nosuch0\n", "nosuch0"),
    ("listener {port} 10.255.0.9\nbind_interface lo\n",
     r"Interface address for lo does not match specified listener address \(10\.255\.0\.9\)\."),
], ids=["a device that is not there", "an address of another device"])
def test_a_device_that_does_not_fit_is_named_in_the_log(make_broker, lines, words):
    broker = start_to_fail(make_broker, lines)
    broker.log.wait(words)


@pytest.mark.tombo
def test_link_local_addresses_need_their_scope(make_broker):
    """Loopback has none of them by itself: the error must come from the address, not the text."""
    broker = start_to_fail(make_broker, "listener {port} fe80::1%lo\n")
    assert families_of(broker) == ["ipv6"]
    broker.log.wait(r"Error: Cannot assign requested address$")
