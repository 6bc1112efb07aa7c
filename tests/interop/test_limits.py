"""What CONNACK announces, and the limits of both sides."""
import re

import pytest

import raw
from clients import Paho, properties_for

AUTO_ID = r"auto-[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"


# --- limits ---

def nothing_more(client):
    """No packet before the answer to a ping."""
    return client.ping() and not client.inbox


def window_of_2(v5_client, published_qos):
    """A subscriber with Receive Maximum 2 and its first two messages."""
    subscriber, publisher = v5_client(properties=[("receive_maximum", 2)]), v5_client()
    subscriber.subscribe("w", qos=2)
    for number, qos in enumerate(published_qos):
        publisher.publish("w", str(number), qos)
    first, second = (subscriber.wait_for(raw.PUBLISH) for _ in range(2))
    assert (first.payload, second.payload) == (b"0", b"1")
    assert nothing_more(subscriber)
    return subscriber, first.packet_id, second.packet_id


@pytest.mark.parametrize("qos", [1, 2])
def test_the_receive_maximum_of_the_client_is_honoured(v5_client, qos):
    window_of_2(v5_client, [qos] * 4)


# Mosquitto 2.0.11 sends two queued messages for one acknowledgement.
@pytest.mark.tombo
def test_a_puback_makes_place_for_one_message(v5_client):
    subscriber, first, second = window_of_2(v5_client, [1, 1, 1, 1])
    for packet_id, payload in ((first, b"2"), (second, b"3")):
        subscriber.send(raw.acknowledge(raw.PUBACK, packet_id))
        assert subscriber.receive().payload == payload
        assert nothing_more(subscriber)


@pytest.mark.tombo
def test_a_pubcomp_makes_place_for_one_message(v5_client):
    subscriber, first, second = window_of_2(v5_client, [2, 2, 2, 2])
    for packet_id, payload in ((first, b"2"), (second, b"3")):
        # PUBREC alone does not give the place back, PUBCOMP does.
        subscriber.send(raw.acknowledge(raw.PUBREC, packet_id))
        subscriber.wait_for(raw.PUBREL, packet_id)
        assert nothing_more(subscriber)
        subscriber.send(raw.acknowledge(raw.PUBCOMP, packet_id))
        assert subscriber.receive().payload == payload
        assert nothing_more(subscriber)


@pytest.mark.tombo
def test_the_receive_maximum_counts_qos_1_and_qos_2_together(v5_client):
    subscriber, first, second = window_of_2(v5_client, [1, 2, 1, 2])
    subscriber.send(raw.acknowledge(raw.PUBACK, first))
    assert subscriber.receive().payload == b"2"
    assert nothing_more(subscriber)
    subscriber.send(raw.acknowledge(raw.PUBREC, second))
    subscriber.wait_for(raw.PUBREL, second)
    assert nothing_more(subscriber)
    subscriber.send(raw.acknowledge(raw.PUBCOMP, second))
    assert subscriber.receive().payload == b"3"


@pytest.mark.tombo
def test_a_pubrec_with_an_error_ends_the_exchange(v5_client):
    subscriber, first, second = window_of_2(v5_client, [2, 2, 2, 2])
    subscriber.send(raw.acknowledge(raw.PUBREC, first, 0x97))
    assert subscriber.receive().payload == b"2"
    assert nothing_more(subscriber)


@pytest.mark.conf("max_inflight_messages 1")
def test_max_inflight_messages_1_sends_one_by_one(raw_client, level):
    subscriber = raw_client(version=level)
    if level == raw.V5:
        assert subscriber.connack.property("receive_maximum") == 1
    subscriber.subscribe("w", qos=1)
    publisher = raw_client(version=level)
    for number in range(3):
        publisher.publish("w", str(number), qos=1)
    for number in range(3):
        message = subscriber.receive()
        assert message.payload.decode() == str(number)
        assert subscriber.ping() and not subscriber.inbox
        subscriber.send(raw.acknowledge(raw.PUBACK, message.packet_id))


@pytest.mark.tombo
def test_a_client_that_exceeds_the_receive_maximum_is_disconnected(v5_client):
    client = v5_client()
    allowed = client.connack.property("receive_maximum")
    for packet_id in range(1, allowed + 2):
        client.send(raw.publish("w", "x", 2, packet_id=packet_id, version=raw.V5))
    packets = client.ends()
    assert packets[-1].kind == raw.DISCONNECT and packets[-1].reason == 0x93


def test_a_client_may_use_the_whole_receive_maximum(v5_client):
    client = v5_client()
    allowed = client.connack.property("receive_maximum")
    assert allowed == 20
    for packet_id in range(1, allowed + 1):
        client.send(raw.publish("w", "x", 2, packet_id=packet_id, version=raw.V5))
    for packet_id in range(1, allowed + 1):
        client.wait_for(raw.PUBREC, packet_id)
    for packet_id in range(1, allowed + 1):
        client.send(raw.acknowledge(raw.PUBREL, packet_id))
        client.wait_for(raw.PUBCOMP, packet_id)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_maximum_packet_size_of_the_client_is_honoured(v5_client, qos):
    subscriber = v5_client(properties=[("maximum_packet_size", 100)])
    subscriber.subscribe("w", qos=qos)
    publisher = v5_client()
    publisher.publish("w", "x" * 200, qos=qos)
    publisher.publish("w", "small", qos=qos)
    assert subscriber.payloads(1) == ["small"]


@pytest.mark.conf("max_packet_size 1000")
def test_max_packet_size_of_the_broker(raw_client, level):
    client = raw_client(version=level)
    if level == raw.V5:
        assert client.connack.property("maximum_packet_size") == 1000
    fits = raw.publish("w", b"x" * (1000 - 3 - 3 - (level == raw.V5)), version=level)
    assert len(fits) == 1000
    client.send(fits)
    assert client.ping()
    client.send(raw.publish("w", b"x" * 1000, version=level))
    assert [found.reason for found in client.ends()] == ([0x95] if level == raw.V5 else [])


@pytest.mark.tombo
@pytest.mark.parametrize("compatibility, expected", [("2.0", None), ("2.1", 2000000)])
def test_the_default_maximum_packet_size(start_broker, compatibility, expected):
    broker = start_broker(f"compatibility {compatibility}")
    with raw.RawClient(broker.port, raw.V5) as client:
        assert client.connect("x").property("maximum_packet_size") == expected


@pytest.mark.conf("listener:", "max_qos 1")
def test_max_qos(raw_client, level):
    client = raw_client(version=level)
    if level == raw.V5:
        assert client.connack.properties[-1] == ("maximum_qos", 1)
    client.publish("w", "x", qos=1)
    client.send(raw.publish("w", "x", 2, packet_id=99, version=level))
    assert [found.reason for found in client.ends()] == ([0x9B] if level == raw.V5 else [])


@pytest.mark.conf("max_keepalive 10")
def test_max_keepalive_tells_the_client(v5_client):
    for asked in (60, 11):
        assert v5_client(keep_alive_s=asked).connack.property("server_keep_alive") == 10
    assert v5_client(keep_alive_s=10).connack.property("server_keep_alive") is None


@pytest.mark.tombo
@pytest.mark.conf("max_keepalive 10")
def test_max_keepalive_refuses_older_clients_over_it(raw_client):
    for level in (raw.V31, raw.V311):
        assert raw_client("under", level, keep_alive_s=10).ping()
        client = raw_client(version=level, connect=False)
        client.connect("over", keep_alive_s=11, expect=2)
        client.ends()


# --- the answer to CONNECT ---

@pytest.mark.parametrize("compatibility, middle", [("2.0", ""), ("2.1", "27001e8480")])
def test_the_properties_of_a_connack_and_their_order(program, start_broker, compatibility, middle):
    if compatibility == "2.1" and not program.is_tombo:
        pytest.skip("Mosquitto 2.1 only")
    broker = start_broker(f"compatibility {compatibility}")
    with raw.RawClient(broker.port, raw.V5) as client:
        answer = client.connect("given")
        length = f"{6 + len(middle) // 2:02x}"
        assert answer.body.hex() == "0000" + length + "22000a" + middle + "210014"
    with raw.RawClient(broker.port, raw.V5) as client:
        names = [name for name, _ in client.connect("").properties]
        maximum = ["maximum_packet_size"] if middle else []
        assert names == ["topic_alias_maximum", "assigned_client_identifier", *maximum,
                         "receive_maximum"]


@pytest.mark.parametrize("clean", [True, False])
def test_an_empty_client_id_gets_one_assigned(v5_client, clean):
    one, two = (v5_client("", clean=clean).connack.property("assigned_client_identifier")
                for _ in range(2))
    assert re.fullmatch(AUTO_ID, one) and re.fullmatch(AUTO_ID, two) and one != two


def test_an_assigned_client_id_can_be_used_to_return(v5_client):
    stays = {"clean": False, "properties": [("session_expiry_interval", 60)]}
    first = v5_client("", **stays)
    assigned = first.connack.property("assigned_client_identifier")
    first.disconnect()
    assert v5_client(assigned, **stays).connack.session_present


def test_an_empty_client_id_in_older_versions(raw_client):
    assert raw_client("", raw.V311, clean=True).ping()
    for level, clean in ((raw.V311, False), (raw.V31, True)):
        client = raw_client(version=level, connect=False)
        client.connect("", clean=clean, expect=2)
        assert client.ends() == []


def test_an_unknown_authentication_method(v5_client):
    client = v5_client(connect=False)
    client.connect("x", properties=[("authentication_method", "NONESUCH")], expect=0x8C)
    assert client.ends() == []


@pytest.mark.conf("allow_anonymous false")
def test_anonymous_clients_are_refused_when_told_so(raw_client, level):
    client = raw_client(version=level, connect=False)
    client.connect("x", expect=0x87 if level == raw.V5 else 5)
    assert client.ends() == []


def test_paho_connects_with_every_connect_property(broker):
    with Paho(broker, "mqttv5", "props", properties=properties_for(
            "CONNECT", session_expiry_interval=10, receive_maximum=5, maximum_packet_size=5000,
            topic_alias_maximum=5, request_response_information=0, request_problem_information=1,
            user_property=[("a", "b"), ("a", "c")])) as client:
        client.subscribe("x", qos=1)
        client.publish("x", "y", qos=1)
        assert client.receive().payload == b"y"
