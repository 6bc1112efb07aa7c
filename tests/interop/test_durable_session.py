"""Sessions that outlive their connection: queueing, expiry, take-over, resumed handshakes."""
import pytest

import raw
from broker import wait_until
from clients import (Paho, Subscriber, lines_of, mosquitto_pub, mosquitto_sub,
                     properties_for)

NEVER = [("session_expiry_interval", 0xFFFFFFFF)]
DURABLE = ["-q", "1", "-i", "client01", "-c", "-t", "news/#"]


def durable(level):
    """Options of `RawClient.connect` for a session that stays."""
    return {"clean": False, "properties": NEVER if level == raw.V5 else ()}


def test_messages_published_meanwhile_arrive_on_return(broker, version):
    mosquitto_sub(broker, *DURABLE, "-E", version=version)
    for number in range(1, 6):
        mosquitto_pub(broker, "-q", "1", "-t", f"news/{number}", "-m", f"message {number}",
                      version=version)
    back = mosquitto_sub(broker, *DURABLE, "-v", "-C", "5", version=version)
    assert lines_of(back) == [f"news/{number} message {number}" for number in range(1, 6)]


def test_a_subscriber_that_was_killed_misses_nothing(broker, version):
    with Subscriber(broker, *DURABLE, version=version) as subscriber:
        mosquitto_pub(broker, "-q", "1", "-t", "news/1", "-m", "seen", version=version)
        assert subscriber.wait_messages(1) == ["seen"]
        subscriber.crash()
    broker.log.wait(r"Client client01.*(closed its connection|connection closed by client)")
    mosquitto_pub(broker, "-q", "1", "-t", "news/2", "-l", stdin="one\ntwo\nthree\n",
                  version=version)
    back = mosquitto_sub(broker, *DURABLE, "-C", "3", version=version)
    # The acknowledgement of the first may have died with the subscriber, so it may come again.
    assert [line for line in lines_of(back) if line != "seen"][:2] == ["one", "two"]


def test_messages_are_delivered_once_only_on_return(broker):
    mosquitto_sub(broker, *DURABLE, "-E")
    mosquitto_pub(broker, "-q", "1", "-t", "news/1", "-m", "old")
    assert lines_of(mosquitto_sub(broker, *DURABLE, "-C", "1")) == ["old"]
    mosquitto_pub(broker, "-q", "1", "-t", "news/1", "-m", "new")
    assert lines_of(mosquitto_sub(broker, *DURABLE, "-C", "1")) == ["new"]


@pytest.mark.parametrize("qos", [1, 2])
def test_500_queued_messages_keep_their_order(raw_client, level, qos):
    first = raw_client("keeper", level, **durable(level))
    first.subscribe("many", qos=qos)
    first.disconnect()
    publisher = raw_client(version=level)
    for number in range(500):
        publisher.publish("many", str(number), qos)
    back = raw_client("keeper", level, **durable(level))
    assert back.payloads(500) == [str(number) for number in range(500)]


def test_the_session_present_flag(raw_client, level):
    first = raw_client("present", level, **durable(level))
    assert not first.connack.session_present
    first.subscribe("x")
    first.disconnect()
    # The CONNACK of 3.1 has no such flag.
    expected = level != raw.V31
    assert raw_client("present", level, **durable(level)).connack.session_present == expected


def test_subscriptions_last_without_a_new_subscribe(raw_client, level):
    first = raw_client("lasting", level, **durable(level))
    first.subscribe("lasting", qos=1)
    first.disconnect()
    back = raw_client("lasting", level, **durable(level))
    raw_client(version=level).publish("lasting", "x", qos=1)
    assert back.payloads(1) == ["x"]


def test_a_clean_session_forgets_subscriptions_and_messages(raw_client, level):
    first = raw_client("cleaner", level, **durable(level))
    first.subscribe("old", qos=1)
    first.disconnect()
    publisher = raw_client(version=level)
    publisher.publish("old", "queued", qos=1)
    clean = raw_client("cleaner", level, clean=True)
    assert not clean.connack.session_present
    clean.subscribe("new", qos=1)
    publisher.publish("old", "never", qos=1)
    publisher.publish("new", "end", qos=1)
    assert clean.payloads(1) == ["end"]
    clean.disconnect()
    assert not raw_client("cleaner", level, **durable(level)).connack.session_present


def test_paho_with_a_durable_session(broker, version):
    options = {}
    if version == "mqttv5":
        options = {"properties": properties_for("CONNECT", session_expiry_interval=300)}
    with Paho(broker, version, "paho-keeper", clean=False, **options) as client:
        client.subscribe("paho/q", 1)
    mosquitto_pub(broker, "-q", "1", "-t", "paho/q", "-l", stdin="one\ntwo\n")
    with Paho(broker, version, "paho-keeper", clean=False, **options) as client:
        assert [message.payload for message in client.receive(2)] == [b"one", b"two"]


# --- expiry (MQTT 5) ---

def test_a_session_without_an_expiry_interval_ends_with_its_connection(raw_client):
    first = raw_client("brief", raw.V5, clean=False)
    first.subscribe("x", qos=1)
    first.disconnect()
    assert not raw_client("brief", raw.V5, clean=False).connack.session_present


def test_a_session_expires_after_its_interval(broker):
    mosquitto_sub(broker, *DURABLE, "-E", "-x", "1", version="mqttv5")
    mosquitto_pub(broker, "-q", "1", "-t", "news/1", "-m", "expires with the session")
    broker.log.wait(r"Expiring client client01 due to timeout\.")
    with raw.RawClient(broker.port, raw.V5) as client:
        assert not client.connect("client01", clean=False).session_present


def test_a_session_returns_within_its_interval(broker):
    mosquitto_sub(broker, *DURABLE, "-E", "-x", "60", version="mqttv5")
    mosquitto_pub(broker, "-q", "1", "-t", "news/1", "-m", "in time")
    assert lines_of(mosquitto_sub(broker, *DURABLE, "-x", "60", "-C", "1", version="mqttv5")) == [
        "in time"]


def test_a_disconnect_may_change_the_expiry_interval(raw_client):
    first = raw_client("changes", raw.V5, **durable(raw.V5))
    first.disconnect(0, [("session_expiry_interval", 0)])
    assert not raw_client("changes", raw.V5, clean=False).connack.session_present
    second = raw_client("changes", raw.V5, clean=False, properties=[("session_expiry_interval", 1)])
    second.disconnect(0, NEVER)
    assert raw_client("changes", raw.V5, clean=False).connack.session_present


def test_a_disconnect_must_not_raise_an_expiry_interval_of_0(raw_client):
    client = raw_client("raises", raw.V5)
    body = bytes([0]) + raw.encode_properties([("session_expiry_interval", 5)])
    client.send(raw.packet(raw.DISCONNECT, body))
    assert [found.reason for found in client.ends()] == [0x82]


def test_a_message_that_expires_in_the_queue_is_not_delivered(raw_client):
    first = raw_client("expiring", raw.V5, **durable(raw.V5))
    first.subscribe("exp", qos=1)
    first.disconnect()
    publisher, watcher = raw_client(version=raw.V5), raw_client(version=raw.V5)
    publisher.publish("exp", "short", qos=1, properties=[("message_expiry_interval", 1)])
    publisher.publish("exp", "long", qos=1, properties=[("message_expiry_interval", 60)])
    # A retained message of twice the interval shows when the time has surely passed.
    publisher.publish("clock", "tick", retain=True, properties=[("message_expiry_interval", 2)])

    def clock_has_run_out():
        watcher.subscribe("clock")
        publisher.publish("clock", "end")
        return not watcher.collect_until(b"end")
    wait_until(clock_has_run_out, what="expiry of the retained message")
    assert raw_client("expiring", raw.V5, **durable(raw.V5)).payloads(1) == ["long"]


# --- take-over ---

def test_a_second_client_of_the_same_id_takes_over(broker, raw_client, level):
    first = raw_client("same", level)
    second = raw_client("same", level)
    reasons = [found.reason for found in first.ends()]
    # Mosquitto has told MQTT 5 clients why since 2.0.12 only.
    assert reasons == ([0x8E] if level == raw.V5 and broker.is_tombo else [])
    assert second.ping()


def test_the_one_who_takes_over_inherits_the_session(raw_client, level):
    first = raw_client("heir", level, **durable(level))
    first.subscribe("inherited", qos=1)
    second = raw_client("heir", level, **durable(level))
    first.ends()
    assert second.connack.session_present == (level != raw.V31)
    raw_client(version=level).publish("inherited", "x", qos=1)
    assert second.payloads(1) == ["x"]


def test_unacknowledged_messages_go_to_the_one_who_takes_over(raw_client, level):
    first = raw_client("heir", level, **durable(level))
    first.subscribe("inherited", qos=1)
    raw_client(version=level).publish("inherited", "x", qos=1)
    assert not first.wait_for(raw.PUBLISH).dup
    second = raw_client("heir", level, **durable(level))
    again, = second.collect(1)
    assert (again.payload, again.dup) == (b"x", True)


@pytest.mark.tombo
def test_mosquitto_sub_is_told_that_its_session_was_taken_over(broker):
    with Subscriber(broker, "-i", "same", "-t", "x", version="mqttv5") as first:
        with Subscriber(broker, "-i", "same", "-t", "x", version="mqttv5") as second:
            first.stream.wait(r"Received DISCONNECT \(142\)")
            first.crash()  # Before it takes the session back.
            mosquitto_pub(broker, "-t", "x", "-m", "to the second")
            assert second.wait_messages(1) == ["to the second"]


def test_50_clients_fight_for_one_id(raw_client, level):
    clients = [raw_client("same", level) for _ in range(50)]
    for client in clients[:-1]:
        client.ends()
    assert clients[-1].ping()


# --- handshakes that a lost connection interrupted ---

def test_qos_1_without_puback_is_sent_again_with_dup(raw_client, level):
    first = raw_client("again", level, **durable(level))
    first.subscribe("again", qos=1)
    raw_client(version=level).publish("again", "x", qos=1)
    before = first.wait_for(raw.PUBLISH)
    first.close()
    after = raw_client("again", level, **durable(level)).wait_for(raw.PUBLISH)
    assert (before.dup, after.dup) == (False, True)
    assert (before.packet_id, before.payload) == (after.packet_id, after.payload)


def test_qos_2_without_pubrec_is_sent_again_with_dup(raw_client, level):
    first = raw_client("again", level, **durable(level))
    first.subscribe("again", qos=2)
    raw_client(version=level).publish("again", "x", qos=2)
    before = first.wait_for(raw.PUBLISH)
    first.close()
    back = raw_client("again", level, **durable(level))
    after = back.wait_for(raw.PUBLISH)
    assert (after.dup, after.packet_id) == (True, before.packet_id)
    back.send(raw.acknowledge(raw.PUBREC, after.packet_id))
    assert back.wait_for(raw.PUBREL).packet_id == after.packet_id
    back.send(raw.acknowledge(raw.PUBCOMP, after.packet_id))
    assert back.ping()


def test_qos_2_without_pubcomp_continues_with_pubrel(raw_client, level):
    first = raw_client("again", level, **durable(level))
    first.subscribe("again", qos=2)
    raw_client(version=level).publish("again", "x", qos=2)
    packet_id = first.wait_for(raw.PUBLISH).packet_id
    first.send(raw.acknowledge(raw.PUBREC, packet_id))
    first.wait_for(raw.PUBREL, packet_id)
    first.close()
    back = raw_client("again", level, **durable(level))
    first_packet = back.receive()
    assert (first_packet.name, first_packet.packet_id) == ("PUBREL", packet_id)
    back.send(raw.acknowledge(raw.PUBCOMP, packet_id))
    back.disconnect()
    nothing_left = raw_client("again", level, **durable(level))
    assert nothing_left.ping() and not nothing_left.inbox


def test_qos_2_is_delivered_once_though_the_publisher_sends_it_again(raw_client, level):
    subscriber = raw_client(version=level)
    subscriber.subscribe("exactly", qos=2)
    publisher = raw_client("pub", level, **durable(level))
    publisher.send(raw.publish("exactly", "once", 2, packet_id=9, version=level))
    publisher.wait_for(raw.PUBREC, 9)
    publisher.close()
    publisher = raw_client("pub", level, **durable(level))
    publisher.send(raw.publish("exactly", "once", 2, dup=True, packet_id=9, version=level))
    publisher.wait_for(raw.PUBREC, 9)
    publisher.send(raw.acknowledge(raw.PUBREL, 9))
    publisher.wait_for(raw.PUBCOMP, 9)
    publisher.publish("exactly", "end", qos=2)
    assert subscriber.payloads(2) == ["once", "end"]


def test_messages_in_flight_come_before_queued_ones(raw_client, level):
    first = raw_client("again", level, **durable(level))
    first.subscribe("seq", qos=1)
    publisher = raw_client(version=level)
    publisher.publish("seq", "0", qos=1)
    first.wait_for(raw.PUBLISH)
    first.close()
    for number in range(1, 30):
        publisher.publish("seq", str(number), qos=1)
    back = raw_client("again", level, **durable(level))
    assert back.payloads(30) == [str(number) for number in range(30)]


def test_messages_published_while_a_connection_ends_keep_their_order(raw_client, level):
    """The broker may still write to the dead connection, queue, or something in between."""
    publisher = raw_client("publisher", level)
    for _ in range(30):
        client = raw_client("ending", level, **durable(level))
        client.subscribe("seq", qos=1)
        publisher.publish("seq", "0", qos=1)
        client.wait_for(raw.PUBLISH)
        client.close()
        for number in range(1, 10):
            publisher.publish("seq", str(number), qos=1)
        back = raw_client("ending", level, **durable(level))
        assert back.payloads(10) == [str(number) for number in range(10)]
        back.disconnect()


# --- bounds of the queue ---

def offline_subscriber(raw_client, qos=1, level=raw.V311):
    first = raw_client("offline", level, **durable(level))
    first.subscribe("q/#", qos=qos)
    first.disconnect()


def returned(raw_client, level=raw.V311):
    """What was kept, up to a sentinel that is published when the subscriber is back."""
    back = raw_client("offline", level, **durable(level))
    back.subscribe("end")
    raw_client().publish("end", "end")
    return [message.payload.decode() for message in back.collect_until(b"end")]


@pytest.mark.conf("max_queued_messages 5")
def test_max_queued_messages_drops_the_newest(raw_client, level):
    offline_subscriber(raw_client, level=level)
    publisher = raw_client(version=level)
    for number in range(10):
        publisher.publish("q/x", str(number), qos=1)
    assert returned(raw_client, level) == ["0", "1", "2", "3", "4"]


@pytest.mark.conf("max_queued_messages 0", "max_queued_bytes 500")
def test_max_queued_bytes_bounds_the_queue(raw_client):
    offline_subscriber(raw_client)
    publisher = raw_client()
    for number in range(10):
        publisher.publish("q/x", str(number).zfill(100), qos=1)
    kept = [int(text) for text in returned(raw_client)]
    assert kept == list(range(len(kept))) and 1 <= len(kept) <= 5


@pytest.mark.conf("max_queued_messages 5")
def test_a_full_queue_takes_messages_again_after_a_visit(raw_client):
    offline_subscriber(raw_client)
    publisher = raw_client()
    for number in range(10):
        publisher.publish("q/x", str(number), qos=1)
    assert returned(raw_client) == ["0", "1", "2", "3", "4"]
    publisher.publish("q/x", "again", qos=1)
    assert returned(raw_client) == ["again"]


def test_qos_0_is_not_queued_by_default(raw_client):
    offline_subscriber(raw_client)
    publisher = raw_client()
    publisher.publish("q/x", "lost", qos=0)
    publisher.publish("q/x", "kept", qos=1)
    assert returned(raw_client) == ["kept"]


@pytest.mark.conf("queue_qos0_messages true")
def test_qos_0_is_queued_when_told_so(raw_client):
    offline_subscriber(raw_client)
    publisher = raw_client()
    publisher.publish("q/x", "zero", qos=0)
    publisher.publish("q/x", "one", qos=1)
    assert sorted(returned(raw_client)) == ["one", "zero"]


def test_qos_0_subscriptions_queue_nothing(raw_client):
    offline_subscriber(raw_client, qos=0)
    raw_client().publish("q/x", "at most once", qos=2)
    assert returned(raw_client) == []
