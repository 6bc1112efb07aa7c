"""mosquitto.conf: grammar and errors, logging, files, reload."""
import os
import re
import signal
import socket

import pytest

import raw
from broker import free_port, wait_until
from clients import Subscriber, mosquitto_pub, mosquitto_sub

LISTENER = "listener {port} 127.0.0.1\nallow_anonymous true\n"

# --- errors ---

ERRORS = {
    "an unknown option": ("nonsense 1", 1),
    "an unknown option further down": ("\n# comment\n\nnonsense 1", 4),
    "an indented comment": (" # comment", 1),
    "a tab after the name": ("allow_anonymous\ttrue", 1),
    "a bool that is none": ("allow_anonymous maybe", 1),
    "a bool in capitals": ("allow_anonymous True", 1),
    "a bool without a value": ("allow_anonymous", 1),
    "a number without a value": ("max_queued_messages", 1),
    "a number out of range": ("max_inflight_messages 70000", 1),
    "a keepalive out of range": ("max_keepalive 70000", 1),
    "a negative interval": ("sys_interval -1", 1),
    "a packet size that is too small": ("max_packet_size 10", 1),
    "a listener without a port": ("listener", 1),
    "a listener on port 99999": ("listener 99999", 1),
    "a listener on port 0": ("listener 0", 1),
    "an unknown log type": ("log_type sauce", 1),
    "an unknown log destination": ("log_dest nowhere", 1),
    "a string given twice": ("pid_file /tmp/a\npid_file /tmp/b", 2),
    "a folder that does not exist": ("include_dir /nonexistent/folder", 1),
    "a QoS that does not exist": (LISTENER + "max_qos 3", 3),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_ends_with_status_3_and_names_file_and_line(make_broker, name):
    text, line = ERRORS[name]
    broker = make_broker(conf=text + "\n").launch()
    assert broker.wait_exit() == 3
    assert f"{broker.conf_path}:{line}" in broker.log.text()


def test_an_error_in_an_included_file_names_that_file(make_broker):
    broker = make_broker(conf=LISTENER + "include_dir {folder}/conf.d\n")
    folder = broker.folder / "conf.d"
    folder.mkdir()
    (folder / "a.conf").write_text("\nnonsense 1\n")
    broker.launch()
    assert broker.wait_exit() == 3
    assert f"{folder}/a.conf:2" in broker.log.text()


# --- grammar ---

def test_comments_blanks_and_line_ends(start_broker):
    broker = start_broker(conf="# comment\r\n\r\n#another\n   allow_anonymous true  \r\n"
                               "max_inflight_messages 7 and the rest is ignored\n\n"
                               "listener   {port}   127.0.0.1\n#end")
    with raw.RawClient(broker.port, raw.V5) as client:
        assert client.connect("x").property("receive_maximum") == 7


@pytest.mark.parametrize("word, accepted", [("true", True), ("1", True), ("false", False),
                                            ("0", False)])
def test_words_for_bools(start_broker, word, accepted):
    broker = start_broker(f"allow_anonymous {word}")
    with raw.RawClient(broker.port) as client:
        client.connect("x", expect=0 if accepted else 5)


def test_a_listener_without_allow_anonymous_refuses_anonymous_clients(start_broker):
    broker = start_broker(conf="listener {port} 127.0.0.1\n")
    done = mosquitto_pub(broker, "-t", "x", "-m", "x", status=5)
    assert b"not authorised" in done.stderr
    mosquitto_pub(broker, "-t", "x", "-m", "x", status=135, version="mqttv5")


def test_include_dir_reads_conf_files_in_order(make_broker):
    broker = make_broker(conf=LISTENER + "include_dir {folder}/conf.d\n")
    folder = broker.folder / "conf.d"
    folder.mkdir()
    (folder / "10.conf").write_text("max_inflight_messages 10\n")
    (folder / "9.conf").write_text("max_inflight_messages 9\n")
    (folder / "ignored.conf.bak").write_text("nonsense 1\n")
    broker.start()
    with raw.RawClient(broker.port, raw.V5) as client:
        assert client.connect("x").property("receive_maximum") == 9


def test_two_listeners(make_broker):
    second = free_port()
    broker = make_broker(conf=LISTENER + f"listener {second} 127.0.0.1\nmax_qos 1\n").start()
    broker.log.wait(rf"Opening ipv4 listen socket on port {second}\.")
    with raw.RawClient(broker.port, raw.V5) as first, raw.RawClient(second, raw.V5) as other:
        assert first.connect("first").property("maximum_qos") is None
        assert other.connect("other").property("maximum_qos") == 1
        other.subscribe("x")
        first.publish("x", "across")
        assert other.payloads(1) == ["across"]
    broker.log.wait(rf"New connection from 127\.0\.0\.1:\d+ on port {second}\.")


@pytest.mark.conf("listener:", "max_connections 3")
def test_max_connections(broker, raw_client):
    def enters():
        client = raw_client(connect=False)
        try:
            client.send(raw.connect(f"client-{client.socket.getsockname()[1]}"))
            return client if client.receive().reason == 0 else None
        except (raw.Closed, BrokenPipeError, ConnectionResetError):
            return None
    inside = [client for client in (enters() for _ in range(6)) if client]
    # Mosquitto 2.0.11 miscounts after a connection that ended before its CONNECT.
    assert len(inside) == 3 if broker.is_tombo else len(inside) in (3, 4)
    broker.log.wait(r"Client connection from 127\.0\.0\.1 denied: max_connections exceeded\.")
    inside[0].disconnect()
    wait_until(enters, what="room for another connection")


# --- files ---

def test_the_pid_file_holds_the_pid_while_it_runs(make_broker):
    broker = make_broker("pid_file {folder}/broker.pid").start()
    path = broker.folder / "broker.pid"
    assert int(path.read_text()) == broker.pid
    broker.stop()


def test_log_dest_file(make_broker):
    broker = make_broker("log_dest file {folder}/broker.log").start()
    path = broker.folder / "broker.log"
    mosquitto_pub(broker, "-i", "logged", "-t", "x", "-m", "x", "-q", "1")
    wait_until(lambda: "logged" in path.read_text(), what="the line in the log file")
    assert re.search(r"^\d+: New client connected from", path.read_text(), re.MULTILINE)
    assert "logged" not in broker.log.text()


def test_a_log_file_is_reopened_on_sighup(make_broker):
    broker = make_broker("log_dest file {folder}/broker.log").start()
    path = broker.folder / "broker.log"
    path.rename(broker.folder / "broker.log.1")
    broker.send_signal(signal.SIGHUP)
    wait_until(path.exists, what="the new log file")
    mosquitto_pub(broker, "-i", "rotated", "-t", "x", "-m", "x", "-q", "1")
    wait_until(lambda: "rotated" in path.read_text(), what="the line in the new file")


@pytest.mark.tombo
def test_a_log_file_that_cannot_be_opened_voids_the_reload(start_broker):
    broker = start_broker()
    broker.write_conf("allow_anonymous false", "log_dest stderr", "log_dest file /nonexistent/log")
    broker.reload()
    broker.log.wait(r"Unable to open log file /nonexistent/log for writing: No such file")
    broker.log.wait(r"The configuration was not reloaded, the old one stays\.")
    mosquitto_pub(broker, "-t", "t", "-m", "x")  # Still without a login.
    assert "has changed" not in broker.log.text()


@pytest.mark.tombo
def test_a_log_file_is_reopened_on_sigrtmin(make_broker):
    broker = make_broker("log_dest file {folder}/log").start()
    log, moved = broker.folder / "log", broker.folder / "moved"
    wait_until(lambda: "running" in log.read_text(), what="the first lines")
    log.rename(moved)
    broker.send_signal(signal.SIGRTMIN)
    wait_until(log.exists, what="the new file")
    mosquitto_pub(broker, "-i", "after", "-t", "t", "-m", "x")
    wait_until(lambda: "as after" in log.read_text(), what="the line in the new file")
    assert "as after" not in moved.read_text()


def test_log_dest_topic(start_broker):
    broker = start_broker("log_dest topic", "log_type all")
    with Subscriber(broker, "-t", "$SYS/broker/log/N", "-v") as subscriber:
        mosquitto_pub(broker, "-i", "told", "-t", "t", "-m", "x")
        wait_until(lambda: any(re.search(r"^\$SYS/broker/log/N \d+: New client connected .* as told ",
                                         line) for line in subscriber.messages()),
                   what="the line at its topic")


def test_log_dest_stdout(make_broker):
    broker = make_broker("log_dest stdout").start()
    mosquitto_pub(broker, "-i", "logged", "-t", "x", "-m", "x", "-q", "1")
    broker.stdout.wait("New client connected from .* as logged")
    assert "logged" not in broker.log.text()


# Becomes the broker in a mount namespace whose /dev has few devices and, as log, a socket of ours.
OWN_DEV = """
mkdir "$0/dev" && for name in null zero urandom; do
  touch "$0/dev/$name" && mount --bind /dev/$name "$0/dev/$name" || exit 99
done
ln -s "$0/log" "$0/dev/log" && mount --rbind "$0/dev" /dev || exit 99
exec "$@"
"""


def test_log_dest_syslog(make_broker):
    """The lines as a syslog daemon gets them: facility daemon, then local3 after a reload."""
    is_root = os.geteuid() == 0
    options = ["log_dest syslog", *([] if is_root else ["user root"])]
    broker = make_broker(*options)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(broker.folder / "log"))
        (broker.folder / "log").chmod(0o777)
        daemon.settimeout(10)
        broker.launcher = ["unshare", "-m" if is_root else "-rm", "sh", "-c", OWN_DEV,
                           str(broker.folder)]
        broker.launch()

        def received(pattern):
            while True:
                line = daemon.recv(2000).decode()
                found = re.fullmatch(r"<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d mosquitto\[(\d+)\]: "
                                     r"\d{10}: (.*)", line)
                assert found and int(found[2]) == broker.pid, line
                if re.match(pattern, found[3]):
                    return int(found[1])
        try:
            assert received("mosquitto version .* starting") == 3 * 8 + 6
        except TimeoutError:
            if broker.process.poll() is not None:
                pytest.skip(f"no mount namespace of its own: {broker.log.text()}")
            raise
        assert received("mosquitto version .* running") == 3 * 8 + 6
        with raw.RawClient(broker.port) as client:
            client.connect("told")
        assert received("New client connected from .* as told") == 3 * 8 + 5
        broker.write_conf(*options, "log_facility 3")
        broker.send_signal(signal.SIGHUP)
        # The line may still wait when the log changes.
        assert received("Reloading config") in (3 * 8 + 6, (16 + 3) * 8 + 6)
        wait_until(lambda: told_again(broker, received) == (16 + 3) * 8 + 5, what="facility local3")
        assert broker.log.text() == ""


def told_again(broker, received):
    with raw.RawClient(broker.port) as client:
        client.connect("again")
    return received("New client connected from .* as again")


def test_log_dest_none(make_broker):
    broker = make_broker("log_dest none").start()
    mosquitto_pub(broker, "-i", "logged", "-t", "x", "-m", "x", "-q", "1")
    broker.stop()
    assert "logged" not in broker.log.text() + broker.stdout.text()


# --- what is logged ---

def test_log_type_chooses_lines(make_broker):
    broker = make_broker("log_type error", "log_type subscribe").start()
    mosquitto_sub(broker, "-i", "subscriber", "-t", "some/topic", "-q", "1", "-E")
    broker.log.wait(r"subscriber 1 some/topic$")
    assert "New client connected" not in broker.log.text()


def test_subscribe_and_unsubscribe_lines(make_broker):
    broker = make_broker("log_type subscribe", "log_type unsubscribe").start()
    mosquitto_sub(broker, "-i", "s", "-t", "a/b", "-q", "2", "-U", "c/d", "-E")
    broker.log.wait(r"^\d+: s 2 a/b$")
    broker.log.wait(r"^\d+: s c/d$")


def test_connection_messages_false(make_broker):
    broker = make_broker("connection_messages false", "log_type all").start()
    mosquitto_pub(broker, "-i", "quiet", "-t", "x", "-m", "x", "-q", "1")
    broker.log.wait("Sending PUBACK to quiet")
    assert "New client connected" not in broker.log.text()


def test_log_timestamp_false(make_broker):
    broker = make_broker("log_timestamp false").start()
    broker.log.wait(r"^Config loaded from ")


def test_log_timestamp_format(make_broker):
    broker = make_broker("log_timestamp_format %Y-%m-%dT%H:%M:%S").start()
    broker.log.wait(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d: Config loaded from ")


def test_the_lines_of_a_start_and_a_stop(start_broker):
    broker = start_broker()
    broker.stop()
    number = -1
    for pattern in (r"^\d+: mosquitto version .+ starting$",
                    rf"^\d+: Config loaded from {re.escape(str(broker.conf_path))}\.$",
                    rf"^\d+: Opening ipv4 listen socket on port {broker.port}\.$",
                    r"^\d+: mosquitto version .+ running$",
                    r"^\d+: mosquitto version .+ terminating$"):
        found = [index for index, line in enumerate(broker.log.lines) if re.search(pattern, line)]
        assert found and found[0] > number, f"{pattern} in\n{broker.log.text()}"
        number = found[0]


NUMBERS = {"2.0": {raw.V31: 1, raw.V311: 2, raw.V5: 5}, "2.1": {raw.V31: 3, raw.V311: 4, raw.V5: 5}}


def connection_lines(broker, generation, level):
    """Connects and leaves, in several ways, and waits for the lines of that generation."""
    def client(name, **options):
        made = raw.RawClient(broker.port, level)
        made.connect(name, **options)
        made.place = rf"127\.0\.0\.1:{made.socket.getsockname()[1]}"
        return made
    p = NUMBERS[generation][level]
    polite = client("polite", keep_alive_s=77)
    broker.log.wait(rf"New connection from {polite.place} on port {broker.port}\.$")
    broker.log.wait(rf"New client connected from {polite.place} as polite \(p{p}, c1, k77\)\.$")
    named = client("named", username="someone", password="x", clean=False)
    broker.log.wait(rf"as named \(p{p}, c0, k60, u'someone'\)\.$")
    taken = client("taken")
    client("taken")
    polite.disconnect()
    named.close()
    if generation == "2.0":
        broker.log.wait(r"Client polite disconnected\.$")
        broker.log.wait(r"Client named closed its connection\.$")
        broker.log.wait(r"Client taken already connected, closing old connection\.$")
    else:
        broker.log.wait(rf"Client polite \[{polite.place}\] disconnected\.$")
        broker.log.wait(rf"Client named \[{named.place}\] disconnected: "
                        r"connection closed by client\.$")
        broker.log.wait(rf"Client taken \[{taken.place}\] disconnected: session taken over\.$")


@pytest.mark.parametrize("generation", ["2.0", pytest.param("2.1", marks=pytest.mark.tombo)])
def test_the_lines_of_a_connection(start_broker, generation, level):
    connection_lines(start_broker(f"compatibility {generation}"), generation, level)


@pytest.mark.parametrize("generation", ["2.0", pytest.param("2.1", marks=pytest.mark.tombo)])
def test_the_lines_of_a_refused_client(start_broker, generation):
    broker = start_broker(f"compatibility {generation}", "allow_anonymous false")
    with raw.RawClient(broker.port) as client:
        client.connect("refused", expect=5)
        client.ends()
    if generation == "2.0":
        broker.log.wait(r"Client (refused|<unknown>) disconnected, not authorised\.$")
    else:
        broker.log.wait(r"Client \S+ \[127\.0\.0\.1:\d+\] disconnected: not authorised\.$")


@pytest.mark.parametrize("generation", ["2.0", pytest.param("2.1", marks=pytest.mark.tombo)])
def test_the_lines_of_a_first_packet_that_is_no_connect(start_broker, generation):
    broker = start_broker(f"compatibility {generation}")
    with raw.RawClient(broker.port) as client:
        place = rf"127\.0\.0\.1:{client.socket.getsockname()[1]}"
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        client.ends()
    if generation == "2.0":
        broker.log.wait(r"Client <unknown> disconnected due to protocol error\.$")
    else:
        broker.log.wait(rf"Protocol error from {place}: First packet not CONNECT \(47\)\.$")


def test_the_debug_lines(start_broker):
    broker = start_broker("log_type all")
    with Subscriber(broker, "-i", "sub", "-t", "topic/+", "-q", "1", "-C", "1") as subscriber:
        mosquitto_pub(broker, "-i", "pub", "-t", "topic/a", "-m", "four", "-q", "1", "-r")
        subscriber.finish()
    with raw.RawClient(broker.port) as client:
        client.connect("pinger")
        client.ping()
        client.unsubscribe("topic/+")
    for line in (r"Sending CONNACK to sub \(0, 0\)", r"Received SUBSCRIBE from sub",
                 r"sub 1 topic/\+", r"Sending SUBACK to sub",
                 r"Received PUBLISH from pub \(d0, q1, r1, m1, 'topic/a', \.\.\. \(4 bytes\)\)",
                 r"Sending PUBLISH to sub \(d0, q1, r0, m1, 'topic/a', \.\.\. \(4 bytes\)\)",
                 r"Sending PUBACK to pub \(m1, rc0\)", r"Received PUBACK from sub \(Mid: 1, RC:0\)",
                 r"Received DISCONNECT from pub", r"Received PINGREQ from pinger",
                 r"Sending PINGRESP to pinger", r"Received UNSUBSCRIBE from pinger",
                 r"Sending UNSUBACK to pinger"):
        broker.log.wait(line)


# --- reload ---

def test_sighup_changes_the_log_type(start_broker):
    broker = start_broker()
    mosquitto_pub(broker, "-i", "before", "-t", "x", "-m", "x", "-q", "1")
    broker.write_conf("log_type all")
    broker.reload()

    def debug_lines():
        mosquitto_pub(broker, "-i", "after", "-t", "x", "-m", "x", "-q", "1")
        return "Received PUBLISH from after" in broker.log.text()
    wait_until(debug_lines, what="debug lines after the reload")
    assert "Received PUBLISH from before" not in broker.log.text()


def test_sighup_changes_allow_anonymous(start_broker):
    broker = start_broker()
    stays = raw.RawClient(broker.port)
    stays.connect("stays")
    broker.write_conf("allow_anonymous false")
    broker.reload()

    def refused():
        with raw.RawClient(broker.port) as client:
            return client.connect("new", expect=None).reason == 5
    wait_until(refused, what="refusal after the reload")
    broker.write_conf("allow_anonymous true")
    broker.reload()
    wait_until(lambda: not refused(), what="acceptance after the second reload")
    stays.close()


def test_sighup_changes_queue_qos0_messages(start_broker):
    broker = start_broker()
    mosquitto_sub(broker, "-i", "away", "-c", "-q", "1", "-t", "q", "-E")
    mosquitto_pub(broker, "-t", "q", "-m", "lost")
    broker.write_conf("queue_qos0_messages true")
    broker.reload()

    def queued():
        mosquitto_pub(broker, "-t", "q", "-m", "kept")
        with raw.RawClient(broker.port) as back:
            back.connect("away", clean=False)
            back.subscribe("end")
            back.publish("end", "end")
            return [message.payload for message in back.collect_until(b"end")] == [b"kept"]
    wait_until(queued, what="a queued message of QoS 0")


@pytest.mark.tombo
@pytest.mark.parametrize("line, name, value", [
    ("max_packet_size 5000", "maximum_packet_size", 5000),
    ("max_inflight_messages 7", "receive_maximum", 7),
    ("max_keepalive 10", "server_keep_alive", 10),
    ("retain_available false", "retain_available", 0)])
def test_sighup_changes_limits_for_new_connections(start_broker, line, name, value):
    broker = start_broker()
    broker.write_conf(line)
    broker.reload()

    def applied():
        with raw.RawClient(broker.port, raw.V5) as client:
            return client.connect("x").property(name) == value
    wait_until(applied, what=f"{line} after the reload")


@pytest.mark.tombo
def test_sighup_changes_max_queued_messages(start_broker):
    broker = start_broker("max_queued_messages 100")
    broker.write_conf("max_queued_messages 2")
    broker.reload()

    def two_are_kept():
        mosquitto_sub(broker, "-i", "away", "-c", "-q", "1", "-t", "q", "-E")
        mosquitto_pub(broker, "-t", "q", "-q", "1", "-l", stdin="1\n2\n3\n4\n")
        with raw.RawClient(broker.port) as back:
            back.connect("away", clean=False)
            back.subscribe("end")
            back.publish("end", "end")
            return len(back.collect_until(b"end")) == 2
    wait_until(two_are_kept, what="the new bound of the queue")


def test_sighup_keeps_connections_and_sessions(broker, raw_client):
    client = raw_client("stays")
    client.subscribe("x", qos=1)
    broker.reload()
    raw_client().publish("x", "still here", qos=1)
    assert client.payloads(1) == ["still here"]


@pytest.mark.tombo
def test_sighup_with_an_error_keeps_the_old_configuration(start_broker):
    broker = start_broker("max_inflight_messages 7")
    broker.write_conf("max_inflight_messages 9", "nonsense 1")
    broker.send_signal(signal.SIGHUP)
    broker.log.wait(rf"{re.escape(str(broker.conf_path))}:\d+")
    with raw.RawClient(broker.port, raw.V5) as client:
        assert client.connect("x").property("receive_maximum") == 7
