"""Listeners that come and go on SIGHUP."""
import signal
import socket
import ssl

import pytest

import raw
from authority import Authority
from broker import accepts, free_port, wait_until
from clients import mosquitto_pub

pytestmark = pytest.mark.tombo

NOT_RELOADED = "The configuration was not reloaded, the old one stays"


class Reloading:
    """A broker whose listeners change; a pair of clients on its first one must not notice."""

    def __init__(self, broker):
        self.broker, self.first, self.count = broker, broker.port, 0
        self.reader, self.writer = raw.RawClient(self.first), raw.RawClient(self.first)
        self.reader.connect("reader", keep_alive_s=0)
        self.writer.connect("writer", keep_alive_s=0)
        self.reader.subscribe("bystander", qos=1)

    def undisturbed(self):
        self.count += 1
        self.writer.publish("bystander", str(self.count), qos=1)
        assert self.reader.payloads(1) == [str(self.count)]

    def reload(self, *lines, expect):
        """Writes lines behind those of the first listener and waits for a line of the log."""
        self.broker.write_conf("allow_anonymous true", "listener:", *lines)
        return self.reload_file(expect)

    def reload_file(self, expect):
        since = len(self.broker.log.lines)
        self.broker.send_signal(signal.SIGHUP)
        match = self.broker.log.wait(expect, since=since)
        self.undisturbed()
        return match


@pytest.fixture(params=[1, 3], ids=["1 thread", "3 threads"])
def reloading(start_broker, request):
    return Reloading(start_broker(f"threads {request.param}"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    base = tmp_path_factory.mktemp("authority")
    for each in (base, *list(base.parents)[:2]):
        each.chmod(0o755)
    made = Authority(base / "ca")
    made.issue("server")
    return made


def clients_at(port, count=6, prefix="c"):
    """Enough of them to have some at home in each thread."""
    made = []
    for number in range(count):
        made.append(raw.RawClient(port))
        made[-1].connect(f"{prefix}-{number}", keep_alive_s=0)
    return made


def open_at(port):
    wait_until(lambda: accepts(port), what=f"port {port} open")


def closed_at(port):
    wait_until(lambda: not accepts(port), what=f"port {port} closed")


def test_a_new_listener_opens_with_its_own_settings(reloading):
    port = free_port()
    reloading.reload(f"listener {port} 127.0.0.1", "mount_point m/", "max_connections 7",
                     expect=rf"The listener on port {port} of 127\.0\.0\.1 is new\.")
    reloading.reader.subscribe("m/t", qos=1)
    for client in clients_at(port):
        client.publish("t", "x", qos=1)
        assert reloading.reader.payloads(1) == ["x"]
    assert accepts(reloading.first)


def test_a_listener_that_is_removed_closes_and_its_clients_stay(reloading):
    port = free_port()
    reloading.reload(f"listener {port} 127.0.0.1", "mount_point m/", expect="is new")
    stay = clients_at(port)
    for client in stay:
        client.subscribe("t", qos=1)
    reloading.reload(expect=rf"The listener on port {port} of 127\.0\.0\.1 is closed; "
                            r"its clients stay connected\.")
    closed_at(port)
    reloading.writer.publish("m/t", "still", qos=1)
    for client in stay:
        assert client.payloads(1) == ["still"]
    with socket.create_server(("127.0.0.1", port)):
        pass  # The port is free again.
    assert accepts(reloading.first)


def test_listeners_may_come_and_go_for_ever(reloading):
    port = free_port()
    for number in range(5):
        reloading.reload(f"listener {port} 127.0.0.1", f"max_qos {number % 3}", expect="is new")
        open_at(port)
        reloading.reload(expect="is closed")
        closed_at(port)
    assert len([name for name in reloading.broker.open_files() if "socket:" in name]) < 20


def test_a_listener_may_be_replaced(reloading):
    port, other = free_port(), free_port()
    reloading.reload(f"listener {port} 127.0.0.1", expect="is new")
    reloading.reload(f"listener {other} 127.0.0.1", expect=f"{other} .* is new")
    closed_at(port)
    open_at(other)


def test_a_port_in_use_changes_nothing(reloading):
    good = free_port()
    gone = free_port()
    reloading.reload(f"listener {gone} 127.0.0.1", expect="is new")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reloading.reload(f"listener {good} 127.0.0.1", f"listener {port} 127.0.0.1", "max_qos 0",
                         expect=NOT_RELOADED)
    assert "Error: Address already in use" in reloading.broker.log.text()
    assert not accepts(good)
    open_at(gone)
    reloading.reload(f"listener {good} 127.0.0.1", f"listener {port} 127.0.0.1",
                     expect=f"{port} .* is new")
    open_at(good)
    open_at(port)
    closed_at(gone)


def test_a_wider_address_at_a_port_that_goes_needs_two_reloads(reloading):
    port = free_port()
    reloading.reload(f"listener {port} 127.0.0.1", expect="is new")
    reloading.reload(f"listener {port}", "socket_domain ipv4", expect="Reload once without")
    open_at(port)
    reloading.reload(expect="is closed")
    reloading.reload(f"listener {port}", "socket_domain ipv4", expect="is new")
    open_at(port)


def test_an_address_that_does_not_exist_changes_nothing(reloading):
    reloading.reload("listener 1884 192.0.2.1", expect=NOT_RELOADED)
    assert "Cannot assign requested address" in reloading.broker.log.text()


def test_a_listener_becomes_one_with_tls_without_closing_its_port(reloading, authority):
    port = free_port()
    tls = [f"certfile {authority.path('server.crt')}", f"keyfile {authority.path('server.key')}"]
    reloading.reload(f"listener {port} 127.0.0.1", expect="is new")
    plain = clients_at(port)
    for round_ in range(3):
        reloading.reload(f"listener {port} 127.0.0.1", *tls, expect="is new")
        context = ssl.create_default_context(cafile=authority.path("ca.crt"))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            with context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
                secured.sendall(raw.connect("secured"))
                assert secured.recv(4)[3] == 0
        for client in plain:
            client.ping()
        reloading.reload(f"listener {port} 127.0.0.1", expect="is new")
        for client in clients_at(port, 3, f"again-{round_}"):
            client.close()


def test_a_new_tls_listener_with_a_bad_key_changes_nothing(reloading, authority, tmp_path):
    port = free_port()
    reloading.reload(f"listener {port} 127.0.0.1", f"certfile {authority.path('server.crt')}",
                     f"keyfile {tmp_path / 'none.key'}", expect=NOT_RELOADED)
    assert not accepts(port)


def test_files_of_a_listener_may_go_with_it_and_its_rules_stay_with_its_clients(start_broker):
    port = free_port()
    broker = start_broker("threads 2", "per_listener_settings true", "allow_anonymous true")
    acl = broker.folder / "rules.acl"
    acl.write_text("topic read allowed\n")
    acl.chmod(0o644)
    text = broker.conf_path.read_text().replace("allow_anonymous true\n", "")
    text += "allow_anonymous true\n"
    broker.conf_path.write_text(f"{text}listener {port} 127.0.0.1\nallow_anonymous true\n"
                                f"acl_file {acl}\n")
    broker.send_signal(signal.SIGHUP)
    open_at(port)
    kept = clients_at(port)
    for client in kept:
        client.subscribe("#", qos=1)
    acl.unlink()
    broker.conf_path.write_text(text)
    for _ in range(2):
        broker.reload()
        broker.log.wait("is closed; its clients stay")
        closed_at(port)
        mosquitto_pub(broker, "-t", "secret", "-m", "x", "-q", "1")
        mosquitto_pub(broker, "-t", "allowed", "-m", "y", "-q", "1")
        for client in kept:
            assert client.payloads(1) == ["y"]
    assert NOT_RELOADED not in broker.log.text()


def test_those_who_have_not_sent_connect_are_refused_when_their_listener_goes(reloading):
    port = free_port()
    reloading.reload(f"listener {port} 127.0.0.1", expect="is new")
    with raw.RawClient(port) as early:
        reloading.broker.log.wait(rf"New connection from .* on port {port}\.")
        reloading.reload(expect="is closed")
        assert early.connect("early", expect=None).reason == 3


def test_all_listeners_may_go_for_local_only_mode_and_come_back(make_broker):
    broker = make_broker("threads 2")
    broker.arguments = ["-c", "{conf}", "-p", str(free_port())]
    broker.start()
    local = int(broker.arguments[-1])
    stays = raw.RawClient(broker.port)
    stays.connect("stays", keep_alive_s=0)
    before = broker.conf_path.read_text()
    broker.conf_path.write_text("threads 2\n")
    broker.send_signal(signal.SIGHUP)
    open_at(local)
    closed_at(broker.port)
    with raw.RawClient(local) as client:
        client.connect("anonymous")
    broker.conf_path.write_text(before.replace("allow_anonymous true", "allow_anonymous false"))
    broker.send_signal(signal.SIGHUP)
    open_at(broker.port)
    closed_at(local)
    with raw.RawClient(broker.port) as client:
        assert client.connect("anonymous", expect=None).reason == 5
    stays.ping()
