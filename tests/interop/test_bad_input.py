"""Malformed and forbidden packets end their own connection, with the right reason, and no other.

Reasons are those of the standard; a set is given where it leaves the choice. 0x81 is "malformed
packet", 0x82 "protocol error". Versions before 5 have no reasons: the connection just closes.
"""
import random
import re
import struct
from collections import namedtuple

import pytest

import raw
from broker import wait_until
from raw import V311, V31, V5, field16, packet, u16

MALFORMED, PROTOCOL, ALIAS = {0x81}, {0x82}, {0x94}
EITHER = {0x81, 0x82}
TOPIC = {0x81, 0x82, 0x90}
FILTER = {0x81, 0x82, 0x8F}
ALL = (V31, V311, V5)
STRICT = (V311, V5)  # MQTT 3.1 is vague there, and its clients are old.
OLD = (V31, V311)
FIVE = (V5,)

# `build` is the bytes, or makes them for a version. `tombo` names the versions that Mosquitto
# 2.0.11 lets through; `silent` allows an end without DISCONNECT.
Bad = namedtuple("Bad", "name build reasons levels tombo silent", defaults=(ALL, (), False))


def topic(text):
    return lambda version: raw.publish(text, "x", version=version)


def publish_with(*properties):
    return raw.publish("t", "x", version=V5, properties=properties)


def property_bytes(data):
    """A PUBLISH whose property block is `data`, its length included."""
    return packet(raw.PUBLISH, field16("t") + data + b"x")


def subscribe_to(text, options=0):
    return lambda version: raw.subscribe(1, [(text, options)], version)


def unsubscribe_from(text):
    return lambda version: raw.unsubscribe(1, [text], version)


def subscribe_with(*properties):
    return raw.subscribe(1, [("t", 0)], V5, properties)


def no_properties(version):
    return b"\0" if version == V5 else b""


def first_byte(byte, build):
    return lambda version: byte + build(version)[1:]


def cut_filter(kind):
    return lambda version: packet(kind, u16(1) + no_properties(version) + b"\0\5ab", 2)


def no_filter(kind):
    return lambda version: packet(kind, u16(1) + no_properties(version), 2)


HEADERS = [
    Bad("type 0", b"\x00\x00", EITHER),
    Bad("type 15 before MQTT 5", b"\xf0\x00", EITHER, OLD),
    Bad("remaining length of five bytes", b"\xc0\x80\x80\x80\x80\x01", MALFORMED),
    Bad("SUBSCRIBE with flags 0", first_byte(b"\x80", subscribe_to("t")), MALFORMED, STRICT),
    Bad("SUBSCRIBE with flags 3", first_byte(b"\x83", subscribe_to("t")), MALFORMED, STRICT),
    Bad("UNSUBSCRIBE with flags 0", first_byte(b"\xa0", unsubscribe_from("t")), MALFORMED, STRICT),
    Bad("PUBREL with flags 0", b"\x60\x02\x00\x01", MALFORMED, STRICT),
    Bad("PUBACK with flags 1", b"\x41\x02\x00\x01", MALFORMED, STRICT, tombo=STRICT),
    Bad("PUBREC with flags 2", b"\x52\x02\x00\x01", MALFORMED, STRICT, tombo=STRICT),
    Bad("PUBCOMP with flags 8", b"\x78\x02\x00\x01", MALFORMED, STRICT, tombo=STRICT),
    Bad("PINGREQ with flags 1", b"\xc1\x00", MALFORMED, STRICT, tombo=STRICT),
    Bad("DISCONNECT with flags 1", b"\xe1\x00", MALFORMED, silent=True),
    Bad("PINGREQ with a body", b"\xc0\x01\x00", MALFORMED, STRICT, tombo=STRICT),
]
WRONG_TIME_OR_SIDE = [
    Bad("a second CONNECT", lambda version: raw.connect("bad", version), PROTOCOL),
    Bad("CONNACK", b"\x20\x02\x00\x00", PROTOCOL),
    Bad("SUBACK", b"\x90\x03\x00\x01\x00", PROTOCOL, tombo=OLD),
    Bad("UNSUBACK", b"\xb0\x02\x00\x01", PROTOCOL, tombo=OLD),
    Bad("PINGRESP", b"\xd0\x00", PROTOCOL, tombo=ALL),
    Bad("AUTH without a method", b"\xf0\x00", PROTOCOL, FIVE),
]
PUBLISH = [
    Bad("PUBLISH at QoS 3", packet(raw.PUBLISH, b"\0\1t\0\1\0", 6), MALFORMED),
    Bad("PUBLISH at QoS 0 with DUP", lambda version: raw.publish("t", dup=True, version=version),
        EITHER, STRICT, tombo=STRICT),
    Bad("PUBLISH that is empty", packet(raw.PUBLISH), MALFORMED),
    Bad("PUBLISH whose topic overruns", packet(raw.PUBLISH, b"\0\x09topic"), MALFORMED),
    Bad("PUBLISH without a packet id", packet(raw.PUBLISH, b"\0\1t", 2), MALFORMED),
    Bad("PUBLISH with half a packet id", packet(raw.PUBLISH, b"\0\1t\0", 2), MALFORMED),
    Bad("PUBLISH with packet id 0",
        lambda version: raw.publish("t", "x", 1, packet_id=0, version=version), EITHER),
    Bad("topic with +", topic("a/+"), TOPIC),
    Bad("topic with #", topic("a/#"), TOPIC),
    Bad("topic with + inside a level", topic("a+b"), TOPIC),
    Bad("topic that is empty", topic(""), PROTOCOL),
    Bad("topic with U+0000", topic(b"a\0b"), MALFORMED),
    Bad("topic that is not UTF-8", topic(b"\xff"), MALFORMED),
    Bad("topic with half a character", topic(b"a\xe2\x82"), MALFORMED),
    Bad("topic with a surrogate", topic(b"\xed\xa0\x80"), MALFORMED),
    Bad("topic in overlong UTF-8", topic(b"\xc0\xaf"), MALFORMED),
    # Its properties.
    Bad("alias 0", publish_with(("topic_alias", 0)), ALIAS, FIVE, tombo=FIVE),
    Bad("alias over the maximum", publish_with(("topic_alias", 11)), ALIAS, FIVE),
    Bad("alias that was never set", raw.publish("", version=V5, properties=[("topic_alias", 9)]),
        PROTOCOL, FIVE),
    Bad("payload format 2", publish_with(("payload_format_indicator", 2)), EITHER, FIVE, FIVE),
    Bad("payload format twice", publish_with(*[("payload_format_indicator", 1)] * 2), PROTOCOL,
        FIVE),
    Bad("content type twice", publish_with(*[("content_type", "a")] * 2), PROTOCOL, FIVE),
    Bad("alias twice", publish_with(*[("topic_alias", 1)] * 2), PROTOCOL, FIVE),
    Bad("property of another packet", publish_with(("session_expiry_interval", 1)), EITHER, FIVE),
    Bad("response topic with a wildcard", publish_with(("response_topic", "a/#")), TOPIC, FIVE,
        tombo=FIVE),
    Bad("property that does not exist", property_bytes(b"\x02\x7f\x00"), MALFORMED, FIVE),
    Bad("property length over the end", property_bytes(b"\x7f\x01\x00"), MALFORMED, FIVE),
    Bad("property cut short", property_bytes(b"\x03\x02\x00\x00"), MALFORMED, FIVE),
    Bad("property text over the end", property_bytes(b"\x04\x03\x00\x09a"), MALFORMED, FIVE),
    Bad("property length of five bytes", property_bytes(b"\x80\x80\x80\x80\x01"), MALFORMED, FIVE),
    Bad("user property without a value", property_bytes(b"\x04\x26\0\1a"), MALFORMED, FIVE),
    Bad("content type that is not UTF-8", property_bytes(b"\x04\x03\0\1\xff"), MALFORMED, FIVE),
]
SUBSCRIBE = [
    Bad("SUBSCRIBE without filters", no_filter(raw.SUBSCRIBE), EITHER, STRICT),
    Bad("SUBSCRIBE that is cut short", cut_filter(raw.SUBSCRIBE), MALFORMED),
    Bad("SUBSCRIBE without options",
        lambda version: packet(raw.SUBSCRIBE, u16(1) + no_properties(version) + field16("t"), 2),
        MALFORMED),
    Bad("SUBSCRIBE with packet id 0",
        lambda version: raw.subscribe(0, [("t", 0)], version), EITHER),
    Bad("SUBSCRIBE at QoS 3", subscribe_to("t", 3), EITHER),
    Bad("SUBSCRIBE with reserved bits", subscribe_to("t", 0x40), MALFORMED),
    Bad("retain handling 3", subscribe_to("t", 0x30), EITHER, FIVE),
    Bad("subscription identifier 0", subscribe_with(("subscription_identifier", 0)), EITHER, FIVE),
    Bad("subscription identifier twice", subscribe_with(*[("subscription_identifier", 1)] * 2),
        PROTOCOL, FIVE),
    Bad("SUBSCRIBE with a property of PUBLISH", subscribe_with(("topic_alias", 1)), EITHER, FIVE),
    Bad("filter that is empty", subscribe_to(""), FILTER),
    Bad("filter a/#/b", subscribe_to("a/#/b"), FILTER),
    Bad("filter a#", subscribe_to("a#"), FILTER),
    Bad("filter a+/b", subscribe_to("a+/b"), FILTER),
    Bad("filter with U+0000", subscribe_to(b"a\0"), MALFORMED),
    Bad("filter that is not UTF-8", subscribe_to(b"\xfe"), MALFORMED),
    Bad("share without a filter", subscribe_to("$share/g"), FILTER, FIVE, FIVE),
    Bad("share without a name", subscribe_to("$share//t"), FILTER, FIVE, FIVE),
    Bad("share with an empty filter", subscribe_to("$share/g/"), FILTER, FIVE, FIVE),
    Bad("UNSUBSCRIBE without filters", no_filter(raw.UNSUBSCRIBE), EITHER, STRICT),
    Bad("UNSUBSCRIBE that is cut short", cut_filter(raw.UNSUBSCRIBE), MALFORMED),
    Bad("UNSUBSCRIBE with packet id 0",
        lambda version: raw.unsubscribe(0, ["t"], version), EITHER),
    Bad("UNSUBSCRIBE with a bad filter", unsubscribe_from("a/#/b"), FILTER),
]
ACKNOWLEDGEMENTS = [
    Bad("PUBACK of one byte", b"\x40\x01\x00", MALFORMED),
    Bad("PUBREL of one byte", b"\x62\x01\x00", MALFORMED),
    Bad("PUBACK with packet id 0", b"\x40\x02\x00\x00", EITHER),
    Bad("PUBREL with packet id 0", b"\x62\x02\x00\x00", EITHER),
    Bad("PUBACK that is too long", b"\x40\x03\x00\x01\x00", EITHER, OLD, tombo=OLD),
    Bad("PUBACK with an unknown reason", b"\x40\x03\x00\x01\x01", EITHER, FIVE, tombo=FIVE),
    Bad("PUBREL with an unknown reason", b"\x62\x03\x00\x01\x10", EITHER, FIVE, tombo=FIVE),
    Bad("PUBACK with properties cut short", b"\x40\x04\x00\x01\x00\x05", MALFORMED, FIVE),
    Bad("DISCONNECT with a reason before MQTT 5", b"\xe0\x01\x00", EITHER, OLD),
    Bad("DISCONNECT with properties cut short", b"\xe0\x02\x00\x05", MALFORMED, FIVE, silent=True),
    Bad("DISCONNECT with a property of CONNECT", b"\xe0\x05\x00\x03\x21\x00\x05", EITHER, FIVE,
        silent=True),
]


def each_bad_packet():
    for bad in HEADERS + WRONG_TIME_OR_SIDE + PUBLISH + SUBSCRIBE + ACKNOWLEDGEMENTS:
        for level in bad.levels:
            marks = [pytest.mark.tombo] if level in bad.tombo else []
            yield pytest.param(bad, level, marks=marks, id=f"{bad.name}, level {level}")


@pytest.mark.parametrize("bad, level", each_bad_packet())
def test_a_bad_packet_ends_its_connection_only(target, bad, level):
    with target.connected(level) as client:
        client.send(bad.build if isinstance(bad.build, bytes) else bad.build(level))
        packets = client.ends()
    assert target.undisturbed()
    if level != V5:
        assert packets == []
    elif packets or (target.is_tombo and not bad.silent):  # Mosquitto often says nothing.
        assert [found.name for found in packets] == ["DISCONNECT"]
        assert packets[0].reason in bad.reasons, f"0x{packets[0].reason:02x}"


# --- where the generations differ ---

def reason_of(target, data):
    """The reason of the DISCONNECT, or the name of what came instead."""
    with target.connected(V5) as client:
        client.send(data)
        answer = client.receive()
        return answer.reason if answer.name == "DISCONNECT" else answer.name


@pytest.mark.tombo
def test_a_pingresp_with_flags(target):
    expected = 0x81 if target.generation == "2.1" else 0x82
    assert reason_of(target, b"\xd1\x00") == expected


@pytest.mark.tombo
def test_a_share_name_with_a_wildcard(target):
    # Mosquitto 2.0 takes it; [MQTT-4.8.2-2] forbids it, so tombo does not in either generation.
    assert reason_of(target, raw.subscribe(1, [("$share/+/t", 0)], V5)) == 0x82


@pytest.mark.tombo
def test_a_publish_with_a_subscription_identifier(target):
    data = raw.publish("t", "x", 1, packet_id=1, version=V5,
                       properties=[("subscription_identifier", 1)])
    if target.generation == "2.1":
        assert reason_of(target, data) == 0x82
    else:
        assert reason_of(target, data) in (0x82, "PUBACK")


# --- what the log tells ---

def test_the_log_names_the_client_and_the_reason(target):
    for client_id, data, new, old in (
            ("log-malformed", packet(raw.PUBLISH), "malformed packet",
             "due to (malformed packet|protocol error)"),
            ("log-protocol", raw.connect("log-protocol"), "protocol error",
             "due to protocol error")):
        with target.connected(V311, client_id) as client:
            client.send(data)
            client.ends()
        if target.generation == "2.1":
            target.broker.log.wait(
                rf"Client {client_id} \[127\.0\.0\.1:\d+\] disconnected: {new}\.")
        else:
            target.broker.log.wait(rf"Client {client_id} disconnected {old}\.")


@pytest.mark.tombo
def test_the_log_names_packet_and_byte_offset(target):
    with target.connected(V5, "log-offset") as client:
        client.send(raw.publish(b"a\xff", "x", version=V5))
        client.ends()
    target.broker.log.wait(r"(?i)(?=.*PUBLISH)(?=.*log-offset).*(byte|offset) \d+")


# --- floods ---

def test_a_huge_publish_is_not_given_its_memory(target):
    before = target.broker.rss_bytes()
    liars = [target.connected(V5, f"liar-{number}") for number in range(20)]
    try:
        for liar in liars:
            liar.send(b"\x30\xff\xff\xff\x7f" + field16("t") + b"\0" + b"x" * 1000)
        assert target.undisturbed()
        assert target.broker.rss_bytes() - before < 16 << 20
    finally:
        for liar in liars:
            liar.close()


def test_a_reset_in_the_middle_of_a_packet(target):
    for _ in range(50):
        client = target.connected(V311, "resets")
        client.send(raw.publish("t", b"x" * 1000)[:500])
        # Linger 0 makes close() send RST instead of FIN.
        client.socket.setsockopt(raw.socket.SOL_SOCKET, raw.socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        client.close()
    assert target.undisturbed()


def survives(target, client, data):
    """Sends what may be refused half-way."""
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    client.close()
    assert target.undisturbed()


SEED = 20260707


def test_random_bytes_instead_of_a_connect(target):
    source = random.Random(SEED)
    for _ in range(200):
        survives(target, raw.RawClient(target.port), source.randbytes(source.randrange(1, 200)))


def test_random_packets_after_connect(target):
    source = random.Random(SEED)
    for _ in range(200):
        body = source.randbytes(source.randrange(0, 60))
        data = packet(source.randrange(16), body, source.randrange(16))
        survives(target, target.connected(source.choice(ALL), "random"), data)


def test_valid_packets_with_a_wrong_byte(target):
    source = random.Random(SEED)
    properties = [("content_type", "text"), ("user_property", ("k", "v")), ("topic_alias", 1)]
    originals = [
        raw.publish("a/b", b"payload", 1, packet_id=3, version=V5, properties=properties),
        raw.subscribe(4, [("a/+", 1), ("$share/g/b", 0)], V5, [("subscription_identifier", 7)]),
        raw.unsubscribe(5, ["a/+", "c"], V5),
        raw.acknowledge(raw.PUBREL, 6, 0x92),
        packet(raw.DISCONNECT, b"\0" + raw.encode_properties([("reason_string", "bye")])),
    ]
    for _ in range(300):
        data = bytearray(source.choice(originals))
        data[source.randrange(len(data))] = source.randrange(256)
        survives(target, target.connected(V5, "mutant"), bytes(data))


def test_connections_that_were_closed_are_given_back(target):
    """After all of the above the broker holds no more sockets than the bystanders need."""
    def sockets():
        return sum(1 for path in target.broker.open_files() if path.startswith("socket:"))
    # One listener a shard and the two bystanders, with room for what a broker keeps for itself.
    wait_until(lambda: sockets() < 20, what="closing of dead connections")
    assert target.undisturbed()
    assert not re.search(r"(?i)assert|panic|check failed", target.broker.log.text())
