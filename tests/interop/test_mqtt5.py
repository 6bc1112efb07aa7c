"""What MQTT 5 adds to messages and subscriptions: properties, aliases, identifiers, reasons."""
import re

import pytest
from paho.mqtt.subscribeoptions import SubscribeOptions

import raw
from broker import let_pass
from clients import Subscriber, mosquitto_pub, properties_for

NO_LOCAL = 0x04


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


def test_properties_keep_the_order_of_the_publisher(v5_client):
    given = [("user_property", ("z", "1")), ("correlation_data", b"c"), ("content_type", "t"),
             ("user_property", ("a", "2")), ("payload_format_indicator", 0),
             ("response_topic", "r")]
    subscriber = v5_client()
    subscriber.subscribe("p")
    v5_client().publish("p", "x", properties=given)
    assert subscriber.collect(1)[0].properties == given


@pytest.mark.tombo
def test_the_subscription_identifier_is_the_last_property(v5_client):
    given = [("user_property", ("z", "1")), ("content_type", "t"), ("user_property", ("a", "2"))]
    subscriber = v5_client()
    subscriber.subscribe("p", properties=[("subscription_identifier", 5)])
    v5_client().publish("p", "x", properties=given)
    assert subscriber.collect(1)[0].properties == [*given, ("subscription_identifier", 5)]


def test_older_clients_get_the_message_without_properties(raw_client, v5_client):
    subscriber = raw_client(version=raw.V311)
    subscriber.subscribe("p")
    v5_client().publish("p", "x", properties=[("user_property", ("k", "v"))])
    assert subscriber.payloads(1) == ["x"]


def test_100_user_properties(v5_client):
    given = [("user_property", (f"key {number}", "v" * number)) for number in range(100)]
    subscriber = v5_client()
    subscriber.subscribe("p")
    v5_client().publish("p", "x", properties=given)
    assert subscriber.collect(1)[0].properties == given


def test_the_expiry_interval_counts_down(v5_client):
    stays = {"clean": False, "properties": [("session_expiry_interval", 60)]}
    subscriber = v5_client("away", **stays)
    subscriber.subscribe("p", qos=1)
    subscriber.disconnect()
    v5_client().publish("p", "x", qos=1, properties=[("message_expiry_interval", 100)])
    let_pass(1.1)
    message, = v5_client("away", **stays).collect(1)
    assert 90 <= message.property("message_expiry_interval") <= 99


# --- topic aliases ---

def test_a_publisher_uses_an_alias(v5_client):
    subscriber, publisher = v5_client(), v5_client()
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


def test_aliases_end_with_the_connection(v5_client):
    stays = {"clean": False, "properties": [("session_expiry_interval", 60)]}
    first = v5_client("aliaser", **stays)
    first.publish("t", "x", qos=1, properties=[("topic_alias", 1)])
    first.disconnect()
    back = v5_client("aliaser", **stays)
    back.send(raw.publish("", "x", version=raw.V5, properties=[("topic_alias", 1)]))
    assert [found.reason for found in back.ends()] == [0x82]


@pytest.mark.conf("listener:", "max_topic_alias 3")
def test_max_topic_alias(v5_client):
    client = v5_client()
    assert client.connack.property("topic_alias_maximum") == 3
    client.publish("t", "x", qos=1, properties=[("topic_alias", 3)])
    client.send(raw.publish("t", "x", version=raw.V5, properties=[("topic_alias", 4)]))
    assert [found.reason for found in client.ends()] == [0x94]


@pytest.mark.tombo
@pytest.mark.conf("compatibility 2.1")
def test_the_broker_gives_out_aliases_first_come_first_served(v5_client):
    subscriber = v5_client(properties=[("topic_alias_maximum", 2)])
    subscriber.subscribe("al/#")
    publisher = v5_client()
    for topic in ("al/1", "al/2", "al/3", "al/1", "al/2", "al/3"):
        publisher.publish(topic, topic)
    got = [(message.topic, message.property("topic_alias")) for message in subscriber.collect(6)]
    assert got == [("al/1", 1), ("al/2", 2), ("al/3", None), ("", 1), ("", 2), ("al/3", None)]


@pytest.mark.tombo
@pytest.mark.conf("compatibility 2.0")
def test_no_aliases_from_the_broker_in_generation_2_0(v5_client):
    subscriber = v5_client(properties=[("topic_alias_maximum", 2)])
    subscriber.subscribe("al/#")
    publisher = v5_client()
    for _ in range(2):
        publisher.publish("al/1", "x")
    assert [message.property("topic_alias") for message in subscriber.collect(2)] == [None, None]


def test_no_aliases_for_clients_that_want_none(v5_client):
    subscriber = v5_client()
    subscriber.subscribe("al/#")
    publisher = v5_client()
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


def test_overlapping_subscriptions_show_every_identifier(v5_client):
    subscriber, publisher = v5_client(), v5_client()
    subscriber.subscribe("o/#", properties=[("subscription_identifier", 1)])
    subscriber.subscribe("o/x", properties=[("subscription_identifier", 2)])
    subscriber.subscribe("end")
    publisher.publish("o/x", "x")
    publisher.publish("end", "end")
    found = subscriber.collect_until(b"end")
    assert sorted(number for message in found
                  for number in message.all_of("subscription_identifier")) == [1, 2]


def test_a_new_subscribe_replaces_the_identifier(v5_client):
    subscriber, publisher = v5_client(), v5_client()
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


def test_no_local_looks_at_the_client_and_not_the_subscription(v5_client):
    client = v5_client()
    client.subscribe("n/#", options=NO_LOCAL)
    client.subscribe("end")
    client.publish("n/1", "own")
    client.publish("end", "end")
    assert client.collect_until(b"end") == []


# --- reason codes ---

@pytest.mark.parametrize("qos", [1, pytest.param(2, marks=pytest.mark.tombo)])
def test_a_message_nobody_wants_is_acknowledged_with_0x10(v5_client, qos):
    publisher, subscriber = v5_client(), v5_client()
    assert publisher.publish("nobody", "x", qos=qos).reason == 0x10
    subscriber.subscribe("nobody")
    assert publisher.publish("nobody", "x", qos=qos).reason == 0
    subscriber.unsubscribe("nobody")
    assert publisher.publish("nobody", "x", qos=qos).reason == 0x10


def test_unsuback_tells_whether_there_was_a_subscription(v5_client):
    client = v5_client()
    client.subscribe("there")
    client.send(raw.unsubscribe(9, ["there", "never", "there"], raw.V5))
    assert client.wait_for(raw.UNSUBACK, 9).reasons == [0x00, 0x11, 0x11]


@pytest.mark.tombo
def test_a_pubrel_for_an_unknown_packet_id_is_answered_with_0x92(v5_client):
    client = v5_client()
    client.send(raw.acknowledge(raw.PUBREL, 77))
    assert client.wait_for(raw.PUBCOMP, 77).reason == 0x92


@pytest.mark.parametrize("wanted", [0, 1])
def test_request_problem_information_0_keeps_reason_strings_away(v5_client, wanted):
    client = v5_client(properties=[("request_problem_information", wanted)])
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
