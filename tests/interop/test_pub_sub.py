"""Publish and subscribe over TCP (MQTT-4.2-1): QoS, topics, wildcards, payloads, order."""
import itertools
import random

import pytest

import raw
from clients import Paho, Subscriber, mosquitto_pub, mosquitto_sub


def test_a_published_message_reaches_a_subscriber(broker, version):
    with Subscriber(broker, "-t", "test", "-C", "1", version=version) as subscriber:
        mosquitto_pub(broker, "-t", "test", "-m", "abc", version=version)
        assert subscriber.finish() == ["abc"]


def test_the_command_lines_of_the_manual_without_a_protocol_version(broker):
    with Subscriber(broker, "-t", "test", "-C", "1") as subscriber:
        mosquitto_pub(broker, "-t", "test", "-m", "abc")
        assert subscriber.finish() == ["abc"]


def test_every_protocol_version_talks_to_every_other(raw_client):
    subscribers = [raw_client(version=level) for level in raw.LEVELS.values()]
    for subscriber in subscribers:
        subscriber.subscribe("between/+", qos=2)
    for level in raw.LEVELS.values():
        publisher = raw_client(version=level)
        for qos in (0, 1, 2):
            publisher.publish(f"between/{qos}", f"from {level}", qos)
            for subscriber in subscribers:
                message, = subscriber.collect(1)
                assert (message.topic, message.qos) == (f"between/{qos}", qos)
                assert message.payload.decode() == f"from {level}"


@pytest.mark.parametrize("subscribed", [0, 1, 2])
def test_delivery_is_at_the_lower_of_both_qos(broker, version, subscribed):
    with Subscriber(broker, "-t", "qos/#", "-q", str(subscribed), "-C", "3", "-F", "%t %q %p",
                    version=version) as subscriber:
        for published in (0, 1, 2):
            mosquitto_pub(broker, "-t", f"qos/{published}", "-q", str(published), "-m", "x",
                          version=version)
        assert sorted(subscriber.finish()) == [
            f"qos/{published} {min(published, subscribed)} x" for published in (0, 1, 2)]


@pytest.mark.conf("upgrade_outgoing_qos true")
def test_upgrade_outgoing_qos_delivers_at_the_qos_of_the_subscription(raw_client):
    subscriber = raw_client()
    subscriber.subscribe("up", qos=2)
    raw_client().publish("up", "x", qos=0)
    assert subscriber.collect(1)[0].qos == 2


TOPICS = ["a", "a/b", "a/b/c", "/a", "/", "//", "a/", "a//b", "b/b", "A/b", "a b/c", "$a/b", "$a"]
FILTERS = {
    "#": ["a", "a/b", "a/b/c", "/a", "/", "//", "a/", "a//b", "b/b", "A/b", "a b/c"],
    "+": ["a"],
    "+/+": ["a/b", "/a", "/", "a/", "b/b", "A/b", "a b/c"],
    "+/b": ["a/b", "b/b", "A/b"],
    "a/#": ["a", "a/b", "a/b/c", "a/", "a//b"],
    "a/+": ["a/b", "a/"],
    "a/+/#": ["a/b", "a/b/c", "a/", "a//b"],
    "a/+/b": ["a//b"],
    "/+": ["/a", "/"],
    "/#": ["/a", "/", "//"],
    "+/+/+": ["a/b/c", "//", "a//b"],
    "/": ["/"],
    "a/": ["a/"],
    "a": ["a"],
    "$a/#": ["$a/b", "$a"],
    "$a/+": ["$a/b"],
    "+/b/#": ["a/b", "a/b/c", "b/b", "A/b"],
}


def test_wildcards_match_what_the_standard_says(raw_client, level):
    subscribers = {text: raw_client(version=level) for text in FILTERS}
    for text, subscriber in subscribers.items():
        subscriber.subscribe(text, "sentinel/for/the/end")
    publisher = raw_client(version=level)
    for topic in TOPICS:
        publisher.publish(topic, topic)
    publisher.publish("sentinel/for/the/end", "end")
    for text, subscriber in subscribers.items():
        found = subscriber.collect_until(b"end")
        assert [message.topic for message in found] == FILTERS[text], f"filter {text}"
        assert [message.payload.decode() for message in found] == FILTERS[text]


@pytest.mark.parametrize("text", FILTERS)
def test_a_wildcard_matches_when_nobody_else_subscribes(raw_client, text):
    subscriber, publisher = raw_client(), raw_client()
    subscriber.subscribe(text)
    for topic in TOPICS:
        publisher.publish(topic, topic)
    subscriber.subscribe("sentinel")
    publisher.publish("sentinel", "end")
    assert [message.topic for message in subscriber.collect_until(b"end")] == FILTERS[text]


def matches(filter_levels, topic_levels):
    """The rule of the standard, in the shortest form."""
    if filter_levels[:1] == ["#"]:
        return True
    if not filter_levels or not topic_levels:
        return not filter_levels and not topic_levels
    return (filter_levels[0] in ("+", topic_levels[0])
            and matches(filter_levels[1:], topic_levels[1:]))


@pytest.mark.conf("set_tcp_nodelay true")
def test_random_filters_match_as_the_rule_says(raw_client):
    source = random.Random(20260707)
    subscriber, publisher = raw_client(), raw_client()
    subscriber.subscribe("sentinel/of/this/test/only")

    def levels(words):
        return [source.choice(words) for _ in range(source.randint(1, 4))]
    for _ in range(100):
        filters = [levels(["a", "b", "", "+"]) + source.choice([[], ["#"]])
                   for _ in range(source.randint(1, 3))]
        texts = ["/".join(parts) for parts in filters if parts != [""]] or ["#"]
        topics = [parts for parts in (levels(["a", "b", ""]) for _ in range(10)) if parts != [""]]
        subscriber.subscribe(*texts)
        for parts in topics:
            publisher.publish("/".join(parts), "x")
        publisher.publish("sentinel/of/this/test/only", "end")
        got = {message.topic for message in subscriber.collect_until(b"end")}
        expected = {"/".join(parts) for parts in topics
                    if any(matches(text.split("/"), parts) for text in texts)}
        assert got == expected, texts
        subscriber.unsubscribe(*texts)
        # A sentinel that a wildcard also brought may still be on its way.
        publisher.publish("sentinel/of/this/test/only", "end of round")
        subscriber.collect_until(b"end of round")


@pytest.mark.parametrize("topic", ["日本語/トピック/🦜", "räksmörgås/ünï", "with space/ x", "/", "a//b",
                                   "/leading", "trailing/", "$dollar/x"])
def test_unusual_topics_pass_unchanged(broker, version, topic):
    with Subscriber(broker, "-v", "-t", topic, "-C", "1", version=version) as subscriber:
        mosquitto_pub(broker, "-t", topic, "-m", "x", version=version)
        assert subscriber.finish() == [f"{topic} x"]


def test_a_topic_of_65535_bytes(raw_client, level):
    topic = "t" * 65535
    subscriber = raw_client(version=level)
    assert subscriber.subscribe(topic, qos=1).reasons == [1]
    raw_client(version=level).publish(topic, "x", qos=1)
    assert subscriber.collect(1)[0].topic == topic


def test_a_topic_of_200_separators_is_the_deepest(raw_client, level):
    deepest = "/" * 200
    subscriber = raw_client(version=level)
    assert subscriber.subscribe(deepest, qos=1).reasons == [1]
    raw_client(version=level).publish(deepest, "x", qos=1)
    assert subscriber.collect(1)[0].topic == deepest


def test_a_topic_of_201_separators_ends_the_connection(broker, raw_client, level):
    for data in (raw.publish("/" * 201, version=level),
                 raw.subscribe(1, [("/" * 201, 0)], version=level)):
        client = raw_client(version=level)
        client.send(data)
        reasons = [found.reason for found in client.ends()]
        if level != raw.V5:
            assert reasons == []
        elif broker.is_tombo:
            assert reasons == [0x81]
        else:
            assert reasons in ([0x81], [0x82])


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_payload_of_1_mb(broker, version, qos):
    payload = bytes(range(256)) * 4096
    with Paho(broker, version, "big-sub") as subscriber:
        subscriber.subscribe("big", qos)
        with Paho(broker, version, "big-pub") as publisher:
            publisher.publish("big", payload, qos=qos)
            assert subscriber.receive().payload == payload


BINARY = bytes(range(256)) + b"\n\0\n"


def test_a_binary_payload_from_standard_input(broker, version):
    with Subscriber(broker, "-t", "bin", "-C", "1", "-F", "%x", version=version) as subscriber:
        mosquitto_pub(broker, "-t", "bin", "-s", stdin=BINARY, version=version)
        assert subscriber.finish() == [BINARY.hex()]


def test_a_binary_payload_from_a_file(broker, version, tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(BINARY)
    with Subscriber(broker, "-t", "bin", "-C", "1", "-F", "%x", version=version) as subscriber:
        mosquitto_pub(broker, "-t", "bin", "-f", str(path), version=version)
        assert subscriber.finish() == [BINARY.hex()]


def test_an_empty_payload_is_a_message(broker, version):
    with Subscriber(broker, "-v", "-t", "empty", "-C", "1", version=version) as subscriber:
        mosquitto_pub(broker, "-t", "empty", "-n", version=version)
        assert subscriber.finish() == ["empty (null)"]


def test_a_message_a_line_of_standard_input(broker, version):
    with Subscriber(broker, "-t", "lines", "-C", "3", "-q", "1", version=version) as subscriber:
        mosquitto_pub(broker, "-t", "lines", "-l", "-q", "1", stdin="one\ntwo\nthree\n",
                      version=version)
        assert subscriber.finish() == ["one", "two", "three"]


@pytest.mark.parametrize("qos", ["0", "1", "2"])
@pytest.mark.conf("max_queued_messages 0")
def test_10000_messages_arrive_in_order(broker, qos):
    numbers = [str(number) for number in range(10000)]
    with Subscriber(broker, "-t", "flow", "-q", qos, "-C", "10000") as subscriber:
        mosquitto_pub(broker, "-t", "flow", "-q", qos, "-l", stdin="\n".join(numbers) + "\n",
                      timeout_s=60)
        assert subscriber.finish(timeout_s=60) == numbers


def test_many_publishers_keep_their_own_order(raw_client):
    subscriber = raw_client()
    subscriber.subscribe("from/+", qos=1)
    publishers = [raw_client() for _ in range(10)]
    for number in range(50):
        for index, publisher in enumerate(publishers):
            publisher.send(raw.publish(f"from/{index}", str(number), 1, packet_id=number + 1))
    got = {}
    for message in subscriber.collect(500):
        got.setdefault(message.topic, []).append(int(message.payload))
    assert got == {f"from/{index}": list(range(50)) for index in range(10)}


def test_a_client_receives_what_it_publishes_itself(raw_client, level):
    client = raw_client(version=level)
    client.subscribe("own", qos=2)
    for qos in (0, 1, 2):
        client.publish("own", str(qos), qos)
    assert client.payloads(3) == ["0", "1", "2"]


def test_nothing_comes_after_an_unsubscribe(raw_client, level):
    subscriber = raw_client(version=level)
    subscriber.subscribe("gone/#", "stays")
    subscriber.unsubscribe("gone/#")
    publisher = raw_client(version=level)
    publisher.publish("gone/x", "never")
    publisher.publish("stays", "end")
    assert subscriber.payloads(1) == ["end"]


def test_mosquitto_sub_unsubscribes_with_U(broker):
    with Subscriber(broker, "-v", "-t", "u/1", "-t", "u/2", "-U", "u/1", "-C", "1") as subscriber:
        subscriber.stream.wait(r"received UNSUBACK")
        mosquitto_pub(broker, "-t", "u/1", "-m", "never")
        mosquitto_pub(broker, "-t", "u/2", "-m", "end")
        assert subscriber.finish() == ["u/2 end"]


def test_a_second_subscribe_to_a_filter_replaces_the_qos(raw_client, level):
    subscriber = raw_client(version=level)
    subscriber.subscribe("again", qos=2)
    assert subscriber.subscribe("again", qos=0).reasons == [0]
    raw_client(version=level).publish("again", "x", qos=2)
    assert subscriber.collect(1)[0].qos == 0


def test_every_filter_of_a_subscribe_gets_its_answer(raw_client, level):
    client = raw_client(version=level)
    client.send(raw.subscribe(7, [("q/0", 0), ("q/1", 1), ("q/2", 2)], level))
    assert client.wait_for(raw.SUBACK, 7).reasons == [0, 1, 2]


@pytest.mark.conf("allow_duplicate_messages false")
@pytest.mark.parametrize("level", [raw.V31, raw.V311,
                                   pytest.param(raw.V5, marks=pytest.mark.tombo)])
def test_overlapping_subscriptions_deliver_once(raw_client, level):
    subscriber = raw_client(version=level)
    subscriber.subscribe("over/#", "over/+", "over/lap", qos=1)
    publisher = raw_client(version=level)
    publisher.publish("over/lap", "one", qos=1)
    publisher.publish("over/lap", "two", qos=1)
    assert subscriber.payloads(2) == ["one", "two"]


@pytest.mark.tombo
@pytest.mark.conf("allow_duplicate_messages false")
def test_overlapping_subscriptions_deliver_at_the_highest_qos(raw_client):
    for order in itertools.permutations([("over/#", 0), ("over/+", 2), ("over/lap", 1)]):
        subscriber = raw_client()
        for text, qos in order:
            subscriber.subscribe(text, qos=qos)
        raw_client().publish("over/lap", "x", qos=2)
        assert subscriber.collect(1)[0].qos == 2, order
        subscriber.disconnect()


@pytest.mark.conf("allow_duplicate_messages true")
def test_overlapping_subscriptions_deliver_each_when_allowed(raw_client, level):
    subscriber = raw_client(version=level)
    subscriber.subscribe("over/#", "over/lap", "end")
    publisher = raw_client(version=level)
    publisher.publish("over/lap", "x")
    publisher.publish("end", "end")
    assert subscriber.payloads(3) == ["x", "x", "end"]


@pytest.mark.tombo
def test_the_default_for_overlapping_subscriptions_follows_the_compatibility(start_broker):
    for compatibility, count in (("2.0", 1), ("2.1", 2)):
        broker = start_broker(f"compatibility {compatibility}")
        with raw.RawClient(broker.port) as client:
            client.connect("overlap")
            client.subscribe("over/#", "over/lap", "end")
            client.publish("over/lap", "x")
            client.publish("end", "end")
            assert client.payloads(count + 1) == ["x"] * count + ["end"]


def test_a_url_names_broker_and_topic(broker, version):
    url = f"mqtt://127.0.0.1:{broker.port}/from/url"
    with Subscriber(broker, "-t", "from/url", "-C", "1", version=version) as subscriber:
        mosquitto_pub(broker, "-L", url, "-m", "x", version=version)
        assert subscriber.finish() == ["x"]


def test_paho_sees_what_mosquitto_pub_sends(broker, version):
    with Paho(broker, version, "paho-sub") as subscriber:
        subscriber.subscribe([("paho/a", 1), ("paho/+/b", 2)])
        mosquitto_pub(broker, "-t", "paho/x/b", "-q", "2", "-m", "two", version=version)
        message = subscriber.receive()
        assert (message.topic, message.payload, message.qos) == ("paho/x/b", b"two", 2)
        subscriber.unsubscribe("paho/+/b")
        mosquitto_pub(broker, "-t", "paho/x/b", "-m", "never", version=version)
        mosquitto_pub(broker, "-t", "paho/a", "-m", "one", version=version)
        assert subscriber.receive().payload == b"one"


def test_300_idle_clients_hear_a_message_each(broker, raw_client):
    clients = [raw_client() for _ in range(300)]
    for client in clients:
        client.subscribe("everybody")
    mosquitto_pub(broker, "-t", "everybody", "-m", "x")
    for client in clients:
        assert client.payloads(1) == ["x"]


def test_mosquitto_sub_gives_up_after_W(broker):
    done = mosquitto_sub(broker, "-t", "silence", "-W", "1", status=27)
    assert b"Timed out" in done.stdout + done.stderr


def test_a_subscriber_that_does_not_read_does_not_hold_up_the_others(raw_client):
    stuck, lively = raw_client(), raw_client()
    stuck.subscribe("load")
    lively.subscribe("load")
    publisher = raw_client()
    for number in range(200):
        publisher.publish("load", f"{number} ".ljust(65536))
        assert int(lively.payloads(1)[0]) == number
    assert lively.ping()
