"""The $SYS tree: all topics, their form, what they count, and that clients cannot write there."""
import re
import time

import pytest

import raw
from broker import running
from clients import Subscriber, lines_of, mosquitto_pub, mosquitto_sub

INTEGERS = [
    "clients/total", "clients/maximum", "clients/connected", "clients/active",
    "clients/disconnected", "clients/inactive", "clients/expired", "messages/stored",
    "store/messages/count", "store/messages/bytes", "subscriptions/count",
    "shared_subscriptions/count", "retained messages/count", "messages/received", "messages/sent",
    "bytes/received", "bytes/sent", "publish/bytes/received", "publish/bytes/sent",
    "publish/messages/dropped", "publish/messages/received", "publish/messages/sent",
    "refused/connect", "refused/publish", "refused/subscribe", "refused/delivery",
]
LIMITS = [f"limits/{name}" for name in (
    "connect_timeout", "connect_size", "pending_connections", "connection_rate",
    "login_failures_per_address", "login_failures_per_user", "rate_per_client", "rate_per_user",
    "subscriptions", "topic_levels", "user_properties", "will_size", "retained")]
SINCE_2_1 = ["packet/out/count", "packet/out/bytes", "connections/socket/count"]
LOADS = [f"load/{name}/{minutes}min" for minutes in (1, 5, 15) for name in (
    "messages/received", "messages/sent", "publish/dropped", "publish/received", "publish/sent",
    "bytes/received", "bytes/sent", "sockets", "connections")]


class View:
    """The latest value of every $SYS topic, seen by a client of its own."""

    def __init__(self, broker):
        self.broker, self.values = broker, {}
        self.client = raw.RawClient(broker.port)
        self.client.connect("sys-view", keep_alive_s=0)
        self.client.subscribe("$SYS/#")

    def wait(self, condition, timeout_s=10):
        """Reads on until `condition(values)` holds; values are those below $SYS/broker/."""
        deadline = time.monotonic() + timeout_s
        while not condition(self.values):
            left = deadline - time.monotonic()
            assert left > 0, f"not in time, last values: {self.values}"
            try:
                message = self.client.receive(left)
            except TimeoutError:
                continue
            prefix, _, name = message.topic.partition("$SYS/broker/")
            assert prefix == ""
            self.values[name] = message.payload.decode()
        return self.values


@pytest.fixture(scope="module")
def view(program):
    with running(program, "sys_interval 1") as broker:
        view = View(broker)
        yield view
        view.client.close()


@pytest.fixture
def client(view):
    """A connected client of the broker with $SYS."""
    clients = []

    def make(client_id, version=raw.V311, **options):
        made = raw.RawClient(view.broker.port, version)
        clients.append(made)
        made.connect(client_id, **options)
        return made
    yield make
    for made in clients:
        made.close()


def test_every_topic_is_there(view):
    wanted = {*INTEGERS, *LOADS, "version", "uptime"}
    values = view.wait(lambda values: wanted <= set(values))
    assert re.fullmatch(r"mosquitto version \d+\.\d+.*", values["version"])
    assert re.fullmatch(r"\d+ seconds", values["uptime"])
    for name in INTEGERS:
        assert re.fullmatch(r"\d+", values[name]), name
    for name in LOADS:
        assert re.fullmatch(r"\d+\.\d\d", values[name]), name


@pytest.mark.tombo
def test_the_topics_of_2_1_are_there(program):
    with running(program, "sys_interval 1", "compatibility 2.1") as broker:
        view = View(broker)
        values = view.wait(lambda values: set(SINCE_2_1) <= set(values))
        for name in SINCE_2_1:
            assert re.fullmatch(r"\d+", values[name]), name
        view.client.close()


@pytest.mark.tombo
def test_limits_against_abuse_are_counted(program):
    with running(program, "sys_interval 1", "max_topic_levels 3", "max_will_size 10",
                 "max_retained_bytes_per_client 300") as broker:
        view = View(broker)
        values = view.wait(lambda values: set(LIMITS) <= set(values))
        assert {values[name] for name in LIMITS} == {"0"}
        with raw.RawClient(broker.port, raw.V5) as client:
            client.connect("will", expect=0x95, will={"topic": "t", "payload": "x" * 20})
        with raw.RawClient(broker.port, raw.V5) as client:
            client.connect("many")
            client.subscribe("a/b/c/d", "a/b/c/d/e")
            client.publish("kept", "x" * 400, retain=True, qos=1)
        found = {"limits/will_size": "1", "limits/topic_levels": "2", "limits/retained": "1"}
        view.wait(lambda values: found.items() <= values.items())
        view.client.close()


def test_mosquitto_sub_shows_them(view):
    view.wait(lambda values: "version" in values)
    done = mosquitto_sub(view.broker, "-t", "$SYS/broker/version", "-C", "1", "-F", "%r %t %p")
    line, = lines_of(done)
    assert re.fullmatch(r"1 \$SYS/broker/version mosquitto version \d+\.\d+.*", line)


def test_they_are_sent_at_the_qos_that_was_subscribed(view):
    view.wait(lambda values: "version" in values)
    done = mosquitto_sub(view.broker, "-t", "$SYS/broker/version", "-q", "2", "-C", "1", "-F", "%q")
    assert lines_of(done) == ["2"]


def test_uptime_goes_on(view):
    def seconds(values):
        return int(values.get("uptime", "0").split()[0])
    first = seconds(view.wait(lambda values: "uptime" in values))
    view.wait(lambda values: seconds(values) > first)


def test_wildcards_at_the_start_do_not_show_them(view, client):
    view.wait(lambda values: "version" in values)
    reader = client("sys-reader")
    reader.subscribe("#", "+/broker/version", "+/#")
    client("sys-publisher").publish("visible", "end")
    assert reader.collect_until(b"end") == []


def test_one_topic_can_be_subscribed(view, client):
    view.wait(lambda values: "version" in values)
    reader = client("sys-one")
    reader.subscribe("$SYS/+/version")
    message, = reader.collect(1)
    assert (message.topic, message.retain) == ("$SYS/broker/version", True)


# --- counting: one story on a broker of its own, looked at twice ---

JOINED = {  # The view itself, one durable client, one that subscribes, one that publishes.
    "clients/connected": lambda value: value == 4,
    "clients/active": lambda value: value == 4,
    "clients/total": lambda value: value == 4,
    "clients/maximum": lambda value: value >= 4,
    "clients/disconnected": lambda value: value == 0,
    "subscriptions/count": lambda value: value >= 4,
    "shared_subscriptions/count": lambda value: value == 2,
    "retained messages/count": lambda value: value >= 500,
    "messages/received": lambda value: value >= 600,
    "messages/sent": lambda value: value >= 100,
    "bytes/received": lambda value: value >= 10000,
    "bytes/sent": lambda value: value >= 10000,
    "publish/messages/received": lambda value: value >= 100,
    "publish/messages/sent": lambda value: value >= 100,
    "publish/bytes/received": lambda value: value >= 10000,
    "publish/bytes/sent": lambda value: value >= 10000,
    "load/publish/received/1min": lambda value: value > 0,
    "load/connections/1min": lambda value: value > 0,
    "load/sockets/1min": lambda value: value > 0,
}
LEFT = {  # Only the view is connected; the durable client is remembered.
    "clients/connected": lambda value: value == 1,
    "clients/active": lambda value: value == 1,
    "clients/disconnected": lambda value: value == 1,
    "clients/inactive": lambda value: value == 1,
    "clients/total": lambda value: value == 2,
    "clients/expired": lambda value: value == 1,
    "clients/maximum": lambda value: value >= 4,
    "shared_subscriptions/count": lambda value: value == 0,
    "retained messages/count": lambda value: value < 200,
    "publish/messages/dropped": lambda value: value >= 10,
}


def settle(view, conditions):
    """The values as soon as all conditions hold, or after 8 s."""
    def hold(values):
        return all(name in values and condition(float(values[name]))
                   for name, condition in conditions.items())
    try:
        return dict(view.wait(hold, timeout_s=8))
    except AssertionError:
        return dict(view.values)


@pytest.fixture(scope="module")
def story(program):
    with running(program, "sys_interval 1", "max_queued_messages 1") as broker:
        view, told = View(broker), {}
        durable, subscriber, publisher = (raw.RawClient(broker.port, raw.V5) for _ in range(3))
        durable.connect("durable", clean=False, properties=[("session_expiry_interval", 600)])
        durable.subscribe("dropped", qos=1)
        subscriber.connect("subscriber")
        subscriber.subscribe("traffic", "some/+")
        subscriber.subscribe("$share/group/1", "$share/group/2/#")
        publisher.connect("publisher")
        for number in range(500):
            publisher.publish(f"retained/{number}", "x", retain=True)
        for _ in range(100):
            publisher.publish("traffic", b"x" * 100)
        subscriber.collect(100)
        told["joined"] = settle(view, JOINED)

        for number in range(500):
            publisher.publish(f"retained/{number}", "", retain=True)
        durable.disconnect()
        for number in range(11):
            publisher.publish("dropped", str(number), qos=1)
        subscriber.disconnect()
        publisher.disconnect(0)
        with raw.RawClient(broker.port, raw.V5) as expiring:
            expiring.connect("expiring", properties=[("session_expiry_interval", 1)])
            expiring.disconnect()
        told["left"] = settle(view, LEFT)
        view.client.close()
        yield told


@pytest.mark.parametrize("name", JOINED)
def test_counts_after_clients_came(story, name):
    assert JOINED[name](float(story["joined"][name])), story["joined"][name]


@pytest.mark.parametrize("name", LEFT)
def test_counts_after_clients_left(story, name):
    assert LEFT[name](float(story["left"][name])), story["left"][name]


# --- not to be written ---

REFUSED = ["$SYS/broker/version", "$SYS/broker/clients/total", "$SYS/mine", "$SYS"]


@pytest.mark.parametrize("topic", REFUSED)
def test_clients_cannot_publish_there(view, client, topic):
    view.wait(lambda values: "version" in values)
    watcher, publisher = client("sys-watcher"), client("sys-writer", raw.V5)
    watcher.subscribe(topic, "end")
    for qos in (1, 2):
        assert publisher.publish(topic, "forged", qos=qos).reason == 0x87
    publisher.publish(topic, "forged", qos=0, retain=True)
    older = client("sys-writer-3")
    older.publish(topic, "forged", qos=1)  # Acknowledged, there is no other answer in MQTT 3.
    publisher.publish("end", "end", qos=1)
    assert b"forged" not in [message.payload for message in watcher.collect_until(b"end")]


def test_mosquitto_pub_is_warned(view):
    done = mosquitto_pub(view.broker, "-t", "$SYS/mine", "-m", "forged", "-q", "1",
                         version="mqttv5")
    assert b"Not authorized" in done.stderr + done.stdout


def test_a_will_cannot_be_published_there(view, client):
    watcher, before = client("sys-watcher"), len(view.broker.log.lines)
    watcher.subscribe("$SYS/mine", "end")
    with raw.RawClient(view.broker.port) as victim:
        # A broker may refuse it at once: 5 is "not authorised".
        answer = victim.connect("sys-victim", will={"topic": "$SYS/mine", "payload": "forged"},
                                expect=None)
        assert answer.reason in (0, 5)
    view.broker.log.wait(r"(closed its connection|connection closed by client|not authorised)\.$",
                         since=before)
    client("sys-publisher").publish("end", "end")
    assert watcher.collect_until(b"end") == []


def test_sys_interval_0_turns_them_off(program):
    """A second broker with an interval of 1 s shows when they would have come."""
    with running(program, "sys_interval 0") as silent, running(program, "sys_interval 1") as other:
        with Subscriber(silent, "-v", "-t", "$SYS/#") as subscriber:
            first = View(other)
            first.wait(lambda values: "uptime" in values)
            first.client.close()
            assert subscriber.messages() == []
