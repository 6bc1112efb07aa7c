"""Limits against abuse with real sockets: what an address, a user and a client may do."""
import select
import signal
import time

import pytest

import raw
from broker import wait_until
from clients import mosquitto_pub
from test_passwords import PASSWORD, secured, set_password  # noqa: F401

pytestmark = pytest.mark.tombo


def refused(broker):
    """Is a connection closed without a word?"""
    with raw.RawClient(broker.port) as client:
        try:
            client.send(raw.connect("refused"))
            return client.ends() == []
        except OSError:
            return True


def denials(broker, option):
    return [line for line in broker.log.lines if "denied" in line and option in line]


def login(broker, user, password, level=raw.V5):
    with raw.RawClient(broker.port, level) as client:
        client.send(raw.connect("", level, username=user, password=password))
        return client.receive().reason


@pytest.mark.conf("max_connection_rate_per_address 5")
def test_the_connection_rate_of_an_address(broker):
    clients = [raw.RawClient(broker.port) for _ in range(4)]  # the fifth was start()'s own
    for number, client in enumerate(clients):
        client.connect(f"c{number}")
    assert refused(broker)
    assert refused(broker)
    broker.log.wait(r"Client connection from 127\.0\.0\.1 denied: 5 connections in 60 s "
                    r"\(max_connection_rate_per_address\)\.")
    assert len(denials(broker, "max_connection_rate_per_address")) == 1
    assert all(client.ping() for client in clients)
    broker.write_conf()
    broker.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not refused_when_open(broker), what="the limit being off")


def refused_when_open(broker):
    with raw.RawClient(broker.port) as client:
        try:
            client.connect("open")
            return False
        except (raw.Closed, OSError):
            return True


def hold(broker):
    """A connection that the broker has taken and counts, without a login. Those that it refuses,
    as long as it has not seen the end of start()'s own, are closed and tried again."""
    def attempt():
        client = raw.RawClient(broker.port)
        taken = f"New connection from 127.0.0.1:{client.socket.getsockname()[1]} "

        def answer():
            if any(taken in line for line in list(broker.log.lines)):
                return "taken"
            return "refused" if select.select([client.socket], [], [], 0)[0] else None
        if wait_until(answer, what="the answer to a connection") == "taken":
            return client
        client.close()
        return None
    return wait_until(attempt, what="a place for a connection")


@pytest.mark.conf("max_pending_connections_per_address 2")
def test_connections_without_a_login(broker):
    first, second = hold(broker), hold(broker)
    assert refused_when_open(broker)
    broker.log.wait(r"denied: 2 of it have not logged in yet "
                    r"\(max_pending_connections_per_address\)\.")
    first.connect("first")  # gives its place to another one
    assert not refused_when_open(broker)
    second.close()
    assert first.ping()


def test_an_address_whose_logins_fail(secured):  # noqa: F811
    secured.write_conf("allow_anonymous false", "password_file {folder}/passwords",
                       "max_login_failures_per_address 3")
    broker = secured.start()
    stays, waits, waits_v3 = (raw.RawClient(broker.port, level)
                              for level in (raw.V5, raw.V5, raw.V311))
    stays.connect("stays", username="anna", password=PASSWORD)
    for user in ("anna", "bob", "eve"):
        assert login(broker, user, "wrong") == 0x87
    assert refused(broker)
    broker.log.wait(r"Client connection from 127\.0\.0\.1 denied: 3 failed logins in 60 s "
                    r"\(max_login_failures_per_address\)\.")
    # Who was there before is not looked at, either.
    answer = waits.connect("waits", expect=0x8A, username="anna", password=PASSWORD)
    assert "max_login_failures_per_address" in answer.property("reason_string")
    waits_v3.connect("waits_v3", expect=5, username="anna", password=PASSWORD)
    assert stays.ping()


def test_a_user_whose_logins_fail_waits_and_comes_in(secured):  # noqa: F811
    secured.write_conf("allow_anonymous false", "password_file {folder}/passwords",
                       "max_login_failures_per_user 2")
    set_password(secured.passwords, "bob", "of bob")
    broker = secured.start()
    assert login(broker, "anna", "wrong") == 0x87
    before = time.monotonic()
    assert login(broker, "anna", PASSWORD) == 0
    assert time.monotonic() - before < 1
    assert login(broker, "anna", "wrong") == 0x87
    before = time.monotonic()
    assert login(broker, "bob", "of bob") == 0
    assert time.monotonic() - before < 1
    before = time.monotonic()
    assert login(broker, "anna", PASSWORD) == 0
    assert time.monotonic() - before >= 0.9
    broker.log.wait(r"Login of user 'anna' from 127\.0\.0\.1:\d+ waits 1 s: more than 2 failed "
                    r"logins in 60 s \(max_login_failures_per_user\)\.")


@pytest.mark.conf("max_message_rate_per_user 50", "threads 3")
def test_the_clients_of_a_user_share_its_rate(broker):
    before = time.monotonic()
    clients = [raw.RawClient(broker.port) for _ in range(3)]
    for number, client in enumerate(clients):
        client.connect(f"c{number}", username="anna")
        client.send(b"".join(raw.publish("t", "x", qos=1, packet_id=i + 1) for i in range(40)))
    with raw.RawClient(broker.port) as other:
        other.connect("other", username="bob")
        other.publish("t", "x", qos=1)
        assert time.monotonic() - before < 1
    for client in clients:
        for _ in range(40):
            client.wait_for(raw.PUBACK)
    # The last of each may go before the wait that it causes.
    assert time.monotonic() - before >= (120 - 50 - 3) / 50 - 0.1


@pytest.mark.conf("max_message_rate_per_client 20")
def test_a_client_over_its_rate_is_slowed_and_loses_nothing(broker):
    with raw.RawClient(broker.port) as subscriber:
        subscriber.connect("subscriber")
        subscriber.subscribe("t")
        before = time.monotonic()
        mosquitto_pub(broker, "-i", "fast", "-t", "t", "-q", "1", "-l",
                      stdin="".join(f"{i}\n" for i in range(50)))
        assert subscriber.payloads(50) == [str(i) for i in range(50)]
        assert time.monotonic() - before >= (50 - 20 - 1) / 20 - 0.1
    broker.log.wait(r"Client fast: slowed: more than 20 messages a second "
                    r"\(max_message_rate_per_client\)\.")
