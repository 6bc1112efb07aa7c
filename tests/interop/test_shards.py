"""One broker on several threads must look like one broker: clients are spread by their client id.

Sixteen client ids are on all of four shards with near certainty, whatever the hash.
"""
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import raw
from broker import wait_until

pytestmark = pytest.mark.tombo
MANY = 16


@pytest.fixture(params=[1, 2, 4], ids=lambda count: f"{count} threads")
def broker(start_broker, request):
    made = start_broker(f"threads {request.param}", "max_queued_messages 0", "sys_interval 1",
                        "set_tcp_nodelay true")
    made.shards = request.param
    return made


def spread(raw_client, name, count=MANY, **options):
    return [raw_client(f"{name}-{number}", **options) for number in range(count)]


def in_parallel(function, items):
    """Runs the function for every item, each on a thread of its own, and returns the results."""
    with ThreadPoolExecutor(max_workers=len(items)) as pool:
        return list(pool.map(function, items))


def by_topic(messages):
    numbers = {}
    for message in messages:
        numbers.setdefault(message.topic, []).append(int(message.payload))
    return numbers


def test_the_threads_are_there(broker):
    if not broker.is_tombo:
        pytest.skip("no shards")
    tasks = Path(f"/proc/{broker.pid}/task")
    # It listens before the last of them has started.
    wait_until(lambda: len(list(tasks.iterdir())) >= broker.shards, what="a thread a shard")


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_nothing_is_lost_and_the_order_is_kept(raw_client, qos):
    subscribers, publishers = spread(raw_client, "sub"), spread(raw_client, "pub", 8)
    for subscriber in subscribers:
        subscriber.subscribe("from/+", qos=qos)

    def publish(index):
        for number in range(50):
            publishers[index].publish(f"from/{index}", str(number), qos)
    in_parallel(publish, range(len(publishers)))
    for messages in in_parallel(lambda subscriber: subscriber.collect(400), subscribers):
        assert by_topic(messages) == {f"from/{index}": list(range(50)) for index in range(8)}


def test_publishers_and_subscribers_at_full_speed(raw_client):
    subscribers, publishers = spread(raw_client, "sub", 4), spread(raw_client, "pub", 4)
    for subscriber in subscribers:
        subscriber.subscribe("fast/#", qos=1)

    def publish(index):
        for start in range(0, 1000, 20):  # 20 is the receive maximum.
            publishers[index].send(b"".join(
                raw.publish(f"fast/{index}", str(number), 1, packet_id=number + 1)
                for number in range(start, start + 20)))
            for number in range(start, start + 20):
                publishers[index].wait_for(raw.PUBACK, number + 1)
    with ThreadPoolExecutor(max_workers=8) as pool:
        received = [pool.submit(subscriber.collect, 4000, 60) for subscriber in subscribers]
        for done in [pool.submit(publish, index) for index in range(4)]:
            done.result()
        for messages in received:
            assert by_topic(messages.result()) == {
                f"fast/{index}": list(range(1000)) for index in range(4)}


def test_an_acknowledged_subscription_sees_the_next_message(raw_client):
    """Whatever shard publishes: SUBACK says that the interest is known everywhere."""
    clients = spread(raw_client, "c")
    for number in range(200):
        subscriber, publisher = clients[number % MANY], clients[(number * 7 + 1) % MANY]
        subscriber.subscribe(f"churn/{number}", f"churn/{number}/+/#")
        publisher.publish(f"churn/{number}", "exact", qos=1)
        publisher.publish(f"churn/{number}/a/b", "wild", qos=1)
        assert sorted(subscriber.payloads(2)) == ["exact", "wild"]
        subscriber.unsubscribe(f"churn/{number}", f"churn/{number}/+/#")


def test_an_acknowledged_unsubscribe_is_known_everywhere(raw_client):
    clients = spread(raw_client, "c")
    for subscriber in clients:
        subscriber.subscribe("stays", "goes/#")
    for subscriber in clients:
        subscriber.unsubscribe("goes/#")
    for publisher in clients:
        publisher.publish("goes/away", "never")
        publisher.publish("stays", "end")
    for subscriber in clients:
        assert subscriber.payloads(MANY) == ["end"] * MANY


def test_retained_messages_are_seen_from_everywhere(raw_client):
    publishers = spread(raw_client, "pub")
    for number in range(100):
        publishers[number % MANY].publish(f"kept/{number}", str(number), qos=1, retain=True)
    for reader in spread(raw_client, "reader"):
        reader.subscribe("kept/#")
        assert sorted(int(text) for text in reader.payloads(100)) == list(range(100))
        reader.subscribe("kept/42")
        assert reader.payloads(1) == ["42"]


def test_clearing_a_retained_message_is_known_everywhere(raw_client):
    clients = spread(raw_client, "c")
    for number, client in enumerate(clients):
        client.publish("kept", str(number), qos=1, retain=True)
        clients[number - 1].publish("kept", "", qos=1, retain=True)
        reader = clients[(number + 5) % MANY]
        reader.subscribe("kept")
        client.publish("kept", "end", qos=0)
        # The clearing message itself may still pass by, live and empty.
        found = reader.collect_until(b"end")
        assert [message for message in found if message.retain or message.payload] == []
        reader.unsubscribe("kept")


def test_a_subscriber_never_ends_with_a_stale_retained_value(raw_client):
    publisher, last = raw_client("publisher"), 400
    readers = spread(raw_client, "reader")
    started = threading.Event()

    def publish():
        for number in range(last + 1):
            publisher.publish("value", str(number), qos=1, retain=True)
            if number == 20:
                started.set()
    thread = threading.Thread(target=publish)
    thread.start()
    started.wait(10)
    try:
        for reader in readers:
            reader.subscribe("value")
    finally:
        thread.join()
    for reader in readers:
        seen = []
        while not seen or seen[-1] != last:
            seen += [int(text) for text in reader.payloads(1)]
        assert seen == sorted(seen), seen
        assert reader.ping() and all(found.payload == b"400" for found in reader.inbox)


def test_a_shared_group_spans_the_shards(raw_client):
    members, publishers = spread(raw_client, "member", 8), spread(raw_client, "pub", 4)
    for member in members:
        member.subscribe("$share/group/jobs/#", qos=1)
    for number in range(400):
        publishers[number % 4].publish(f"jobs/{number % 7}", str(number), qos=1)
    got = in_parallel(lambda member: member.payloads(50), members)
    assert sorted(int(text) for texts in got for text in texts) == list(range(400))


def test_a_take_over_works_from_every_accepting_thread(raw_client):
    """Which thread accepts is the kernel's choice; 40 connections meet all of them."""
    clients = []
    for number in range(40):
        clients.append(raw_client("wanted", clean=False))
        if number == 0:
            clients[0].subscribe("inherited", qos=1)
        else:
            assert clients[-1].connack.session_present
            clients[-2].ends()
    raw_client("other").publish("inherited", "x", qos=1)
    assert clients[-1].payloads(1) == ["x"]


def test_durable_sessions_return_through_every_thread(raw_client):
    for client in spread(raw_client, "durable", clean=False):
        client.subscribe("saved/#", qos=1)
        client.disconnect()
    publisher = raw_client("publisher")
    for number in range(30):
        publisher.publish(f"saved/{number}", str(number), qos=1)
    for client in spread(raw_client, "durable", clean=False):
        assert client.connack.session_present
        assert client.payloads(30) == [str(number) for number in range(30)]


def test_wills_reach_every_shard(raw_client):
    watchers = spread(raw_client, "watcher")
    for watcher in watchers:
        watcher.subscribe("will/+", qos=1)
    for number in range(MANY):
        raw_client(f"victim-{number}",
                   will={"topic": f"will/{number}", "payload": str(number), "qos": 1}).close()
    for watcher in watchers:
        assert sorted(int(text) for text in watcher.payloads(MANY)) == list(range(MANY))


def test_no_matching_subscribers_looks_at_all_shards(raw_client):
    clients = spread(raw_client, "c", version=raw.V5)
    for number, subscriber in enumerate(clients):
        publisher = clients[(number + 3) % MANY]
        assert publisher.publish("rare", "x", qos=1).reason == 0x10
        subscriber.subscribe("rare")
        assert publisher.publish("rare", "x", qos=1).reason == 0
        assert subscriber.payloads(1) == ["x"]
        subscriber.unsubscribe("rare")


def test_sys_topics_are_sums_over_the_shards(raw_client):
    spread(raw_client, "c")
    view = raw_client("view")
    view.subscribe("$SYS/broker/clients/connected")
    wait_until(lambda: view.payloads(1) == [str(MANY + 1)], what="the sum of connected clients")


def test_it_ends_with_status_0_in_the_middle_of_traffic(broker, raw_client):
    subscribers, publishers = spread(raw_client, "sub"), spread(raw_client, "pub", 4)
    for subscriber in subscribers:
        subscriber.subscribe("busy/#", qos=1)
    flowing = threading.Barrier(len(publishers) + 1)

    def publish(publisher):
        try:
            for number in range(100000):
                publisher.publish("busy/x", str(number), qos=1)
                if number == 50:
                    flowing.wait(10)
        except (raw.Closed, OSError, AssertionError):
            pass
    threads = [threading.Thread(target=publish, args=(publisher,)) for publisher in publishers]
    for thread in threads:
        thread.start()
    flowing.wait(10)
    broker.stop()
    for thread in threads:
        thread.join()
