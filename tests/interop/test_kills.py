"""Brokers that end at random moments under load, again and again: nothing acknowledged is lost.

TOMBO_ENDS=1000 in the environment makes it so many ends of each kind instead of 20.
"""
import os
import random
import time

import pytest

import raw
from broker import let_pass
from clients import mosquitto_pub
from load import Changer, Publisher, Subscriber, durable

pytestmark = pytest.mark.tombo

ENDS = int(os.environ.get("TOMBO_ENDS", "20"))
VERSIONS = {3: raw.V311, 5: raw.V5}
TOPICS = [f"load/{version}/{qos}" for version in VERSIONS for qos in (1, 2)]
RETAINED = [f"kept/{version}" for version in VERSIONS]


def kill(broker):
    broker.kill()


def stop(broker):
    before = time.monotonic()
    broker.stop()
    assert time.monotonic() - before < 10


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("end", [kill, stop])
def test_what_was_acknowledged_survives_any_end(make_broker, end, shards):
    broker = make_broker("persistence true", "persistence_location {folder}",
                         "max_queued_messages 0", f"threads {shards}")
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    publishers = [Publisher(f"pub-{level}-{qos}", version, qos, f"load/{level}/{qos}")
                  for level, version in VERSIONS.items() for qos in (1, 2)]
    retainers = [Publisher(f"ret-{level}", version, 1 if level == 3 else 2, f"kept/{level}", True)
                 for level, version in VERSIONS.items()]
    online = [Subscriber(f"on-{level}", version, ["load/#", "end"])
              for level, version in VERSIONS.items()]
    offline = [Subscriber(f"off-{level}", version, ["load/#", "end"])
               for level, version in VERSIONS.items()]
    sometimes = [Subscriber(f"some-{level}", version, ["load/+/+", "end"])
                 for level, version in VERSIONS.items()]
    changers = [Changer(f"change-{level}", version, [f"c{level}/{n}" for n in range(5)], chance)
                for level, version in VERSIONS.items()]
    broker.start()
    for each in online + offline + sometimes:
        with raw.RawClient(broker.port, each.version) as client:
            each.connected(client, client.connect(each.name, **durable(each.version)))
    for _ in range(ENDS):
        there = publishers + retainers + online + changers
        there += [each for each in sometimes if chance.random() < 0.5]
        wanted = sum(len(each.acknowledged) for each in publishers) + chance.randrange(5, 100)
        for each in there:
            each.begin(broker.port)
        while sum(len(each.acknowledged) for each in publishers) < wanted and \
                any(each.thread.is_alive() for each in publishers):
            let_pass(0.001)
        end(broker)
        for each in there:
            each.join()
        broker.start()
        for each in changers:
            each.check(broker.port)
    check_retained(broker, retainers)
    mosquitto_pub(broker, "-q", "2", "-t", "end", "-m", "0")
    for each in online + offline + sometimes:
        each.receive_until(broker.port, "end")
        check_found(each, publishers)
    print(sum(len(each.acknowledged) for each in publishers), "messages,", ENDS, "ends")
    broker.stop()


def check_retained(broker, retainers):
    """The value is the last that was acknowledged, or the one that was under way."""
    with raw.RawClient(broker.port) as client:
        client.connect("looks")
        client.subscribe("kept/#", qos=1)
        kept = {message.topic: int(message.payload) for message in client.collect(len(RETAINED))}
    for each in retainers:
        assert kept[each.topic] in (each.acknowledged[-1], each.number)


def check_found(subscriber, publishers):
    for publisher in publishers:
        found = [int(number) for number in subscriber.found.get(publisher.topic, [])]
        lost = sorted(set(publisher.acknowledged) - set(found))
        assert not lost, f"{subscriber.name} lacks {lost} of {publisher.topic}"
        assert set(found) <= set(range(publisher.number + 1))
        once = list(dict.fromkeys(found))
        assert once == sorted(once), "first copies come in their order"
        if publisher.qos == 2:
            assert found == once, "no doubles of QoS 2"
