"""A disk that is full, and one that fails, under a real broker."""
import os
import resource
import subprocess
import tempfile
from pathlib import Path

import pytest

import raw
from load import durable

pytestmark = pytest.mark.tombo

FULL = r"Warning: The disk of the store is full"
ROOM = r"The disk of the store has room again\."


@pytest.fixture(name="disk")
def small_disk():
    """A file system of 32 MiB."""
    path = Path(tempfile.mkdtemp(prefix="interop-"))
    path.chmod(0o755)  # A broker started by root drops to a user of its own.
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=777", "tombo", path],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        path.rmdir()
        pytest.skip("only root may mount: " + mounted.stderr.strip())
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)
        path.rmdir()


def free_bytes(disk):
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def fill(disk, leave):
    """Takes all but `leave` bytes."""
    with open(disk / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free_bytes(disk) - leave)


def make_session(broker, *filters):
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("keeper", **durable(raw.V5))
        client.subscribe(*filters, qos=2)


def payloads(broker, until="end"):
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("says-until")
        client.publish("t", until, 1)
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("keeper", **durable(raw.V5))
        return [message.payload.decode() for message in client.collect_until(until.encode())]


def test_a_full_disk_refuses_what_needs_room_until_there_is_some(make_broker, disk):
    broker = make_broker("persistence true", f"persistence_location {disk}", "disk_reserve 4194304")
    broker.start()
    make_session(broker, "t")
    with raw.RawClient(broker.port, raw.V5) as v5, raw.RawClient(broker.port) as v3, \
            raw.RawClient(broker.port) as watcher:
        v5.connect("v5")
        v3.connect("v3")
        watcher.connect("watcher")
        watcher.subscribe("t")
        assert v5.publish("t", "before", 1).reason == 0
        fill(disk, 2 << 20)
        broker.log.wait(FULL)
        for qos in 1, 2:
            refused = v5.publish("t", "refused", qos)
            assert refused.reason == 0x97
            assert "no space left" in refused.property("reason_string")
        v3.send(raw.publish("t", "waits", 1, packet_id=1))
        v5.publish("t", "fleeting")
        assert watcher.payloads(2) == ["before", "fleeting"]
        with raw.RawClient(broker.port, raw.V5) as other:
            assert other.connect("new", expect=0x97, **durable(raw.V5))
        os.unlink(disk / "filler")
        broker.log.wait(ROOM)
        v3.wait_for(raw.PUBACK, 1)
        assert v5.publish("t", "after", 1).reason == 0
    broker.kill()
    broker.start()
    assert payloads(broker) == ["before", "waits", "after"]


def test_what_was_taken_before_the_last_byte_is_acknowledged_later(make_broker, disk):
    broker = make_broker("persistence true", f"persistence_location {disk}", "disk_reserve 0")
    broker.start()
    make_session(broker, "t")
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("v5")
        fill(disk, 0)
        acknowledged = True
        while acknowledged:
            sent = client.next_id()
            client.send(raw.publish("t", f"{sent}," + "x" * 5000, 1, packet_id=sent,
                                    version=raw.V5))
            try:
                client.wait_for(raw.PUBACK, sent, timeout_s=0.5)
            except TimeoutError:
                acknowledged = False
        broker.log.wait(FULL)
        os.unlink(disk / "filler")
        broker.log.wait(ROOM)
        client.wait_for(raw.PUBACK, sent)
        assert client.publish("t", "after", 1).reason == 0
    broker.kill()
    broker.start()
    found = payloads(broker)
    assert [each.split(",")[0] for each in found] == [str(n) for n in range(1, sent + 1)] + ["after"]
    assert all(len(each) > 5000 for each in found[:-1]), "none of them torn"


def test_a_disk_that_fails_ends_the_broker_without_another_acknowledgement(make_broker):
    # Of another user it would not let us limit its files.
    broker = make_broker("persistence true", "persistence_location {folder}",
                         "max_queued_messages 0", "user root")
    broker.start()
    make_session(broker, "t")
    resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    acknowledged = []
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("v5")
        with pytest.raises((AssertionError, raw.Closed)) as end:
            while True:
                number = len(acknowledged)
                client.publish("t", f"{number}," + "x" * 1000, 1)
                acknowledged.append(number)
        assert "0x8b" in str(end.value), "it says goodbye"
    assert acknowledged
    assert broker.wait_exit() == 1
    broker.log.wait(r"Error: The store failed, nothing is acknowledged any more.*File too large")
    broker.start()
    found = [int(each.split(",")[0]) for each in payloads(broker)]
    assert found[:len(acknowledged)] == acknowledged
