"""Shared subscriptions: turns, members that come and go, groups."""
import pytest

import raw
from clients import Subscriber, mosquitto_pub

NO_LOCAL = 0x04


@pytest.mark.parametrize("level", [raw.V311, raw.V5])
def test_a_shared_subscription_goes_round_its_members(raw_client, level):
    members = [raw_client(version=level) for _ in range(3)]
    for member in members:
        member.subscribe("$share/group/jobs/#", qos=1)
    publisher = raw_client(version=level)
    for number in range(30):
        publisher.publish("jobs/x", str(number), qos=1)
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
def test_a_member_that_leaves_gets_nothing_more(broker, v5_client, leave):
    stays, goes, publisher = v5_client(), v5_client("goes"), v5_client()
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
def test_a_member_that_leaves_gives_back_what_it_did_not_acknowledge(v5_client):
    goes, publisher = v5_client("goes"), v5_client()
    goes.subscribe("$share/g/w", qos=1)
    for number in range(5):
        publisher.publish("w", str(number), qos=1)
    for _ in range(5):
        goes.wait_for(raw.PUBLISH)
    stays = v5_client()
    stays.subscribe("$share/g/w", qos=1)
    goes.close()
    assert sorted(stays.payloads(5)) == ["0", "1", "2", "3", "4"]


def test_groups_are_independent_of_each_other_and_of_plain_subscriptions(v5_client):
    filters = ["$share/g1/w", "$share/g2/w", "$share/g3/+", "w"]
    members = [v5_client() for _ in filters]
    for member, text in zip(members, filters):
        member.subscribe(text, qos=1)
    v5_client().publish("w", "x", qos=1)
    assert [member.payloads(1) for member in members] == [["x"]] * 4


@pytest.mark.tombo
def test_a_shared_subscription_gets_no_retained_messages(v5_client):
    publisher, member = v5_client(), v5_client()
    publisher.publish("w", "retained", qos=1, retain=True)
    member.subscribe("$share/g/w", qos=1)
    publisher.publish("w", "live", qos=1)
    assert member.payloads(1) == ["live"]


@pytest.mark.tombo
def test_a_shared_subscription_with_no_local_is_a_protocol_error(v5_client):
    client = v5_client()
    client.send(raw.subscribe(1, [("$share/g/w", NO_LOCAL)], raw.V5))
    assert [found.reason for found in client.ends()] == [0x82]
