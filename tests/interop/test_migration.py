"""Coming from Mosquitto and going back: one folder, two brokers in turn."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import raw
from broker import Broker, Program, wait_until
from clients import lines_of, mosquitto_pub, mosquitto_sub

pytestmark = pytest.mark.tombo

MOSQUITTO = Program.examine("/usr/sbin/mosquitto", None, None)
FILES = Path(__file__).resolve().parents[1] / "mosquitto_db/files"
PERSISTENT = ("persistence true", "max_queued_messages 0")
SESSION = ("-i", "absent", "-c", "-q", "2", "-t", "plant/#")


@pytest.fixture
def tombo(make_broker):
    """Not started. `persistence_location` is its folder."""
    broker = make_broker(*PERSISTENT, "persistence_location {folder}")
    if os.geteuid() == 0:  # As Debian's package has it.
        shutil.chown(broker.folder, "mosquitto", "mosquitto")
    return broker


@pytest.fixture
def mosquitto(tombo, request):
    """Debian's, for the same folder. Not started."""
    broker = Broker(MOSQUITTO, (*PERSISTENT, f"persistence_location {tombo.folder}/"))
    request.node.brokers.append(broker)
    return broker


def database(broker):
    return broker.folder / "mosquitto.db"


def store(broker):
    return broker.folder / "mosquitto.tombo"


def place(broker, name):
    """Puts a file of the tests where Mosquitto's database would be."""
    data = (FILES / f"{name}.db").read_bytes()
    database(broker).write_bytes(data)
    database(broker).chmod(0o644)
    return data


def fails_to_start(broker):
    broker.launch()
    assert broker.wait_exit() == 1
    return broker.log.text()


def queue(broker, count, first=0):
    mosquitto_pub(broker, "-q", "1", "-t", "plant/1", "-l",
                  stdin="".join(f"{number}\n" for number in range(first, first + count)))


def numbers(count):
    return [str(number) for number in range(count)]


def test_a_folder_of_mosquitto_is_taken_over_and_given_back(tombo, mosquitto):
    mosquitto.start()
    mosquitto_sub(mosquitto, *SESSION, "-E")
    queue(mosquitto, 30)
    mosquitto_pub(mosquitto, "-r", "-q", "1", "-t", "state", "-m", "on")
    mosquitto.stop()
    original = database(tombo).read_bytes()

    tombo.start()
    assert "Took over 1 sessions, 1 subscriptions, 30 queued and 0 in-flight messages, 1 retained" \
        in tombo.log.text()
    assert database(tombo).read_bytes() == original
    with raw.RawClient(tombo.port) as client:
        client.connect("absent", clean=False)
        assert client.payloads(10) == numbers(10)
        client.ping()
    queue(tombo, 10, first=30)
    tombo.stop()
    assert (tombo.folder / "mosquitto.db.before-tombo").read_bytes() == original

    mosquitto.start()
    found = lines_of(mosquitto_sub(mosquitto, *SESSION, "-C", "30"))
    assert found == numbers(40)[10:]
    assert lines_of(mosquitto_sub(mosquitto, "-t", "state", "-C", "1")) == ["on"]
    queue(mosquitto, 5, first=40)
    mosquitto.stop()

    text = fails_to_start(tombo)
    assert "Another broker has written" in text and "move the folder away" in text
    store(tombo).rename(tombo.folder / "old.tombo")
    tombo.start()
    assert lines_of(mosquitto_sub(tombo, *SESSION, "-C", "5")) == numbers(45)[40:]


def test_in_flight_messages_keep_their_packet_ids(tombo, mosquitto):
    mosquitto.start()
    with raw.RawClient(mosquitto.port) as client:
        client.connect("slow", clean=False)
        client.subscribe("t", qos=2)
        for number in range(3):
            mosquitto_pub(mosquitto, "-q", "2", "-t", "t", "-m", str(number))
        sent = [client.wait_for(raw.PUBLISH) for _ in range(3)]
        client.send(raw.acknowledge(raw.PUBREC, sent[1].packet_id))
        client.wait_for(raw.PUBREL, sent[1].packet_id)
    mosquitto.stop()
    tombo.start()
    with raw.RawClient(tombo.port) as client:
        assert client.connect("slow", clean=False).session_present
        again = [client.wait_for(raw.PUBLISH) for _ in range(2)]
        assert [(each.payload, each.packet_id, each.dup) for each in again] == \
            [(b"0", sent[0].packet_id, True), (b"2", sent[2].packet_id, True)]
        client.wait_for(raw.PUBREL, sent[1].packet_id)


def test_a_message_whose_pubrel_was_awaited_reaches_its_subscribers_once(tombo, mosquitto):
    mosquitto.start()
    mosquitto_sub(mosquitto, *SESSION, "-E")
    publisher = raw.RawClient(mosquitto.port)
    publisher.connect("publisher", clean=False)
    publisher.send(raw.publish("plant/1", b"once", qos=2, packet_id=7))
    publisher.wait_for(raw.PUBREC, 7)
    mosquitto.stop()
    publisher.close()
    tombo.start()
    with raw.RawClient(tombo.port) as publisher:
        publisher.connect("publisher", clean=False)
        publisher.send(raw.publish("plant/1", b"once", qos=2, dup=True, packet_id=7))
        publisher.wait_for(raw.PUBREC, 7)
        publisher.send(raw.acknowledge(raw.PUBREL, 7))
        publisher.wait_for(raw.PUBCOMP, 7)
    mosquitto_pub(tombo, "-q", "2", "-t", "plant/1", "-m", "last")
    assert lines_of(mosquitto_sub(tombo, *SESSION, "-C", "2")) == ["once", "last"]


def test_sigusr1_writes_a_file_while_the_broker_works(tombo, mosquitto):
    tombo.start()
    mosquitto_sub(tombo, *SESSION, "-E")
    queue(tombo, 20)
    tombo.send_signal(signal.SIGUSR1)
    tombo.log.wait(r"Saving in-memory database to .*mosquitto\.db\.")
    tombo.log.wait(r"Saved 1 sessions, 1 subscriptions, 20 queued")
    assert database(tombo).stat().st_mode & 0o777 == 0o600
    queue(tombo, 5, first=20)
    tombo.kill()
    assert [each.name for each in tombo.folder.glob("*.export")] == []
    tombo.start()  # The file is its own.
    assert lines_of(mosquitto_sub(tombo, *SESSION, "-C", "25")) == numbers(25)
    tombo.stop()
    mosquitto.start()
    queue(mosquitto, 1)
    assert lines_of(mosquitto_sub(mosquitto, *SESSION, "-C", "1")) == ["0"]


def test_without_export_the_file_stays(make_broker):
    broker = make_broker(*PERSISTENT, "persistence_location {folder}", "mosquitto_export false")
    original = place(broker, "v6-small-handmade")
    broker.start()
    broker.send_signal(signal.SIGUSR1)
    broker.log.wait("There is nothing to save")
    broker.restart()
    assert database(broker).read_bytes() == original
    assert not (broker.folder / "mosquitto.db.before-tombo").exists()


def test_a_damaged_file_stops_the_start_and_nothing_is_made(tombo):
    original = place(tombo, "damaged/cut-in-payload")
    text = fails_to_start(tombo)
    assert "Error: Couldn't open database." in text
    assert "corrupt: the message at byte" in text and "move" in text
    assert database(tombo).read_bytes() == original
    assert list(tombo.folder.glob("*.tombo*")) == []
    checked = subprocess.run([tombo.program.path, "--test-config", "-c", tombo.conf_path],
                             capture_output=True, text=True, timeout=20, check=False)
    assert checked.returncode != 0 and "corrupt: the message at byte" in checked.stdout + checked.stderr


def test_an_empty_file_is_no_database(tombo):
    database(tombo).touch()
    tombo.start()
    assert "Persistence file is empty" in tombo.log.text()


def test_a_backup_of_a_running_broker_can_be_restored(tombo):
    tool = str(Path(tombo.program.path).with_name("tombo_db"))

    def run(*arguments):
        done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    tombo.start()
    mosquitto_sub(tombo, *SESSION, "-E")
    queue(tombo, 20)
    backup = tombo.folder / "backup"
    assert "20 queued" in run("backup", store(tombo), backup)
    assert "The store is whole" in run("verify", store(tombo))
    assert "20 queued" in run("verify", backup)
    assert run("dump", "--stats", store(tombo)).splitlines()[2].split()[-1] == "20"
    mosquitto_sub(tombo, *SESSION, "-C", "20")
    tombo.stop()
    store(tombo).rename(tombo.folder / "lost")
    run("restore", backup, store(tombo))
    tombo.start()
    wait_until(lambda: "Restored 1 sessions with 20 messages" in tombo.log.text(), what="the line")
    assert lines_of(mosquitto_sub(tombo, *SESSION, "-C", "20")) == numbers(20)
