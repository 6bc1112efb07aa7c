"""What survives the process: kill -9 and a clean stop, with real clients and under load."""
import random
import threading

import pytest

import raw
from clients import lines_of, mosquitto_pub, mosquitto_sub

pytestmark = pytest.mark.tombo

PERSISTENT = ("persistence true", "persistence_location {folder}", "max_queued_messages 0")
NEVER = [("session_expiry_interval", 0xFFFFFFFF)]


def durable(level):
    """Options of `RawClient.connect` for a session that stays."""
    return {"clean": False, "properties": NEVER if level == raw.V5 else ()}


def die(broker):
    broker.kill()
    broker.start()


def stop(broker):
    broker.restart()


@pytest.fixture
def persistent(make_broker):
    return make_broker(*PERSISTENT).start()


@pytest.fixture(params=[die, stop])
def end(request):
    return request.param


@pytest.mark.parametrize("qos", ["1", "2"])
def test_messages_for_an_absent_client_come_once_and_in_order(persistent, end, qos, version):
    session = ["-i", "absent", "-c", "-q", qos, "-t", "plant/#"]
    mosquitto_sub(persistent, *session, "-E", version=version)
    mosquitto_pub(persistent, "-q", qos, "-t", "plant/1", "-l",
                  stdin="".join(f"{number}\n" for number in range(50)))
    end(persistent)
    back = mosquitto_sub(persistent, *session, "-C", "50", version=version)
    assert lines_of(back) == [str(number) for number in range(50)]
    end(persistent)
    mosquitto_pub(persistent, "-q", qos, "-t", "plant/1", "-m", "after")
    left = lines_of(mosquitto_sub(persistent, *session, "-W", "1", version=version, status=None))
    assert left[-1] == "after"
    # What the client acknowledged a moment before a kill may come again at QoS 1, and only there.
    assert set(left[:-1]) <= (set(lines_of(back)) if qos == "1" else set())


def test_retained_messages_stay_and_cleared_ones_do_not_come_back(persistent, end):
    for topic, payload in ("r/kept", "1"), ("r/changed", "old"), ("r/changed", "new"), ("r/gone", "x"):
        mosquitto_pub(persistent, "-q", "1", "-r", "-t", topic, "-m", payload)
    mosquitto_pub(persistent, "-q", "1", "-r", "-t", "r/gone", "-n")
    end(persistent)
    found = mosquitto_sub(persistent, "-t", "r/#", "-v", "-C", "2")
    assert sorted(lines_of(found)) == ["r/changed new", "r/kept 1"]
    found = mosquitto_sub(persistent, "-t", "#", "-v", "--retained-only", "-W", "1", status=None)
    assert len(lines_of(found)) == 2, "and nothing else is"


def test_a_session_that_has_ended_does_not_come_back(persistent, end):
    with raw.RawClient(persistent.port) as client:
        client.connect("comes-and-goes", **durable(raw.V311))
        client.subscribe("t", qos=1)
    with raw.RawClient(persistent.port) as client:
        client.connect("comes-and-goes", clean=True)
    end(persistent)
    with raw.RawClient(persistent.port) as client:
        assert not client.connect("comes-and-goes", **durable(raw.V311)).session_present


def test_the_will_of_a_client_that_was_there_is_published(persistent):
    with raw.RawClient(persistent.port, raw.V5) as watcher, \
            raw.RawClient(persistent.port, raw.V5) as client:
        watcher.connect("watcher", **durable(raw.V5))
        watcher.subscribe("will", qos=1)
        watcher.disconnect()
        client.connect("lost", will={"topic": "will", "payload": b"gone", "qos": 1}, **durable(raw.V5))
        persistent.kill()
    persistent.start()
    with raw.RawClient(persistent.port, raw.V5) as watcher:
        watcher.connect("watcher", **durable(raw.V5))
        assert watcher.payloads(1) == ["gone"]


def test_a_handshake_of_qos_2_goes_on_where_it_was(persistent):
    with raw.RawClient(persistent.port) as subscriber:
        subscriber.connect("half", **durable(raw.V311))
        subscriber.subscribe("t", qos=2)
        mosquitto_pub(persistent, "-q", "2", "-t", "t", "-m", "once")
        first = subscriber.wait_for(raw.PUBLISH)
        subscriber.send(raw.acknowledge(raw.PUBREC, first.packet_id))
        subscriber.wait_for(raw.PUBREL, first.packet_id)
        persistent.kill()
    persistent.start()
    with raw.RawClient(persistent.port) as subscriber:
        subscriber.connect("half", **durable(raw.V311))
        # Not the message again, of which the receiver has forgotten that it had it.
        assert subscriber.receive().packet_id == first.packet_id
        subscriber.send(raw.acknowledge(raw.PUBCOMP, first.packet_id))
        mosquitto_pub(persistent, "-q", "2", "-t", "t", "-m", "next")
        assert subscriber.wait_for(raw.PUBLISH).payload == b"next"


class Load(threading.Thread):
    """Publishes numbers and notes those that were acknowledged, until the broker is gone."""

    def __init__(self, port, name, qos, first):
        super().__init__()
        self.port, self.name_, self.qos, self.next = port, name, qos, first
        self.acknowledged = []

    def run(self):
        try:
            with raw.RawClient(self.port, raw.V5) as client:
                client.connect(self.name_)
                while True:
                    client.publish(f"load/{self.qos}", str(self.next), self.qos)
                    self.acknowledged.append(self.next)
                    self.next += 1
        except (OSError, raw.Closed, AssertionError):
            self.next += 1  # Whether this one was taken nobody knows.


def test_no_kill_loses_what_was_acknowledged_or_doubles_qos_2(persistent):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    session = ["-i", "keeper", "-c", "-q", "2", "-t", "load/#"]
    mosquitto_sub(persistent, *session, "-E")
    acknowledged = {1: [], 2: []}
    following = {1: 0, 2: 0}
    for _ in range(20):
        load = [Load(persistent.port, f"load-{qos}", qos, following[qos]) for qos in (1, 2)]
        for each in load:
            each.start()
        wanted = chance.randrange(5, 60)
        while sum(len(each.acknowledged) for each in load) < wanted and \
                any(each.is_alive() for each in load):
            load[0].join(0.001)
        persistent.kill()
        for each in load:
            each.join()
            acknowledged[each.qos] += each.acknowledged
            following[each.qos] = each.next
        persistent.start()
    mosquitto_pub(persistent, "-q", "2", "-t", "load/end", "-m", "end")
    with raw.RawClient(persistent.port) as keeper:
        keeper.connect("keeper", **durable(raw.V311))
        found = {1: [], 2: []}
        for message in keeper.collect_until(b"end"):
            found[int(message.topic[-1])].append(int(message.payload))
    assert set(acknowledged[1]) <= set(found[1])
    assert set(acknowledged[2]) <= set(found[2])
    assert len(found[2]) == len(set(found[2])), "no doubles of QoS 2"
    assert found[1] == sorted(found[1]) and found[2] == sorted(found[2])
