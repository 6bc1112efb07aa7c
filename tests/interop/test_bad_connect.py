"""The time before a session exists: CONNECT packets that must be refused, and no CONNECT at all."""
from collections import namedtuple

import pytest

import raw
from raw import V311, V31, V5, field16, packet, u16

CLOSE = None
NO_MATTER_HOW = {CLOSE, 1, 2, 0x81, 0x82, 0x84, 0x85, 0x90}

# What may come back: a reason in a CONNACK, or CLOSE. `old` holds for generation 2.0.
Bad = namedtuple("Bad", "name build new old levels tombo", defaults=({CLOSE}, (V5,), False))
EITHER, MALFORMED, PROTOCOL = {0x81, 0x82}, {0x81}, {0x82}


def head(version, flags, properties=b"\0"):
    """The variable header of a CONNECT."""
    name = field16("MQIsdp" if version == V31 else "MQTT")
    return name + bytes([version, flags]) + u16(60) + (properties if version == V5 else b"")


def connect_of(flags, payload, properties=b"\0"):
    return lambda version: packet(raw.CONNECT, head(version, flags, properties) + payload)


def connect_with(*properties):
    return lambda version: raw.connect("bad", V5, properties=properties)


def will_with(*properties):
    return lambda version: raw.connect("bad", V5, will={"topic": "w", "properties": properties})


def client_id(data):
    return lambda version: raw.connect(data, version)


def will_topic(data):
    return lambda version: raw.connect("bad", version, will={"topic": data})


ID = field16("bad")
NOT_5 = (V31, V311)
BAD = [
    # Protocol name and version.
    Bad("protocol name MQTX", lambda v: raw.connect("bad", v, protocol_name="MQTX"),
        NO_MATTER_HOW, NO_MATTER_HOW, (V311, V5)),
    Bad("protocol name that is empty", lambda v: raw.connect("bad", v, protocol_name=b""),
        NO_MATTER_HOW, NO_MATTER_HOW, (V311, V5)),
    Bad("protocol name MQIsdp of a later version",
        lambda v: raw.connect("bad", v, protocol_name="MQIsdp"), NO_MATTER_HOW, NO_MATTER_HOW,
        (V311, V5)),
    # Flags.
    Bad("reserved flag", connect_of(0x03, ID), EITHER, {CLOSE, *EITHER}),
    Bad("reserved flag before MQTT 5", connect_of(0x03, ID), {CLOSE}, levels=(V311,)),
    Bad("will at QoS 3", connect_of(0x1E, ID + b"\0" + field16("w") * 2), EITHER,
        {CLOSE, *EITHER}),
    Bad("will at QoS 3 before MQTT 5", connect_of(0x1E, ID + field16("w") * 2), {CLOSE},
        levels=NOT_5),
    Bad("will QoS without a will", connect_of(0x0A, ID), EITHER, {CLOSE, *EITHER}),
    Bad("will retain without a will", connect_of(0x22, ID), EITHER, {CLOSE, *EITHER}),
    Bad("will QoS without a will before MQTT 5", connect_of(0x0A, ID), {CLOSE}, levels=(V311,)),
    Bad("password without user name before MQTT 5", connect_of(0x42, ID + field16("p")), {CLOSE},
        levels=(V311,)),
    # Fields that are missing, too many or cut short.
    Bad("nothing in it", lambda v: packet(raw.CONNECT), {CLOSE, *MALFORMED}, {CLOSE, *MALFORMED}),
    Bad("no client id", connect_of(0x02, b""), MALFORMED, {CLOSE, *MALFORMED}),
    Bad("no client id before MQTT 5", connect_of(0x02, b""), {CLOSE}, levels=NOT_5),
    Bad("client id cut short", connect_of(0x02, b"\0\5ab"), MALFORMED, {CLOSE, *MALFORMED}),
    Bad("client id cut short before MQTT 5", connect_of(0x02, b"\0\5ab"), {CLOSE}, levels=NOT_5),
    Bad("will flag without a will", connect_of(0x06, ID), MALFORMED),
    Bad("will flag without a will before MQTT 5", connect_of(0x06, ID), {CLOSE}, levels=NOT_5),
    Bad("user name without its flag", connect_of(0x02, ID + field16("u")), MALFORMED),
    Bad("user name flag without a user name", connect_of(0x82, ID), MALFORMED,
        {CLOSE, *MALFORMED}),
    Bad("user name flag without a user name before MQTT 5", connect_of(0x82, ID), {CLOSE},
        levels=(V311,)),
    # Text.
    Bad("client id with U+0000", client_id(b"a\0b"), {0x85}),
    Bad("client id with a surrogate", client_id(b"\xed\xa0\x80"), {0x85}),
    Bad("client id that is not UTF-8", client_id(b"\xff"), {0x85, 0x81}),
    Bad("client id with U+0000 before MQTT 5", client_id(b"a\0b"), {CLOSE, 2}, {CLOSE, 2},
        levels=NOT_5),
    Bad("client id that is not UTF-8 before MQTT 5", client_id(b"\xff"), {CLOSE, 2}, {CLOSE, 2},
        levels=NOT_5),
    Bad("will topic that is empty", will_topic(""), PROTOCOL),
    Bad("will topic with a wildcard", will_topic("a/#"), {0x81, 0x82, 0x90}, NO_MATTER_HOW),
    Bad("will topic with a wildcard before MQTT 5", will_topic("a/#"), {CLOSE}, levels=NOT_5),
    Bad("will topic that is not UTF-8", will_topic(b"\xff"), EITHER, {CLOSE, *EITHER}),
    # Properties, of the connection and of the will.
    Bad("property that does not exist", connect_of(0x02, ID, b"\2\x7f\0"), MALFORMED),
    Bad("property length over the end", connect_of(0x02, ID, b"\x7f\x21\0"), MALFORMED),
    Bad("property cut short", connect_of(0x02, ID, b"\2\x21\0"), MALFORMED),
    Bad("session expiry twice", connect_with(*[("session_expiry_interval", 1)] * 2), PROTOCOL),
    Bad("receive maximum twice", connect_with(*[("receive_maximum", 1)] * 2), PROTOCOL),
    Bad("receive maximum 0", connect_with(("receive_maximum", 0)), PROTOCOL),
    Bad("maximum packet size 0", connect_with(("maximum_packet_size", 0)), PROTOCOL),
    Bad("request problem information 2", connect_with(("request_problem_information", 2)),
        PROTOCOL),
    Bad("request response information 2", connect_with(("request_response_information", 2)),
        PROTOCOL),
    Bad("property of another packet", connect_with(("topic_alias", 1)), EITHER),
    Bad("will property of another packet", will_with(("topic_alias", 1)), EITHER),
    Bad("will delay twice", will_with(*[("will_delay_interval", 1)] * 2), PROTOCOL),
    Bad("will payload format 2", will_with(("payload_format_indicator", 2)), EITHER,
        tombo=True),
    Bad("authentication data without a method", connect_with(("authentication_data", b"x")),
        PROTOCOL, {CLOSE, 0, *PROTOCOL}),
]


def each_bad_connect():
    for bad in BAD:
        for level in bad.levels:
            marks = [pytest.mark.tombo] if bad.tombo else []
            yield pytest.param(bad, level, marks=marks, id=f"{bad.name}, level {level}")


@pytest.mark.parametrize("bad, level", each_bad_connect())
def test_a_bad_connect_is_refused(target, bad, level):
    with raw.RawClient(target.port, level) as client:
        client.send(bad.build(level))
        try:
            answer = client.receive()
        except raw.Closed:
            outcome = CLOSE
        else:
            assert answer.name == "CONNACK"
            outcome = answer.reason
            if outcome:
                assert client.ends() == [], "a refused connection must be closed"
    assert outcome in (bad.new if target.generation == "2.1" else bad.old)
    assert target.undisturbed()


@pytest.mark.parametrize("version", [2, 6, 7])
def test_an_unknown_version_is_answered_in_the_words_of_the_generation(target, version):
    with raw.RawClient(target.port) as client:
        client.send(raw.connect("bad", version))
        answer = client.receive()
        first_byte = bytes([answer.kind << 4 | answer.flags, len(answer.body)])
        expected = "2003008400" if target.generation == "2.1" else "20020001"
        assert (first_byte + answer.body).hex() == expected
        assert client.ends() == []
    assert target.undisturbed()


@pytest.mark.parametrize("version", [0x83, 0x84])
def test_the_bridge_bit_does_not_make_a_version_unknown(target, version):
    """Mosquitto's bridges set it (try_private)."""
    with raw.RawClient(target.port) as client:
        name = "MQIsdp" if version == 0x83 else "MQTT"
        client.send(raw.connect("bridge", version, clean=True, protocol_name=name))
        assert client.receive().reason == 0


FIRST_PACKETS = {
    "PUBLISH": raw.publish("bystander", "intruder"),
    "SUBSCRIBE": raw.subscribe(1, [("#", 0)]),
    "UNSUBSCRIBE": raw.unsubscribe(1, ["#"]),
    "PINGREQ": packet(raw.PINGREQ),
    "PUBACK": raw.acknowledge(raw.PUBACK, 1),
    "CONNACK": packet(raw.CONNACK, b"\0\0"),
    "DISCONNECT": packet(raw.DISCONNECT),
    "AUTH": packet(raw.AUTH),
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
    "a TLS hello": bytes.fromhex("1603010200010001fc0303") + bytes(range(256)),
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "CONNECT with flags": b"\x11" + raw.connect("bad")[1:],
    "a remaining length of five bytes": b"\x10\x80\x80\x80\x80\x01",
}


@pytest.mark.parametrize("name", FIRST_PACKETS)
def test_a_connection_that_does_not_start_with_connect_is_closed(target, name):
    with raw.RawClient(target.port) as client:
        client.send(FIRST_PACKETS[name])
        assert client.ends() == []
    assert target.undisturbed()


def test_a_connect_byte_by_byte_is_slow_but_good(target):
    with raw.RawClient(target.port, V5) as client:
        for byte in raw.connect("slow", V5, properties=[("session_expiry_interval", 0)]):
            client.send(bytes([byte]))
        assert client.receive().reason == 0
        for byte in raw.subscribe(1, [("slow", 1)], V5) + raw.publish(
                "slow", "x", 1, packet_id=2, version=V5):
            client.send(bytes([byte]))
        client.wait_for(raw.SUBACK, 1)
        client.wait_for(raw.PUBACK, 2)
        assert client.payloads(1) == ["x"]


def test_packets_may_follow_connect_at_once(target):
    with raw.RawClient(target.port) as client:
        client.send(raw.connect("hasty") + raw.subscribe(1, [("hasty", 0)]) +
                    raw.publish("hasty", "x") + packet(raw.PINGREQ))
        kinds = {client.receive().name for _ in range(4)}
    assert kinds == {"CONNACK", "SUBACK", "PUBLISH", "PINGRESP"}


def connections(port, count, data):
    made = []
    for _ in range(count):
        client = raw.RawClient(port)
        client.send(data)
        made.append(client)
    return made


def test_200_unfinished_connects_hold_up_nobody(target):
    before = target.broker.rss_bytes()
    lurkers = connections(target.port, 200, raw.connect("lurker")[:-3])
    try:
        for _ in range(20):
            assert target.undisturbed()
        with target.connected(V5, "newcomer") as newcomer:
            assert newcomer.ping()
        assert target.broker.rss_bytes() - before < 8 << 20
        # They may still complete what they began.
        lurkers[0].send(raw.connect("lurker")[-3:])
        assert lurkers[0].receive().reason == 0
    finally:
        for lurker in lurkers:
            lurker.close()


@pytest.mark.parametrize("announced", [b"\xff\xff\xff\x7f", b"\x80\x80\x80\x40"])
def test_a_huge_connect_is_not_given_its_memory(target, announced):
    before = target.broker.rss_bytes()
    data = b"\x10" + announced + head(V311, 2) + field16("x" * 20)
    liars = connections(target.port, 100, data)
    try:
        assert target.undisturbed()
        assert target.broker.rss_bytes() - before < 16 << 20
    finally:
        for liar in liars:
            liar.close()


def test_connections_that_say_nothing_cost_little(target):
    before = target.broker.rss_bytes()
    mute = connections(target.port, 300, b"")
    try:
        assert target.undisturbed()
        assert target.broker.rss_bytes() - before < 8 << 20
    finally:
        for client in mute:
            client.close()
