"""What MQTT 5 adds: properties, aliases, limits both ways, identifiers, reason codes, requests."""
import re
import threading

import pytest
from paho.mqtt.subscribeoptions import SubscribeOptions

import raw
from broker import let_pass
from clients import (Paho, Subscriber, lines_of, mosquitto_pub, mosquitto_rr, properties_for)

NO_LOCAL = 0x04
AUTO_ID = r"auto-[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"


def v5(raw_client, client_id=None, **options):
    return raw_client(client_id, raw.V5, **options)


# --- properties of messages ---

def test_properties_make_the_round_trip(paho):
    subscriber, publisher = paho(), paho()
    subscriber.subscribe("p", qos=1)
    publisher.publish("p", "x", qos=1, properties=properties_for(
        "PUBLISH", payload_format_indicator=1, content_type="text/plain", response_topic="r/t",
        correlation_data=b"\0\xff\1",
        user_property=[("b", "1"), ("a", "2"), ("b", "1"), ("", ""), ("ü", "日本")]))
    got = subscriber.receive().properties
    assert (got.PayloadFormatIndicator, got.ContentType) == (1, "text/plain")
    assert (got.ResponseTopic, got.CorrelationData) == ("r/t", b"\0\xff\1")
    assert got.UserProperty == [("b", "1"), ("a", "2"), ("b", "1"), ("", ""), ("ü", "日本")]


def test_properties_from_the_command_line(broker):
    with Subscriber(broker, "-t", "p", "-C", "1", "-F", "%C|%R|%D|%F|%P|%E",
                    version="mqttv5") as subscriber:
        mosquitto_pub(broker, "-t", "p", "-m", "x", "-D", "publish", "content-type", "a/b",
                      "-D", "publish", "response-topic", "r", "-D", "publish", "correlation-data",
                      "cd", "-D", "publish", "payload-format-indicator", "1", "-D", "publish",
                      "user-property", "k1", "v1", "-D", "publish", "user-property", "k2", "v2",
                      "-D", "publish", "message-expiry-interval", "600", version="mqttv5")
        line, = subscriber.finish()
    assert re.fullmatch(r"a/b\|r\|cd\|1\|k1:v1 k2:v2\|(600|599)", line), line


def test_properties_keep_the_order_of_the_publisher(raw_client):
    given = [("user_property", ("z", "1")), ("correlation_data", b"c"), ("content_type", "t"),
             ("user_property", ("a", "2")), ("payload_format_indicator", 0),
             ("response_topic", "r")]
    subscriber = v5(raw_client)
    subscriber.subscribe("p")
    v5(raw_client).publish("p", "x", properties=given)
    assert subscriber.collect(1)[0].properties == given


@pytest.mark.tombo
def test_the_subscription_identifier_is_the_last_property(raw_client):
    given = [("user_property", ("z", "1")), ("content_type", "t"), ("user_property", ("a", "2"))]
    subscriber = v5(raw_client)
    subscriber.subscribe("p", properties=[("subscription_identifier", 5)])
    v5(raw_client).publish("p", "x", properties=given)
    assert subscriber.collect(1)[0].properties == [*given, ("subscription_identifier", 5)]


def test_older_clients_get_the_message_without_properties(raw_client):
    subscriber = raw_client(version=raw.V311)
    subscriber.subscribe("p")
    v5(raw_client).publish("p", "x", properties=[("user_property", ("k", "v"))])
    assert subscriber.payloads(1) == ["x"]


def test_100_user_properties(raw_client):
    given = [("user_property", (f"key {number}", "v" * number)) for number in range(100)]
    subscriber = v5(raw_client)
    subscriber.subscribe("p")
    v5(raw_client).publish("p", "x", properties=given)
    assert subscriber.collect(1)[0].properties == given


def test_the_expiry_interval_counts_down(raw_client):
    stays = {"clean": False, "properties": [("session_expiry_interval", 60)]}
    subscriber = v5(raw_client, "away", **stays)
    subscriber.subscribe("p", qos=1)
    subscriber.disconnect()
    v5(raw_client).publish("p", "x", qos=1, properties=[("message_expiry_interval", 100)])
    let_pass(1.1)
    message, = v5(raw_client, "away", **stays).collect(1)
    assert 90 <= message.property("message_expiry_interval") <= 99


# --- topic aliases ---

def test_a_publisher_uses_an_alias(raw_client):
    subscriber, publisher = v5(raw_client), v5(raw_client)
    subscriber.subscribe("long/topic/#")
    alias = {"properties": [("topic_alias", 3)]}
    publisher.publish("long/topic/1", "sets", **alias)
    publisher.publish("", "uses", **alias)
    publisher.publish("long/topic/2", "changes", **alias)
    publisher.publish("", "uses the new one", **alias)
    got = subscriber.collect(4)
    assert [message.topic for message in got] == ["long/topic/1"] * 2 + ["long/topic/2"] * 2
    assert all(message.property("topic_alias") is None for message in got)


def test_mosquitto_pub_uses_an_alias(broker):
    with Subscriber(broker, "-v", "-t", "al/#", "-C", "3", version="mqttv5") as subscriber:
        mosquitto_pub(broker, "-t", "al/ias", "-l", "-D", "publish", "topic-alias", "1",
                      stdin="one\ntwo\nthree\n", version="mqttv5")
        assert subscriber.finish() == ["al/ias one", "al/ias two", "al/ias three"]


def test_aliases_end_with_the_connection(raw_client):
    stays = {"clean": False, "properties": [("session_expiry_interval", 60)]}
    first = v5(raw_client, "aliaser", **stays)
    first.publish("t", "x", qos=1, properties=[("topic_alias", 1)])
    first.disconnect()
    back = v5(raw_client, "aliaser", **stays)
    back.send(raw.publish("", "x", version=raw.V5, properties=[("topic_alias", 1)]))
    assert [found.reason for found in back.ends()] == [0x82]


@pytest.mark.conf("listener:", "max_topic_alias 3")
def test_max_topic_alias(raw_client):
    client = v5(raw_client)
    assert client.connack.property("topic_alias_maximum") == 3
    client.publish("t", "x", qos=1, properties=[("topic_alias", 3)])
    client.send(raw.publish("t", "x", version=raw.V5, properties=[("topic_alias", 4)]))
    assert [found.reason for found in client.ends()] == [0x94]


@pytest.mark.tombo
@pytest.mark.conf("compatibility 2.1")
def test_the_broker_gives_out_aliases_first_come_first_served(raw_client):
    subscriber = v5(raw_client, properties=[("topic_alias_maximum", 2)])
    subscriber.subscribe("al/#")
    publisher = v5(raw_client)
    for topic in ("al/1", "al/2", "al/3", "al/1", "al/2", "al/3"):
        publisher.publish(topic, topic)
    got = [(message.topic, message.property("topic_alias")) for message in subscriber.collect(6)]
    assert got == [("al/1", 1), ("al/2", 2), ("al/3", None), ("", 1), ("", 2), ("al/3", None)]


@pytest.mark.tombo
@pytest.mark.conf("compatibility 2.0")
def test_no_aliases_from_the_broker_in_generation_2_0(raw_client):
    subscriber = v5(raw_client, properties=[("topic_alias_maximum", 2)])
    subscriber.subscribe("al/#")
    publisher = v5(raw_client)
    for _ in range(2):
        publisher.publish("al/1", "x")
    assert [message.property("topic_alias") for message in subscriber.collect(2)] == [None, None]


def test_no_aliases_for_clients_that_want_none(raw_client):
    subscriber = v5(raw_client)
    subscriber.subscribe("al/#")
    publisher = v5(raw_client)
    for _ in range(2):
        publisher.publish("al/1", "x")
    got = subscriber.collect(2)
    assert [(found.topic, found.property("topic_alias")) for found in got] == [("al/1", None)] * 2


# --- subscriptions ---

def test_subscription_identifiers_with_paho(paho):
    subscriber, publisher = paho(), paho()
    for number, text in ((1, "a/#"), (268435455, "b/+")):
        subscriber.subscribe(text, qos=1, properties=properties_for(
            "SUBSCRIBE", subscription_identifier=number))
    subscriber.subscribe("c", qos=1)
    for topic in ("a/x", "b/x", "c"):
        publisher.publish(topic, "x", qos=1)
    got = [getattr(message.properties, "SubscriptionIdentifier", None)
           for message in subscriber.receive(3)]
    assert got == [[1], [268435455], None]


def test_overlapping_subscriptions_show_every_identifier(raw_client):
    subscriber, publisher = v5(raw_client), v5(raw_client)
    subscriber.subscribe("o/#", properties=[("subscription_identifier", 1)])
    subscriber.subscribe("o/x", properties=[("subscription_identifier", 2)])
    subscriber.subscribe("end")
    publisher.publish("o/x", "x")
    publisher.publish("end", "end")
    found = subscriber.collect_until(b"end")
    assert sorted(number for message in found
                  for number in message.all_of("subscription_identifier")) == [1, 2]


def test_a_new_subscribe_replaces_the_identifier(raw_client):
    subscriber, publisher = v5(raw_client), v5(raw_client)
    subscriber.subscribe("o", properties=[("subscription_identifier", 1)])
    subscriber.subscribe("o", properties=[("subscription_identifier", 2)])
    publisher.publish("o", "x")
    assert subscriber.collect(1)[0].all_of("subscription_identifier") == [2]


def test_no_local_with_paho(paho):
    client, other = paho(), paho()
    client.subscribe("n", options=SubscribeOptions(qos=1, noLocal=True))
    client.publish("n", "own", qos=1)
    other.publish("n", "foreign", qos=1)
    assert client.receive().payload == b"foreign"


def test_no_local_looks_at_the_client_and_not_the_subscription(raw_client):
    client = v5(raw_client)
    client.subscribe("n/#", options=NO_LOCAL)
    client.subscribe("end")
    client.publish("n/1", "own")
    client.publish("end", "end")
    assert client.collect_until(b"end") == []


# --- shared subscriptions ---

@pytest.mark.parametrize("level", [raw.V311, raw.V5])
def test_a_shared_subscription_goes_round_its_members(raw_client, level):
    members = [raw_client(version=level) for _ in range(3)]
    for member in members:
        member.subscribe("$share/group/work/#", qos=1)
    publisher = raw_client(version=level)
    for number in range(30):
        publisher.publish("work/x", str(number), qos=1)
    got = [[int(text) for text in member.payloads(10)] for member in members]
    assert sorted(sum(got, [])) == list(range(30))
    assert all(numbers == sorted(numbers) for numbers in got)
    for numbers in got:
        assert {later - before for before, later in zip(numbers, numbers[1:])} == {3}


def test_mosquitto_sub_shares(broker):
    words = ["-t", "$share/g/w", "-C", "5", "-q", "1"]
    with Subscriber(broker, *words, version="mqttv5") as one:
        with Subscriber(broker, *words, version="mqttv5") as two:
            mosquitto_pub(broker, "-t", "w", "-q", "1", "-l", version="mqttv5",
                          stdin="".join(f"{number}\n" for number in range(10)))
            assert sorted(one.finish() + two.finish()) == [str(number) for number in range(10)]


@pytest.mark.parametrize("leave", ["unsubscribe", "disconnect", "close"])
def test_a_member_that_leaves_gets_nothing_more(broker, raw_client, leave):
    stays, goes, publisher = v5(raw_client), v5(raw_client, "goes"), v5(raw_client)
    for member in (stays, goes):
        member.subscribe("$share/g/w", qos=1)
    if leave == "unsubscribe":
        goes.unsubscribe("$share/g/w")
    elif leave == "disconnect":
        goes.disconnect()
    else:
        goes.close()
        broker.log.wait(r"Client goes.*(closed its connection|connection closed by client)")
    for number in range(10):
        publisher.publish("w", str(number), qos=1)
    assert stays.payloads(10) == [str(number) for number in range(10)]


@pytest.mark.tombo
def test_a_member_that_leaves_gives_back_what_it_did_not_acknowledge(raw_client):
    goes, publisher = v5(raw_client, "goes"), v5(raw_client)
    goes.subscribe("$share/g/w", qos=1)
    for number in range(5):
        publisher.publish("w", str(number), qos=1)
    for _ in range(5):
        goes.wait_for(raw.PUBLISH)
    stays = v5(raw_client)
    stays.subscribe("$share/g/w", qos=1)
    goes.close()
    assert sorted(stays.payloads(5)) == ["0", "1", "2", "3", "4"]


def test_groups_are_independent_of_each_other_and_of_plain_subscriptions(raw_client):
    filters = ["$share/g1/w", "$share/g2/w", "$share/g3/+", "w"]
    members = [v5(raw_client) for _ in filters]
    for member, text in zip(members, filters):
        member.subscribe(text, qos=1)
    v5(raw_client).publish("w", "x", qos=1)
    assert [member.payloads(1) for member in members] == [["x"]] * 4


@pytest.mark.tombo
def test_a_shared_subscription_gets_no_retained_messages(raw_client):
    publisher, member = v5(raw_client), v5(raw_client)
    publisher.publish("w", "retained", qos=1, retain=True)
    member.subscribe("$share/g/w", qos=1)
    publisher.publish("w", "live", qos=1)
    assert member.payloads(1) == ["live"]


@pytest.mark.tombo
def test_a_shared_subscription_with_no_local_is_a_protocol_error(raw_client):
    client = v5(raw_client)
    client.send(raw.subscribe(1, [("$share/g/w", NO_LOCAL)], raw.V5))
    assert [found.reason for found in client.ends()] == [0x82]


# --- limits ---

def nothing_more(client):
    """No packet before the answer to a ping."""
    return client.ping() and not client.inbox


def window_of_2(raw_client, published_qos):
    """A subscriber with Receive Maximum 2 and its first two messages."""
    subscriber, publisher = v5(raw_client, properties=[("receive_maximum", 2)]), v5(raw_client)
    subscriber.subscribe("w", qos=2)
    for number, qos in enumerate(published_qos):
        publisher.publish("w", str(number), qos)
    first, second = (subscriber.wait_for(raw.PUBLISH) for _ in range(2))
    assert (first.payload, second.payload) == (b"0", b"1")
    assert nothing_more(subscriber)
    return subscriber, first.packet_id, second.packet_id


@pytest.mark.parametrize("qos", [1, 2])
def test_the_receive_maximum_of_the_client_is_honoured(raw_client, qos):
    window_of_2(raw_client, [qos] * 4)


# Mosquitto 2.0.11 sends two queued messages for one acknowledgement.
@pytest.mark.tombo
def test_a_puback_makes_place_for_one_message(raw_client):
    subscriber, first, second = window_of_2(raw_client, [1, 1, 1, 1])
    for packet_id, payload in ((first, b"2"), (second, b"3")):
        subscriber.send(raw.acknowledge(raw.PUBACK, packet_id))
        assert subscriber.receive().payload == payload
        assert nothing_more(subscriber)


@pytest.mark.tombo
def test_a_pubcomp_makes_place_for_one_message(raw_client):
    subscriber, first, second = window_of_2(raw_client, [2, 2, 2, 2])
    for packet_id, payload in ((first, b"2"), (second, b"3")):
        # PUBREC alone does not give the place back, PUBCOMP does.
        subscriber.send(raw.acknowledge(raw.PUBREC, packet_id))
        subscriber.wait_for(raw.PUBREL, packet_id)
        assert nothing_more(subscriber)
        subscriber.send(raw.acknowledge(raw.PUBCOMP, packet_id))
        assert subscriber.receive().payload == payload
        assert nothing_more(subscriber)


@pytest.mark.tombo
def test_the_receive_maximum_counts_qos_1_and_qos_2_together(raw_client):
    subscriber, first, second = window_of_2(raw_client, [1, 2, 1, 2])
    subscriber.send(raw.acknowledge(raw.PUBACK, first))
    assert subscriber.receive().payload == b"2"
    assert nothing_more(subscriber)
    subscriber.send(raw.acknowledge(raw.PUBREC, second))
    subscriber.wait_for(raw.PUBREL, second)
    assert nothing_more(subscriber)
    subscriber.send(raw.acknowledge(raw.PUBCOMP, second))
    assert subscriber.receive().payload == b"3"


@pytest.mark.tombo
def test_a_pubrec_with_an_error_ends_the_exchange(raw_client):
    subscriber, first, second = window_of_2(raw_client, [2, 2, 2, 2])
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
def test_a_client_that_exceeds_the_receive_maximum_is_disconnected(raw_client):
    client = v5(raw_client)
    allowed = client.connack.property("receive_maximum")
    for packet_id in range(1, allowed + 2):
        client.send(raw.publish("w", "x", 2, packet_id=packet_id, version=raw.V5))
    packets = client.ends()
    assert packets[-1].kind == raw.DISCONNECT and packets[-1].reason == 0x93


def test_a_client_may_use_the_whole_receive_maximum(raw_client):
    client = v5(raw_client)
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
def test_the_maximum_packet_size_of_the_client_is_honoured(raw_client, qos):
    subscriber = v5(raw_client, properties=[("maximum_packet_size", 100)])
    subscriber.subscribe("w", qos=qos)
    publisher = v5(raw_client)
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
def test_max_keepalive_tells_the_client(raw_client):
    for asked in (60, 11):
        assert v5(raw_client, keep_alive_s=asked).connack.property("server_keep_alive") == 10
    assert v5(raw_client, keep_alive_s=10).connack.property("server_keep_alive") is None


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
def test_an_empty_client_id_gets_one_assigned(raw_client, clean):
    one, two = (v5(raw_client, "", clean=clean).connack.property("assigned_client_identifier")
                for _ in range(2))
    assert re.fullmatch(AUTO_ID, one) and re.fullmatch(AUTO_ID, two) and one != two


def test_an_assigned_client_id_can_be_used_to_return(raw_client):
    stays = {"clean": False, "properties": [("session_expiry_interval", 60)]}
    first = v5(raw_client, "", **stays)
    assigned = first.connack.property("assigned_client_identifier")
    first.disconnect()
    assert v5(raw_client, assigned, **stays).connack.session_present


def test_an_empty_client_id_in_older_versions(raw_client):
    assert raw_client("", raw.V311, clean=True).ping()
    for level, clean in ((raw.V311, False), (raw.V31, True)):
        client = raw_client(version=level, connect=False)
        client.connect("", clean=clean, expect=2)
        assert client.ends() == []


def test_an_unknown_authentication_method(raw_client):
    client = v5(raw_client, connect=False)
    client.connect("x", properties=[("authentication_method", "NONESUCH")], expect=0x8C)
    assert client.ends() == []


@pytest.mark.conf("allow_anonymous false")
def test_anonymous_clients_are_refused_when_told_so(raw_client, level):
    client = raw_client(version=level, connect=False)
    client.connect("x", expect=0x87 if level == raw.V5 else 5)
    assert client.ends() == []


# --- reason codes ---

@pytest.mark.parametrize("qos", [1, pytest.param(2, marks=pytest.mark.tombo)])
def test_a_message_nobody_wants_is_acknowledged_with_0x10(raw_client, qos):
    publisher, subscriber = v5(raw_client), v5(raw_client)
    assert publisher.publish("nobody", "x", qos=qos).reason == 0x10
    subscriber.subscribe("nobody")
    assert publisher.publish("nobody", "x", qos=qos).reason == 0
    subscriber.unsubscribe("nobody")
    assert publisher.publish("nobody", "x", qos=qos).reason == 0x10


def test_unsuback_tells_whether_there_was_a_subscription(raw_client):
    client = v5(raw_client)
    client.subscribe("there")
    client.send(raw.unsubscribe(9, ["there", "never", "there"], raw.V5))
    assert client.wait_for(raw.UNSUBACK, 9).reasons == [0x00, 0x11, 0x11]


@pytest.mark.tombo
def test_a_pubrel_for_an_unknown_packet_id_is_answered_with_0x92(raw_client):
    client = v5(raw_client)
    client.send(raw.acknowledge(raw.PUBREL, 77))
    assert client.wait_for(raw.PUBCOMP, 77).reason == 0x92


@pytest.mark.parametrize("wanted", [0, 1])
def test_request_problem_information_0_keeps_reason_strings_away(raw_client, wanted):
    client = v5(raw_client, properties=[("request_problem_information", wanted)])
    answers = [client.publish("nobody", "x", qos=1), client.subscribe("x"),
               client.unsubscribe("never")]
    client.send(raw.publish("x", "x", version=raw.V5, properties=[("topic_alias", 65535)]))
    answers += client.ends()
    assert answers[-1].reason == 0x94
    if not wanted:
        allowed = (raw.DISCONNECT, raw.CONNACK, raw.PUBLISH)
        for answer in answers:
            names = [name for name, _ in answer.properties]
            assert answer.kind in allowed or not {"reason_string", "user_property"} & set(names)


# --- requests and responses ---

def respond(responder, count=1):
    for _ in range(count):
        request = responder.receive()
        answer = {name: getattr(request.properties, camel)
                  for name, camel in (("correlation_data", "CorrelationData"),)
                  if hasattr(request.properties, camel)}
        responder.client.publish(request.properties.ResponseTopic, b"re: " + request.payload, 1,
                                 properties=properties_for("PUBLISH", **answer))


def test_mosquitto_rr_gets_its_answer(broker, paho):
    responder = paho()
    responder.subscribe("request", qos=1)
    worker = threading.Thread(target=respond, args=(responder,), daemon=True)
    worker.start()
    done = mosquitto_rr(broker, "-t", "request", "-e", "response/1", "-m", "question", "-q", "1",
                        "-D", "publish", "correlation-data", "ticket", "-F", "%p %D", "-W", "10")
    assert lines_of(done) == ["re: question ticket"]
    worker.join()


def test_mosquitto_rr_with_mqtt_3_1_1(broker, raw_client):
    responder = raw_client()
    responder.subscribe("request")

    def answer():
        responder.collect(1)
        responder.publish("response/2", "pong")
    worker = threading.Thread(target=answer, daemon=True)
    worker.start()
    done = mosquitto_rr(broker, "-t", "request", "-e", "response/2", "-m", "ping", "-W", "10",
                        version="mqttv311")
    assert lines_of(done) == ["pong"]
    worker.join()


@pytest.mark.tombo
def test_response_information_is_given_when_asked_for(raw_client):
    asked = {"properties": [("request_response_information", 1)]}
    one, two = (v5(raw_client, name, **asked).connack.property("response_information")
                for name in ("one", "two"))
    assert one and two and one != two
    assert not set("+#") & set(one + two)


def test_response_information_is_not_given_unasked(raw_client):
    assert v5(raw_client).connack.property("response_information") is None
    refused = v5(raw_client, properties=[("request_response_information", 0)])
    assert refused.connack.property("response_information") is None


def test_paho_connects_with_every_connect_property(broker):
    with Paho(broker, "mqttv5", "props", properties=properties_for(
            "CONNECT", session_expiry_interval=10, receive_maximum=5, maximum_packet_size=5000,
            topic_alias_maximum=5, request_response_information=0, request_problem_information=1,
            user_property=[("a", "b"), ("a", "c")])) as client:
        client.subscribe("x", qos=1)
        client.publish("x", "y", qos=1)
        assert client.receive().payload == b"y"
