"""Wills: when they are sent, when they are not, and what they carry.

How exactly keepalive and delay are kept is measured by the scenario tests, in virtual time. Here
real clocks only have to show "not before"; the deadlines are generous for a busy machine.
"""
import time

import pytest

import raw
from broker import running, wait_until
from clients import Paho, Subscriber, mosquitto_pub, mosquitto_sub, properties_for

WILL = {"topic": "will", "payload": "gone"}
CLOCK_S = 0.01  # Clocks may count in milliseconds.
CLI_WILL = ["--will-topic", "will", "--will-payload", "gone", "--will-qos", "1"]


def watcher_of(raw_client, level=raw.V311):
    watcher = raw_client(version=level)
    watcher.subscribe("will/#", qos=2)
    return watcher


def no_will_came(watcher, raw_client):
    raw_client().publish("will", "end", qos=2)
    return watcher.collect_until(b"end") == []


def test_a_killed_client_sends_its_will_at_once(broker, version):
    with Subscriber(broker, "-t", "will", "-F", "%q %r %p", "-q", "2", "-C", "1",
                    version=version) as watcher:
        with Subscriber(broker, *CLI_WILL, "-t", "x", version=version) as victim:
            started = time.monotonic()
            victim.crash()
            assert watcher.finish() == ["1 0 gone"]
            assert time.monotonic() - started < 2


def test_a_closed_connection_sends_the_will(raw_client, level):
    watcher = watcher_of(raw_client, level)
    raw_client("victim", level, will=WILL).close()
    assert watcher.payloads(1) == ["gone"]


def test_a_disconnect_sends_none(broker, version, raw_client):
    watcher = watcher_of(raw_client)
    mosquitto_pub(broker, *CLI_WILL, "-t", "x", "-m", "x", version=version)
    mosquitto_sub(broker, *CLI_WILL, "-t", "x", "-E", version=version)
    with Paho(broker, version, "paho", connect=False) as client:
        client.client.will_set("will", "gone")
        client.connect()
    assert no_will_came(watcher, raw_client)


def test_disconnect_with_will_message(broker, raw_client):
    watcher = watcher_of(raw_client)
    raw_client("victim", raw.V5, will=WILL).disconnect(0x04)
    assert watcher.payloads(1) == ["gone"]
    # That is also how mosquitto_sub ends when a signal interrupts it.
    with Subscriber(broker, *CLI_WILL, "-t", "x", version="mqttv5") as interrupted:
        interrupted.leave()
    assert watcher.payloads(1) == ["gone"]


def test_a_malformed_packet_sends_the_will(raw_client, level):
    watcher = watcher_of(raw_client)
    victim = raw_client("victim", level, will=WILL)
    victim.send(raw.packet(raw.PUBLISH, b"\0\1x\0\1", flags=6))  # QoS 3.
    victim.ends()
    assert watcher.payloads(1) == ["gone"]


@pytest.mark.tombo
def test_a_second_connect_sends_the_will(raw_client, level):
    watcher = watcher_of(raw_client)
    victim = raw_client("victim", level, will=WILL)
    victim.send(raw.connect("victim", level))
    victim.ends()
    assert watcher.payloads(1) == ["gone"]


def test_a_take_over_sends_the_will(raw_client, level):
    watcher = watcher_of(raw_client)
    raw_client("victim", level, will=WILL)
    raw_client("victim", level)
    assert watcher.payloads(1) == ["gone"]


def test_the_will_of_the_new_connection_replaces_the_old_one(raw_client, level):
    watcher = watcher_of(raw_client)
    raw_client("victim", level, will=WILL).disconnect()
    raw_client("victim", level, will={"topic": "will/2", "payload": "second"}).close()
    message, = watcher.collect(1)
    assert (message.topic, message.payload) == ("will/2", b"second")


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_qos_of_the_will(raw_client, level, qos):
    watcher = watcher_of(raw_client, level)
    raw_client("victim", level, will={**WILL, "qos": qos}).close()
    assert watcher.collect(1)[0].qos == qos


def test_a_retained_will(raw_client, level):
    watcher = watcher_of(raw_client, level)
    raw_client("victim", level, will={**WILL, "retain": True}).close()
    assert not watcher.collect(1)[0].retain
    late = raw_client(version=level)
    late.subscribe("will")
    message, = late.collect(1)
    assert (message.payload, message.retain) == (b"gone", True)


def test_an_empty_will(raw_client, level):
    watcher = watcher_of(raw_client, level)
    raw_client("victim", level, will={"topic": "will"}).close()
    assert watcher.payloads(1) == [""]


def test_a_will_waits_for_a_durable_session(raw_client, level):
    first = raw_client("absent", level, clean=False,
                       properties=[("session_expiry_interval", 60)] if level == raw.V5 else ())
    first.subscribe("will", qos=1)
    first.disconnect()
    raw_client("victim", level, will={**WILL, "qos": 1}).close()
    end = raw_client(version=level)
    end.subscribe("gone-too")  # Any round trip of another client; the will is queued or comes live.
    back = raw_client("absent", level, clean=False)
    assert back.payloads(1) == ["gone"]


def test_paho_sets_a_will(broker, version, raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    with Paho(broker, version, "paho", connect=False) as client:
        words = {}
        if version == "mqttv5":
            words["properties"] = properties_for("WILLMESSAGE", content_type="text/plain")
        client.client.will_set("will", "gone", 1, **words)
        client.connect()
        client.crash()
        message, = watcher.collect(1)
    assert (message.payload, message.qos) == (b"gone", 1)
    assert message.property("content_type") == ("text/plain" if version == "mqttv5" else None)


# --- keepalive ---

class KeepaliveRun:
    """Eight seconds with clients of every habit; the tests below look at what became of them."""

    def __init__(self, broker):
        self.broker, self.is_tombo = broker, broker.is_tombo
        self.clients, self.silent_since, self.wills = {}, {}, {}
        self.watcher = raw.RawClient(broker.port)
        self.watcher.connect("watcher")
        self.watcher.subscribe("will/#")
        for level in raw.LEVELS.values():
            self.join("ping", level)
            self.join("talk", level)
            self.join("mute", level)
        self.join("none", raw.V311, keep_alive_s=0)

    def join(self, habit, level, keep_alive_s=2):
        client = self.clients[habit, level] = raw.RawClient(self.broker.port, level)
        self.silent_since[level] = time.monotonic()
        client.connect(f"{habit}-{level}", keep_alive_s=keep_alive_s,
                       will={"topic": f"will/{habit}/{level}", "payload": "gone"})

    def listen(self, until):
        """Notes wills and when they came; pings and publishes in between."""
        while time.monotonic() < until:
            for (habit, level), client in self.clients.items():
                if habit == "ping":
                    client.ping()
                elif habit == "talk":
                    client.publish("talk", "x")
            try:
                message = self.watcher.receive(0.5)
            except TimeoutError:
                continue
            self.wills[message.topic] = time.monotonic()


@pytest.fixture(scope="module")
def keepalive_run(program):
    with running(program) as broker:
        # -k 5 is the least that mosquitto_sub accepts.
        with Subscriber(broker, "-k", "5", "-i", "quiet", "-t", "x", "--will-topic",
                        "will/mosquitto_sub") as quiet:
            started = time.monotonic()
            run = KeepaliveRun(broker)
            run.listen(until=started + 8)
            run.subscriber_pinged = "received PINGRESP" in quiet.stream.text()
            run.subscriber_lived = quiet.process.poll() is None
            yield run
        for client in (*run.clients.values(), run.watcher):
            client.close()


def test_a_silent_client_is_given_one_and_a_half_keepalives(keepalive_run, level):
    arrived = keepalive_run.wills.get(f"will/mute/{level}")
    assert arrived, "no will within 8 s"
    after_s = arrived - keepalive_run.silent_since[level]
    assert after_s >= 3.0 - CLOCK_S
    if keepalive_run.is_tombo:
        assert after_s < 5.0


def test_a_client_that_only_pings_keeps_its_will_unsent(keepalive_run, level):
    assert f"will/ping/{level}" not in keepalive_run.wills
    assert keepalive_run.clients["ping", level].ping()


def test_a_client_that_only_publishes_needs_no_pings(keepalive_run, level):
    assert f"will/talk/{level}" not in keepalive_run.wills
    assert keepalive_run.clients["talk", level].ping()


def test_keepalive_0_never_ends(keepalive_run):
    assert keepalive_run.clients["none", raw.V311].ping()


def test_mosquitto_sub_keeps_itself_alive(keepalive_run):
    assert keepalive_run.subscriber_pinged and keepalive_run.subscriber_lived
    assert "will/mosquitto_sub" not in keepalive_run.wills


def test_a_silent_client_is_told_why(keepalive_run, level):
    reasons = [found.reason for found in keepalive_run.clients["mute", level].ends()]
    # Mosquitto has told MQTT 5 clients why since 2.0.12 only.
    assert reasons == ([0x8D] if level == raw.V5 and keepalive_run.is_tombo else [])


def test_the_log_tells_of_the_timeout(keepalive_run):
    log = keepalive_run.broker.log
    if keepalive_run.broker.program.compatibility == "2.0":
        log.wait(r"Client mute-4 has exceeded timeout, disconnecting\.$")
    else:
        log.wait(r"Client mute-4 \[127\.0\.0\.1:\d+\] disconnected: exceeded timeout\.$")


# --- MQTT 5 ---

def test_a_will_carries_its_properties(raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    given = [("payload_format_indicator", 1), ("content_type", "text/plain"),
             ("response_topic", "answer"), ("correlation_data", b"\1\0"),
             ("user_property", ("a", "1")), ("user_property", ("a", "2"))]
    raw_client("victim", raw.V5, will={**WILL, "properties": given}).close()
    message, = watcher.collect(1)
    assert sorted(message.properties, key=str) == sorted(given, key=str)
    assert message.all_of("user_property") == [("a", "1"), ("a", "2")]


def test_mosquitto_sub_sets_will_properties(broker, raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    with Subscriber(broker, *CLI_WILL, "-t", "x", "-D", "will", "content-type", "text/x",
                    "-D", "will", "user-property", "k", "v", version="mqttv5") as victim:
        victim.crash()
    message, = watcher.collect(1)
    assert message.property("content_type") == "text/x"
    assert message.property("user_property") == ("k", "v")


def delayed(delay_s, expiry_s):
    """Options of a client whose will waits."""
    return {"will": {**WILL, "properties": [("will_delay_interval", delay_s)]}, "clean": False,
            "properties": [("session_expiry_interval", expiry_s)]}


def test_a_will_waits_for_its_delay(raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    victim = raw_client("victim", raw.V5, **delayed(2, 60))
    closed_at = time.monotonic()
    victim.close()
    message, = watcher.collect(1)
    # Mosquitto 2.0 counts in whole seconds of the clock.
    assert time.monotonic() - closed_at >= 1.0 - CLOCK_S
    assert message.property("will_delay_interval") is None


@pytest.mark.tombo
def test_a_will_waits_for_its_whole_delay(raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    victim = raw_client("victim", raw.V5, **delayed(1, 60))
    closed_at = time.monotonic()
    victim.close()
    watcher.collect(1)
    assert 1.0 - CLOCK_S <= time.monotonic() - closed_at < 3.0


def test_a_return_within_the_delay_cancels_the_will(raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    raw_client("victim", raw.V5, **delayed(1, 60)).close()
    back = raw_client("victim", raw.V5, clean=False)
    # A second client with the same delay shows when the time has passed.
    other = delayed(2, 60)
    other["will"] = {**other["will"], "topic": "will/other", "payload": "later"}
    raw_client("other", raw.V5, **other).close()
    assert watcher.payloads(1) == ["later"]
    assert back.ping()


def test_the_end_of_the_session_sends_a_delayed_will(raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    raw_client("victim", raw.V5, **delayed(60, 1)).close()
    assert watcher.payloads(1) == ["gone"]


@pytest.mark.tombo
def test_a_clean_start_sends_a_delayed_will(raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    raw_client("victim", raw.V5, **delayed(60, 60)).close()
    raw_client("victim", raw.V5, clean=True)
    assert watcher.payloads(1) == ["gone"]


@pytest.mark.tombo
def test_a_delay_does_not_hold_up_a_will_without_a_session(raw_client):
    watcher = watcher_of(raw_client, raw.V5)
    raw_client("victim", raw.V5, **delayed(60, 0)).close()
    assert watcher.payloads(1) == ["gone"]


def test_a_will_message_expires(raw_client):
    raw_client("victim", raw.V5, will={**WILL, "retain": True, "properties": [
        ("message_expiry_interval", 2)]}).close()
    reader, publisher = raw_client(version=raw.V5), raw_client(version=raw.V5)

    def retained():
        reader.subscribe("will")
        publisher.publish("will", "end")
        return reader.collect_until(b"end")
    first = wait_until(retained, what="the retained will")
    assert first[0].property("message_expiry_interval") in (1, 2)
    wait_until(lambda: not retained(), what="expiry of the will")
