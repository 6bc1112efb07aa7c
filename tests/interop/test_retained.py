"""Retained messages: new and present subscribers, replacing, clearing, options of MQTT 5."""
import pytest

import raw
from broker import wait_until
from clients import Paho, Subscriber, lines_of, mosquitto_pub, mosquitto_sub

RETAIN_AS_PUBLISHED = 0x08
SEND_IF_NEW, DO_NOT_SEND = 0x10, 0x20
SHOW = ["-v", "-F", "%t %r %p"]


def retained(client, publisher, text, topic=None, options=0):
    """Subscribes and returns the retained messages; the live sentinel comes after them."""
    client.subscribe(text, options=options)
    publisher.publish(topic or text, "end")
    return client.collect_until(b"end")


def test_a_new_subscriber_gets_the_retained_message(broker, version):
    mosquitto_pub(broker, "-t", "state", "-r", "-m", "on", version=version)
    done = mosquitto_sub(broker, *SHOW, "-t", "state", "-C", "1", version=version)
    assert lines_of(done) == ["state 1 on"]


def test_a_present_subscriber_gets_it_live_without_the_flag(broker, version):
    with Subscriber(broker, *SHOW, "-t", "state", "-C", "1", version=version) as present:
        mosquitto_pub(broker, "-t", "state", "-r", "-m", "on", version=version)
        assert present.finish() == ["state 0 on"]


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_a_retained_message_comes_at_the_lower_qos(broker, qos):
    mosquitto_pub(broker, "-t", "state", "-r", "-q", "1", "-m", "on")
    done = mosquitto_sub(broker, "-F", "%q %p", "-t", "state", "-q", qos, "-C", "1")
    assert lines_of(done) == [f"{min(1, int(qos))} on"]


def test_the_last_message_replaces_the_one_before(raw_client, level):
    publisher = raw_client(version=level)
    for text in ("old", "older", "newest"):
        publisher.publish("state", text, qos=1, retain=True)
    found, = retained(raw_client(version=level), publisher, "state")
    assert (found.payload, found.retain) == (b"newest", True)


def test_a_message_without_the_flag_leaves_the_retained_one(raw_client, level):
    publisher = raw_client(version=level)
    publisher.publish("state", "kept", qos=1, retain=True)
    publisher.publish("state", "passing", qos=1)
    found, = retained(raw_client(version=level), publisher, "state")
    assert found.payload == b"kept"


def test_an_empty_payload_clears(broker, version, raw_client):
    mosquitto_pub(broker, "-t", "state", "-r", "-m", "on", version=version)
    with Subscriber(broker, *SHOW, "-t", "state", "-C", "2", version=version) as present:
        present.wait_messages(1)
        mosquitto_pub(broker, "-t", "state", "-r", "-n", version=version)
        assert present.finish() == ["state 1 on", "state 0 "]
    assert retained(raw_client(), raw_client(), "state") == []


def test_a_retained_message_outlives_its_publisher_and_a_clean_session(raw_client):
    publisher = raw_client("once")
    publisher.publish("state", "on", qos=1, retain=True)
    publisher.disconnect()
    raw_client("once", clean=True).disconnect()
    assert [found.payload for found in retained(raw_client(), raw_client(), "state")] == [b"on"]


def test_a_second_subscribe_sends_retained_messages_again(raw_client, level):
    publisher, client = raw_client(version=level), raw_client(version=level)
    publisher.publish("state", "on", qos=1, retain=True)
    for _ in range(2):
        assert [found.payload for found in retained(client, publisher, "state")] == [b"on"]


WILDCARDS = {"#": ["a", "a/b", "a/b/c", "b/b"], "+": ["a"], "a/#": ["a", "a/b", "a/b/c"],
             "+/b": ["a/b", "b/b"], "a/+/c": ["a/b/c"], "+/+/+": ["a/b/c"], "$x/#": ["$x/y"],
             "b": [], "+/+": ["a/b", "b/b"]}


@pytest.mark.parametrize("text", WILDCARDS)
def test_wildcards_find_retained_messages(raw_client, text):
    publisher, client = raw_client(), raw_client()
    for topic in ("a", "a/b", "a/b/c", "b/b", "$x/y"):
        publisher.publish(topic, topic, qos=1, retain=True)
    sentinel = text.replace("#", "zz").replace("+", "zz")
    found = retained(client, publisher, text, sentinel)
    assert sorted(message.topic for message in found) == WILDCARDS[text]
    assert all(message.retain for message in found)


def test_R_hides_retained_messages(broker):
    mosquitto_pub(broker, "-t", "state", "-r", "-m", "stale")
    with Subscriber(broker, "-R", "-t", "state", "-C", "1") as subscriber:
        mosquitto_pub(broker, "-t", "state", "-m", "fresh")
        assert subscriber.finish() == ["fresh"]


def test_retained_only_ends_at_the_first_live_message(broker, version):
    for topic in ("r/1", "r/2", "r/3"):
        mosquitto_pub(broker, "-t", topic, "-r", "-m", topic, version=version)
    with Subscriber(broker, "-t", "r/#", "--retained-only", version=version) as subscriber:
        subscriber.wait_messages(3)
        mosquitto_pub(broker, "-t", "r/4", "-m", "live", version=version)
        assert sorted(subscriber.finish()) == ["r/1", "r/2", "r/3"]


def test_remove_retained_clears_what_it_receives(broker, version, raw_client):
    for topic in ("r/1", "r/2", "keep"):
        mosquitto_pub(broker, "-t", topic, "-r", "-m", topic, version=version)
    with Subscriber(broker, "-t", "r/#", "--remove-retained", version=version):
        client, publisher = raw_client(), raw_client()

        def only_one_left():
            found = retained(client, publisher, "#", "zz")
            return [message.topic for message in found] == ["keep"]
        wait_until(only_one_left, what="removal of the retained messages")


@pytest.mark.parametrize("qos", ["0", "1"])
@pytest.mark.conf("max_queued_messages 0")
def test_2000_retained_messages_are_replayed(broker, raw_client, qos):
    publisher = raw_client()
    for number in range(2000):
        publisher.send(raw.publish(f"bulk/{number % 50}/{number}", str(number), retain=True))
    publisher.publish("bulk/done", "2000", qos=1, retain=True)
    done = mosquitto_sub(broker, "-t", "#", "-q", qos, "-C", "2001", "-F", "%r %p")
    assert sorted(lines_of(done)) == sorted(f"1 {number}" for number in range(2001))


@pytest.mark.conf("max_queued_messages 0")
def test_live_traffic_goes_on_while_retained_messages_are_replayed(raw_client):
    publisher = raw_client()
    for number in range(2000):
        publisher.send(raw.publish(f"bulk/{number}", b"x" * 200, retain=True))
    publisher.publish("bulk/done", "2000", qos=1, retain=True)
    reader, other = raw_client(), raw_client()
    other.subscribe("live")
    reader.send(raw.subscribe(1, [("bulk/#", 0)]))
    publisher.publish("live", "through")
    assert other.payloads(1) == ["through"]
    reader.wait_for(raw.SUBACK)
    assert len({message.topic for message in reader.collect(2001)}) == 2001


@pytest.mark.conf("retain_available false")
def test_retain_available_false(raw_client, level):
    client = raw_client(version=level)
    expected = 0 if level == raw.V5 else None
    assert client.connack.property("retain_available") == expected
    client.send(raw.publish("state", "x", retain=True, version=level))
    reasons = [found.reason for found in client.ends()]
    assert reasons == ([0x9A] if level == raw.V5 else [])


@pytest.mark.conf("retain_available false")
def test_retain_available_false_refuses_a_retained_will(raw_client):
    client = raw_client(version=raw.V5, connect=False)
    client.connect("will", will={"topic": "w", "retain": True}, expect=0x9A)
    client.ends()


def test_paho_sees_the_retain_flag(broker, version):
    with Paho(broker, version, "p") as publisher, Paho(broker, version, "s") as subscriber:
        publisher.publish("state", "old", qos=1, retain=True)
        subscriber.subscribe("state", 1)
        assert subscriber.receive().retain
        publisher.publish("state", "new", qos=1, retain=True)
        assert not subscriber.receive().retain


# --- MQTT 5 ---

def test_retain_as_published_keeps_the_flag(broker):
    with Subscriber(broker, *SHOW, "-t", "state", "-C", "2", "--retain-as-published",
                    version="mqttv5") as subscriber:
        mosquitto_pub(broker, "-t", "state", "-r", "-m", "on", version="mqttv5")
        mosquitto_pub(broker, "-t", "state", "-m", "passing", version="mqttv5")
        assert subscriber.finish() == ["state 1 on", "state 0 passing"]


def test_retain_handling_0_sends_at_every_subscribe(raw_client):
    publisher, client = raw_client(version=raw.V5), raw_client(version=raw.V5)
    publisher.publish("state", "on", qos=1, retain=True)
    for _ in range(2):
        assert len(retained(client, publisher, "state")) == 1


def test_retain_handling_1_sends_for_a_new_subscription_only(raw_client):
    publisher, client = raw_client(version=raw.V5), raw_client(version=raw.V5)
    publisher.publish("state", "on", qos=1, retain=True)
    assert len(retained(client, publisher, "state", options=SEND_IF_NEW)) == 1
    assert len(retained(client, publisher, "state", options=SEND_IF_NEW)) == 0
    client.unsubscribe("state")
    assert len(retained(client, publisher, "state", options=SEND_IF_NEW)) == 1


def test_retain_handling_1_counts_the_subscriptions_of_the_session(raw_client):
    publisher = raw_client(version=raw.V5)
    publisher.publish("state", "on", qos=1, retain=True)
    never = {"clean": False, "properties": [("session_expiry_interval", 300)]}
    first = raw_client("rh", raw.V5, **never)
    assert len(retained(first, publisher, "state", options=SEND_IF_NEW)) == 1
    first.disconnect()
    back = raw_client("rh", raw.V5, **never)
    assert len(retained(back, publisher, "state", options=SEND_IF_NEW)) == 0


def test_retain_handling_2_sends_nothing(raw_client):
    publisher, client = raw_client(version=raw.V5), raw_client(version=raw.V5)
    publisher.publish("state", "on", qos=1, retain=True)
    assert retained(client, publisher, "state", options=DO_NOT_SEND) == []


def test_a_retained_message_keeps_its_properties(raw_client):
    publisher, client = raw_client(version=raw.V5), raw_client(version=raw.V5)
    given = [("content_type", "text/plain"), ("response_topic", "answer/here"),
             ("correlation_data", b"\0\1\2"), ("user_property", ("k", "1")),
             ("user_property", ("k", "2")), ("payload_format_indicator", 1)]
    publisher.publish("state", "on", qos=1, retain=True, properties=given)
    found, = retained(client, publisher, "state")
    assert sorted(found.properties, key=str) == sorted(given, key=str)
    assert found.all_of("user_property") == [("k", "1"), ("k", "2")]


def test_a_retained_message_shows_the_subscription_identifier(raw_client):
    publisher, client = raw_client(version=raw.V5), raw_client(version=raw.V5)
    publisher.publish("state", "on", qos=1, retain=True)
    client.subscribe("state", properties=[("subscription_identifier", 77)])
    assert client.collect(1)[0].property("subscription_identifier") == 77


def test_a_retained_message_expires(raw_client):
    publisher, client = raw_client(version=raw.V5), raw_client(version=raw.V5)
    publisher.publish("state", "on", qos=1, retain=True,
                      properties=[("message_expiry_interval", 3)])
    found, = retained(client, publisher, "state")
    assert found.property("message_expiry_interval") in (2, 3)
    seen = set()

    def expired():
        found = retained(client, publisher, "state")
        seen.update(message.property("message_expiry_interval") for message in found)
        return not found
    wait_until(expired, what="expiry of the retained message")
    assert {1, 2} <= seen <= {1, 2, 3}
