"""tombo_sub in place of mosquitto_sub: what each option does. What it shares with tombo_pub (ways to the broker, TLS,
the session) is in test_pub.py."""
import re
import signal
import subprocess
from pathlib import Path

import pytest

import raw
from broker import wait_until
from clients import TIMEOUT_S, environment, mosquitto_pub, tool

pytestmark = pytest.mark.tombo


def words_of(broker, arguments):
    return [str(Path(broker.program.path).with_name("tombo_sub")), "-h", "127.0.0.1", "-p",
            str(broker.port), *map(str, arguments)]


def run_sub(broker, *arguments, status=0, variables=None):
    """For those that end by themselves."""
    done = subprocess.run(words_of(broker, arguments), capture_output=True, timeout=TIMEOUT_S,
                          stdin=subprocess.DEVNULL, check=False,
                          env={**environment(broker), **(variables or {})})
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done


class Running:
    """A tombo_sub that has subscribed."""

    def __init__(self, broker, *arguments):
        since = len(broker.log.lines)
        self.process = subprocess.Popen(words_of(broker, [*arguments, "-i", "sub"]),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, env=environment(broker))
        broker.log.wait("Sending SUBACK to sub", since=since)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def finish(self, status=0):
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == status, (out, err)
        return out.decode()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.finish()


@pytest.fixture
def broker(start_broker, request):
    marker = request.node.get_closest_marker("conf")
    return start_broker("log_type all", *(marker.args if marker else ()))


@pytest.fixture
def publish(broker):
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("publisher")
        yield client.publish


def test_messages_are_printed(broker, publish):
    with Running(broker, "-t", "a/#", "-t", "b", "-C", "3") as sub:
        for topic, payload in ("a/1", b"one"), ("b", b""), ("a/2", b"two words"):
            publish(topic, payload)
        assert sub.finish() == "one\n\ntwo words\n"


def test_verbose(broker, publish):
    with Running(broker, "-t", "#", "-v", "-C", "2") as sub:
        publish("a/1", b"one")
        publish("b", b"")
        assert sub.finish() == "a/1 one\nb (null)\n"


def test_no_end_of_line(broker, publish):
    with Running(broker, "-t", "#", "-N", "-C", "2") as sub:
        publish("a", b"1")
        publish("a", b"2")
        assert sub.finish() == "12"


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
def test_qos(broker, publish, qos, version):
    with Running(broker, "-t", "t", "-q", qos, "-F", "%q %p", "-C", "1", "-V", version) as sub:
        publish("t", b"x", qos=2)
        assert sub.finish() == f"{qos} x\n"


def test_a_format(broker, publish):
    with Running(broker, "-t", "t", "-F", r"@Y-@m [%10t] %-5p| %X\t%P", "-C", "1", "-V", "5") as sub:
        publish("t", b"abc", properties=[("user_property", ("k", "v"))])
        assert re.fullmatch(r"20\d\d-\d\d \[         t\] abc  \| 616263\tk:v\n", sub.finish())
    done = run_sub(broker, "-t", "t", "-F", "%z", status=1)
    assert b"Error: Invalid format specifier 'z'." in done.stderr


def test_json(broker, publish):
    with Running(broker, "-t", "t", "-F", "%J", "--pretty", "-C", "1") as sub:
        publish("t", b'{"a": 1}', qos=1)
        text = sub.finish()
    assert '\t"topic":\t"t"' in text and '\t"payload":\t{\n' in text


def test_count_and_time(broker):
    done = run_sub(broker, "-t", "nothing", "-W", "1", status=27)
    assert (done.stdout, done.stderr) == (b"", b"Timed out\n")
    assert run_sub(broker, "-t", "nothing", "-W", "1", "--quiet", status=27).stderr == b""
    run_sub(broker, "-t", "nothing", "-E")
    for words in ["-C", "0"], ["-W", "0"]:
        run_sub(broker, "-t", "nothing", *words, status=1)


def test_retained_messages(broker, publish):
    for number in range(3):
        publish(f"r/{number}", b"kept", retain=True)
    with Running(broker, "-t", "r/#", "-R", "-C", "1") as sub:
        publish("r/9", b"live")
        assert sub.finish() == "live\n"
    with Running(broker, "-t", "r/#", "--retained-only", "-v") as sub:
        publish("r/9", b"live")
        assert sorted(sub.finish().splitlines()) == ["r/0 kept", "r/1 kept", "r/2 kept"]
    run_sub(broker, "-t", "r/#", "-R", "--retained-only", status=1)
    run_sub(broker, "-t", "r/#", "--retain-handling", "never", "-V", "5", "-W", "1", status=27)
    assert b"kept" in run_sub(broker, "-t", "r/0", "--retain-handling", "new", "-V", "5", "-C", "1").stdout
    run_sub(broker, "-t", "r/0", "--retain-handling", "sometimes", status=1)
    run_sub(broker, "-t", "r/#", "--remove-retained", "-C", "3")
    assert run_sub(broker, "-t", "r/#", "-W", "1", status=27).stdout == b""


def test_retain_as_published(broker, publish):
    with Running(broker, "-t", "t", "-F", "%r", "-V", "5", "--retain-as-published", "-C", "1") as sub:
        publish("t", b"x", retain=True)
        assert sub.finish() == "1\n"


def test_hidden_topics(broker, publish):
    with Running(broker, "-t", "#", "-T", "a/#", "-T", "+/secret", "-C", "1") as sub:
        publish("a/b", b"1")
        publish("x/secret", b"2")
        publish("x/open", b"3")
        assert sub.finish() == "3\n"


def test_some_at_random(broker, publish):
    with Running(broker, "-t", "t", "--random-filter", "50", "-q", "1") as sub:
        for _ in range(400):
            publish("t", b"x", qos=1)
        assert 100 < len(sub.end().splitlines()) < 300
    run_sub(broker, "-t", "t", "--random-filter", "0", status=1)


def test_unsubscribe(broker, publish):
    run_sub(broker, "-t", "t", "-c", "-i", "sub", "-E")
    run_sub(broker, "-t", "other", "-U", "t", "-c", "-i", "sub", "-W", "1", status=27)
    publish("t", b"x", qos=1)
    assert run_sub(broker, "-t", "other", "-q", "1", "-c", "-i", "sub", "-W", "1", status=27).stdout == b""
    run_sub(broker, "-U", "t", "-i", "sub", "-W", "1",
            status=27)


def test_watch(broker, publish):
    with Running(broker, "-t", "#", "-w", "-v", "-C", "3") as sub:
        for topic, payload in ("a", b"1"), ("b", b"2"), ("a", b"3"):
            publish(topic, payload)
        assert sub.finish() == "\x1b[2J\x1b[1;1H\x1b[2Ka 1\x1b[2;1H\x1b[2Kb 2\x1b[1;1H\x1b[2Ka 3"


def test_message_rate(broker, publish):
    with Running(broker, "-t", "t", "--message-rate", "-W", "3") as sub:
        for _ in range(10):
            publish("t", b"x", qos=1)
        out = sub.finish(27)
    assert sum(map(int, out.split())) == 10


def test_properties_of_subscribe(broker, publish):
    with Running(broker, "-t", "t", "-V", "5", "-D", "subscribe", "subscription-identifier", "7", "-F",
                 "%S", "-C", "1") as sub:
        publish("t", b"x")
        assert sub.finish() == "7\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_peace(broker, number):
    with Running(broker, "-t", "t") as sub:
        sub.end(number)
    broker.log.wait(r"Received DISCONNECT from sub")


def test_a_durable_session(broker):
    run_sub(broker, "-t", "t", "-q", "1", "-c", "-i", "stays", "-E")
    mosquitto_pub(broker, "-q", "1", "-t", "t", "-m", "waited")
    assert run_sub(broker, "-t", "t", "-q", "1", "-c", "-i", "stays", "-C", "1").stdout == b"waited\n"


def test_all_subscriptions_denied(start_broker, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "acl").write_text("topic read other\n")
    (tmp_path / "acl").chmod(0o644)
    broker = start_broker(f"acl_file {tmp_path / 'acl'}", "acl_subscribe_check true")
    done = run_sub(broker, "-t", "t", "-V", "5")
    assert done.stderr == b"All subscription requests were denied.\n"


def test_it_comes_back_to_a_broker_that_comes_back(make_broker):
    broker = make_broker("log_type all").start()
    with Running(broker, "-t", "t", "-C", "1", "-q", "1") as sub:
        broker.kill()
        broker.start()
        broker.log.wait("Sending SUBACK to sub")
        mosquitto_pub(broker, "-t", "t", "-m", "again", "-q", "1")
        assert sub.finish() == "again\n"


@pytest.mark.conf("allow_anonymous false")
def test_a_client_that_is_not_let_in(broker):
    done = run_sub(broker, "-t", "t", status=5)
    assert done.stderr == (b"Connection error: Connection Refused: not authorised.\n"
                           b"Error: The connection was refused.\n")


def test_nobody_listens(broker):
    broker.stop()
    assert run_sub(broker, "-t", "t", status=1).stderr == b"Error: Connection refused\n"


def test_debug(broker):
    text = run_sub(broker, "-t", "t", "-i", "me", "-q", "1", "-E", "-d").stdout.decode()
    assert text.splitlines() == [
        "Client me sending CONNECT", "Client me received CONNACK (0)",
        "Client me sending SUBSCRIBE (m1, rc0)", "Client me received SUBACK (Mid: 1, RC:0)",
        "Subscribed (mid: 1): 1", "Client me sending DISCONNECT"]


def test_what_is_wrong_is_said(broker):
    for words, text in ((["-t", "a/#/b"], "Invalid subscription topic 'a/#/b'"),
                        ([], "You must specify a topic to subscribe to (-t <topic>)."),
                        (["-t", "t", "-m", "x"], "Unknown option '-m'.")):
        done = run_sub(broker, *words, status=1)
        assert f"Error: {text}" in done.stderr.decode()
        assert "Use 'mosquitto_sub --help' to see usage." in done.stderr.decode()


def test_a_url(broker, publish):
    publish("from/url", b"x", retain=True)
    done = run_sub(broker, "-L", f"mqtt://127.0.0.1:{broker.port}/from/url", "-C", "1")
    assert done.stdout == b"x\n"


def test_nobody_reads_what_it_prints(broker, publish):
    with Running(broker, "-t", "t") as sub:
        sub.process.stdout.close()
        sub.process.stdout = None

        def ended():
            publish("t", b"x", qos=1)
            return sub.process.poll() is not None
        wait_until(ended, what="the end of the client")


def test_help_and_version(broker):
    text = run_sub(broker, "--help", status=1).stdout.decode()
    for line in subprocess.run([tool("mosquitto_sub"), "--help"], capture_output=True, text=True,
                               check=False).stdout.splitlines():
        found = re.match(r" (-{1,2}[\w-]+) :", line)
        if found:
            assert re.search(rf"(^|\s){found[1]}[\s,]", text), found[1]
    text = run_sub(broker, "--version", status=1).stdout.decode()
    assert re.fullmatch(r"mosquitto_sub version [\d.]+ running on libmosquitto [\d.]+\.\n", text)
