"""tombo_pub in place of mosquitto_pub: what each option does, seen from the other side."""
import re
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest

import raw
from authority import Authority
from clients import TIMEOUT_S, environment, tool

pytestmark = pytest.mark.tombo

PUB = "tombo_pub"
PSK = "0123456789abcdef"
# How the broker's log calls versions.
LEVELS = {"2.0": {"31": 1, "311": 2, "5": 5}, "2.1": {"31": 3, "311": 4, "5": 5}}


def words_of(broker, arguments):
    return [str(Path(broker.program.path).with_name(PUB)), "-h", "127.0.0.1", "-p",
            str(broker.port), *map(str, arguments)]


def run_pub(broker, *arguments, status=0, stdin=b"", variables=None):
    done = subprocess.run(words_of(broker, arguments), input=stdin, capture_output=True,
                          timeout=TIMEOUT_S, check=False,
                          env={**environment(broker), **(variables or {})})
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done


@pytest.fixture
def watcher(broker):
    """Subscribed to everything, at QoS 2 and with the retain flag as it was published."""
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("watcher")
        client.subscribe("#", qos=2, options=8)
        yield client


def one(watcher):
    message, = watcher.collect(1)
    return message


# What is published.

def test_a_message_is_published(broker, watcher):
    run_pub(broker, "-t", "a/b", "-m", "hello")
    got = one(watcher)
    assert (got.topic, got.payload, got.qos, got.retain) == ("a/b", b"hello", 0, False)


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5", "31", "311", "5"])
def test_each_qos_and_version(broker, watcher, qos, version):
    run_pub(broker, "-t", "t", "-m", "x", "-q", qos, "-V", version)
    assert one(watcher).qos == qos
    level = LEVELS[broker.program.compatibility][version.removeprefix("mqttv")]
    broker.log.wait(rf"New client connected from .* as (mosq-|auto-)?\S+ \(p{level}")


def test_retain(broker, watcher):
    run_pub(broker, "-t", "t", "-m", "x", "-r")
    assert one(watcher).retain


def test_an_empty_message(broker, watcher):
    run_pub(broker, "-t", "t", "-n")
    assert one(watcher).payload == b""


def test_a_file_and_standard_input(broker, watcher, tmp_path):
    data = bytes(range(256)) * 400
    (tmp_path / "file").write_bytes(data)
    run_pub(broker, "-t", "t", "-f", tmp_path / "file", "-q", "1")
    assert one(watcher).payload == data
    run_pub(broker, "-t", "t", "-s", "-q", "1", stdin=data)
    assert one(watcher).payload == data


def test_a_file_that_is_not_there(broker):
    done = run_pub(broker, "-t", "t", "-f", "/no/such", status=1)
    assert done.stderr == b'Error: Unable to read file "/no/such": No such file or directory.\n'


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_lines(broker, watcher, qos):
    run_pub(broker, "-t", "t", "-l", "-q", qos, stdin=b"one\n\ntwo\nlast without an end")
    assert [each.payload for each in watcher.collect(4)] == \
        [b"one", b"", b"two", b"last without an end"]


@pytest.mark.conf("max_queued_messages 0")
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_many_lines_come_once_and_in_order(broker, watcher, qos):
    run_pub(broker, "-t", "t", "-l", "-q", qos, stdin=b"".join(b"%d\n" % i for i in range(20000)))
    assert [int(each.payload) for each in watcher.collect(20000)] == list(range(20000))


def test_repeat(broker, watcher):
    run_pub(broker, "-t", "t", "-m", "x", "--repeat", "3", "--repeat-delay", "0.05")
    assert [each.payload for each in watcher.collect(3)] == [b"x"] * 3


def test_one_kind_of_message_only(broker):
    done = run_pub(broker, "-t", "t", "-m", "x", "-n", status=1)
    assert b"Error: Only one type of message can be sent at once." in done.stderr


# Properties.

def test_properties_of_publish(broker, watcher):
    run_pub(broker, "-t", "t", "-m", "x", "-D", "publish", "content-type", "text/plain",
            "-D", "publish", "user-property", "name", "value with blanks",
            "-D", "publish", "correlation-data", "id", "--property", "publish",
            "payload-format-indicator", "1", "-D", "publish", "response-topic", "answer",
            "-D", "publish", "message-expiry-interval", "100")
    got = one(watcher)
    assert got.property("content_type") == "text/plain"
    assert got.property("user_property") == ("name", "value with blanks")
    assert got.property("correlation_data") == b"id"
    assert got.property("payload_format_indicator") == 1
    assert got.property("response_topic") == "answer"
    assert 90 < got.property("message_expiry_interval") <= 100


@pytest.mark.parametrize("words, text", [
    (["publish", "subscription-identifier", "1"], "subscription-identifier property not allowed for publish"),
    (["publish", "no-such", "1"], "Invalid property name given in --property argument: no-such."),
    (["nobody", "content-type", "1"], "Invalid command given in --property argument: nobody."),
    (["puback", "reason-string", "1"], "puback properties not supported in --property argument."),
    (["publish", "topic-alias", "70000"], "Property value (70000) out of range for property topic-alias."),
    (["publish", "content-type"], "not enough arguments"),
])
def test_properties_that_are_refused(broker, words, text):
    done = run_pub(broker, "-t", "t", "-m", "x", "-D", *words, status=1)
    assert text in done.stderr.decode()


def test_a_topic_alias_stands_for_the_topic_from_the_second_message_on(broker, watcher):
    run_pub(broker, "-t", "long/topic", "-l", "-D", "publish", "topic-alias", "5",
            stdin=b"1\n2\n3\n")
    assert [(each.topic, each.payload) for each in watcher.collect(3)] == \
        [("long/topic", b"1"), ("long/topic", b"2"), ("long/topic", b"3")]


# The client and its session.

@pytest.mark.parametrize("arguments, pattern", [
    (["-i", "me"], r" as me \("),
    (["-I", "pre-"], r" as pre-\d+ \("),
    (["-k", "77"], r"k77"),
    (["-i", "me", "-c"], r" as me \(p\w+, c0"),
    ([], r" as mosq-[0-9A-Za-z]{18} \(p\w+, c1, k60"),
    (["-u", "user", "-P", "word"], r"u'user'"),
])
def test_what_connect_says(broker, arguments, pattern):
    run_pub(broker, "-t", "t", "-m", "x", *arguments)
    broker.log.wait("New client connected from .*" + pattern)


def test_a_session_that_stays(broker):
    run_pub(broker, "-t", "t", "-m", "x", "-i", "stays", "-c", "-V", "5")
    with raw.RawClient(broker.port, raw.V5) as client:
        assert client.connect("stays", clean=False).session_present
    run_pub(broker, "-t", "t", "-m", "x", "-i", "goes", "-x", "0", "-c")
    with raw.RawClient(broker.port, raw.V5) as client:
        assert not client.connect("goes", clean=False).session_present


@pytest.mark.parametrize("arguments, text", [
    (["-c"], "You must provide a client id if you are using the -c option."),
    (["-x", "-1"], "You must provide a client id if you are using an infinite session expiry interval."),
    (["-i", "a", "-I", "b"], "-i and -I argument cannot be used together."),
    (["-k", "4"], "Invalid keepalive given, it must be between 5 and 65535 inclusive: 4"),
    (["-M", "0"], "Invalid maximum inflight given: 0"),
    (["-q", "3"], "Invalid QoS given: 3"),
    (["-V", "6"], "Invalid protocol version argument given: 6"),
    (["-p", "99999"], "Invalid port given: 99999"),
    (["--will-payload", "x"], "Will payload given, but no will topic given."),
    (["--will-retain"], "Will retain given, but no will topic given."),
    (["--will-topic", "a/#"], "Invalid will topic 'a/#', does it contain '+' or '#'?"),
    (["--repeat", "0"], "--repeat argument must be >0."),
    (["--repeat-delay", "-1"], "--repeat-delay argument must be >=0.0."),
    (["--cert", "x", "--cafile", "y"], "Both certfile and keyfile must be provided if one of them is set."),
    (["--psk", "00"], "Both --psk and --psk-identity must be given if one of them is."),
    (["--keyform", "der"], 'If keyform is set, it must be one of "pem" or "engine".'),
    (["--tls-version", "tlsv1"], "Invalid TLS version given: tlsv1"),
    (["--proxy", "http://a"], "Unsupported proxy protocol."),
    (["-L", "http://a/b"], "Unsupported URL scheme."),
    (["-L", "mqtt://a"], "topic missing"),
    (["--nonsense"], "Unknown option '--nonsense'."),
    (["-i"], "-i argument given but no id specified."),
])
def test_what_is_wrong_is_said(broker, arguments, text):
    done = run_pub(broker, "-t", "t", "-m", "x", *arguments, status=1)
    assert f"Error: {text}" in done.stderr.decode() or text in done.stderr.decode()
    assert "Use 'mosquitto_pub --help' to see usage." in done.stderr.decode()


def test_a_password_without_a_user_name(broker):
    done = run_pub(broker, "-t", "t", "-m", "x", "-P", "word")
    assert done.stderr == b"Warning: Not using password since username not set.\n"


def test_the_will_of_a_publisher_that_is_killed(broker, watcher):
    words = words_of(broker, ["-t", "t", "-l", "--will-topic", "gone", "--will-payload", "it is",
                              "--will-qos", "1", "--will-retain", "-V", "5",
                              "-D", "will", "content-type", "text"])
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment(broker)) as process:
        process.stdin.write(b"here\n")
        process.stdin.flush()
        assert one(watcher).payload == b"here"
        process.kill()
    got = one(watcher)
    assert (got.topic, got.payload, got.qos, got.retain) == ("gone", b"it is", 1, True)
    assert got.property("content_type") == "text"


def test_no_more_under_way_than_allowed(broker):
    """Somebody who never acknowledges sees the window."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [*words_of(broker, ["-t", "t", "-l", "-q", "1", "-M", "3"])[:1], "-h", "127.0.0.1", "-p",
                 str(server.getsockname()[1]), "-t", "t", "-l", "-q", "1", "-M", "3"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment(broker)) as process:
            process.stdin.write(b"x\n" * 10)
            process.stdin.flush()
            client = server.accept()[0]
            client.settimeout(TIMEOUT_S)
            client.recv(1000)
            client.sendall(b"\x20\x02\x00\x00")
            got = b""
            while got.count(b"\x00\x01t") < 3:
                got += client.recv(1000)
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(1000)
            client.sendall(b"\x40\x02\x00\x01")
            client.settimeout(TIMEOUT_S)
            assert client.recv(1000).count(b"\x00\x01t") == 1
            process.kill()


# Ways to the broker.

def test_a_url(broker, watcher):
    run_pub(broker, "-L", f"mqtt://us%25er:pa%3Ass@127.0.0.1:{broker.port}/from/url", "-m", "x")
    assert one(watcher).topic == "from/url"
    broker.log.wait(r"u'us%er'")


def test_an_address_of_this_end(broker):
    run_pub(broker, "-t", "t", "-m", "x", "-A", "127.0.0.5", "--nodelay")
    broker.log.wait(r"New client connected from 127\.0\.0\.5")


def test_a_unix_socket(start_broker):
    broker = start_broker("listener:", "listener 0 {folder}/sock")
    with raw.RawClient(broker.port) as watcher:
        watcher.connect("watcher")
        watcher.subscribe("#")
        run_pub(broker, "--unix", broker.folder / "sock", "-t", "t", "-m", "x")
        assert one(watcher).payload == b"x"


@pytest.mark.parametrize("size", [1, 200, 70000])
def test_web_sockets(start_broker, size):
    broker = start_broker("listener:", "protocol websockets")
    run_pub(broker, "--ws", "-t", "t", "-m", "y" * size, "-q", "2", "-r")
    run_pub(broker, "-L", f"ws://127.0.0.1:{broker.port}/u", "-m", "x")


def socks_proxy(server, login):
    """Serves one client of a SOCKS5 proxy; gives what it was asked for."""
    client = server.accept()[0]
    count = client.recv(2)[1]
    client.recv(count)
    client.sendall(b"\x05\x02" if login else b"\x05\x00")
    asked = {}
    if login:
        head = client.recv(2)
        user = client.recv(head[1])
        asked["login"] = (user, client.recv(client.recv(1)[0]))
        client.sendall(b"\x01\x00")
    head = client.recv(5)
    host = client.recv(head[4])
    port, = struct.unpack("!H", client.recv(2))
    asked["target"] = (host, port)
    there = socket.create_connection((host, port))
    client.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")

    def copy(source, target):
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    back = threading.Thread(target=copy, args=(there, client))
    back.start()
    copy(client, there)
    back.join()
    return asked


@pytest.mark.parametrize("login", [None, (b"me", b"a:b")])
def test_a_proxy(broker, watcher, login):
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = {}
        thread = threading.Thread(target=lambda: asked.update(socks_proxy(server, login)))
        thread.start()
        user = "me:a%3Ab@" if login else ""
        run_pub(broker, "--proxy", f"socks5h://{user}127.0.0.1:{server.getsockname()[1]}", "-t", "t",
                "-m", "x", "-q", "1")
        thread.join()
    assert one(watcher).payload == b"x"
    assert asked["target"] == (b"127.0.0.1", broker.port)
    assert asked.get("login") == login


# TLS.

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    base = tmp_path_factory.mktemp("authority")
    for each in (base, *list(base.parents)[:2]):
        each.chmod(0o755)
    made = Authority(base / "ca")
    made.issue("server")
    made.issue("sensor")
    return made


@pytest.fixture
def tls_broker(start_broker, authority):
    return start_broker("listener:", f"cafile {authority.path('ca.crt')}",
                        f"certfile {authority.path('server.crt')}",
                        f"keyfile {authority.path('server.key')}", "require_certificate true",
                        "use_identity_as_username true")


def test_tls_with_a_certificate(tls_broker, authority, tmp_path):
    own = ["--cafile", authority.path("ca.crt"), "--cert", authority.path("sensor.crt"), "--key",
           authority.path("sensor.key"), "--keyform", "pem"]
    for more in [], ["--tls-version", "tlsv1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"], \
            ["--tls-version", "tlsv1.3"], ["--tls-alpn", "mqtt"], \
            ["--tls-keylog", str(tmp_path / "keys")]:
        run_pub(tls_broker, *own, *more, "-t", "t", "-m", "x", "-q", "1")
    tls_broker.log.wait("u'sensor'")
    assert "CLIENT" in (tmp_path / "keys").read_text()
    run_pub(tls_broker, *own[2:], "--insecure", "-t", "t", "-m", "x", "-q", "1")


def test_who_is_not_trusted(tls_broker, authority, tmp_path):
    other = Authority(tmp_path / "other", "Other")
    done = run_pub(tls_broker, "--cafile", other.path("ca.crt"), "-t", "t", "-m", "x", status=8)
    assert b"Error: A TLS error occurred:" in done.stderr
    done = run_pub(tls_broker, "--cafile", "/no/such", "-t", "t", "-m", "x", status=1)
    assert b"Error: Problem setting TLS options:" in done.stderr and b"/no/such" in done.stderr
    done = run_pub(tls_broker, "--tls-use-os-certs", "-t", "t", "-m", "x", status=8)
    assert b"Error: A TLS error occurred:" in done.stderr


def test_a_folder_of_authorities(tls_broker, authority, tmp_path):
    (tmp_path / "ca.pem").write_text(Path(authority.path("ca.crt")).read_text())
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    run_pub(tls_broker, "--capath", tmp_path, "--cert", authority.path("sensor.crt"), "--key",
            authority.path("sensor.key"), "-t", "t", "-m", "x", "-q", "1")


def test_a_shared_key(start_broker, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "psk").write_text(f"device:{PSK}\n")
    (tmp_path / "psk").chmod(0o644)
    broker = start_broker(f"psk_file {tmp_path / 'psk'}", "listener:", "psk_hint hint",
                          "use_identity_as_username true")
    run_pub(broker, "--psk", PSK, "--psk-identity", "device", "-t", "t", "-m", "x", "-q", "1")
    broker.log.wait("u'device'")
    run_pub(broker, "--psk", "00" + PSK[2:][:-2] + "00", "--psk-identity", "device", "-t", "t", "-m",
            "x", status=8)


# How it ends.

def test_nobody_listens(broker):
    broker.stop()
    done = run_pub(broker, "-t", "t", "-m", "x", status=1)
    assert done.stderr == b"Error: Connection refused\n"
    assert run_pub(broker, "-t", "t", "-m", "x", "--quiet", status=1).stderr == b""
    done = run_pub(broker, "-h", "no.such.host.invalid", "-t", "t", "-m", "x", status=1)
    assert done.stderr == b"Unable to connect (Lookup error.).\n"


@pytest.mark.conf("allow_anonymous false")
def test_a_client_that_is_not_let_in(broker):
    done = run_pub(broker, "-t", "t", "-m", "x", status=5)
    assert done.stderr == (b"Connection error: Connection Refused: not authorised.\n"
                           b"Error: The connection was refused.\n")
    done = run_pub(broker, "-t", "t", "-m", "x", "-V", "5", status=135)
    assert done.stderr == (b"Connection error: Not authorized\nError: A network protocol error "
                           b"occurred when communicating with the broker.\n")


@pytest.mark.conf("max_packet_size 100")
def test_a_message_that_is_too_large(broker):
    done = run_pub(broker, "-t", "t", "-m", "x" * 300, "-q", "1", status=7)
    assert done.stderr == b"Error: The connection was lost.\n"


def test_a_message_that_is_refused(start_broker, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "acl").write_text("topic read #\n")
    (tmp_path / "acl").chmod(0o644)
    broker = start_broker(f"acl_file {tmp_path / 'acl'}")
    assert run_pub(broker, "-t", "t", "-m", "x", "-q", "1").stderr == b""
    done = run_pub(broker, "-t", "t", "-m", "x", "-q", "1", "-V", "5")
    assert done.stderr == b"Warning: Publish 1 failed: Not authorized.\n"


def test_lines_go_on_when_the_broker_comes_back(make_broker):
    broker = make_broker("persistence true", "persistence_location {folder}",
                         "max_queued_messages 0").start()
    with raw.RawClient(broker.port) as client:
        client.connect("absent", clean=False)
        client.subscribe("t", qos=1)
    words = words_of(broker, ["-t", "t", "-l", "-q", "1", "-i", "pub", "-c"])
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment(broker)) as process:
        for number in range(3):
            watcher = raw.RawClient(broker.port)
            watcher.connect()
            watcher.subscribe("t")
            process.stdin.write(b"".join(b"%d\n" % (number * 1000 + i) for i in range(1000)))
            process.stdin.flush()
            if number < 2:
                one(watcher)  # It is in, and in the middle of it.
                broker.kill()
                broker.start()
        process.stdin.close()
        assert process.wait(TIMEOUT_S) == 0
    with raw.RawClient(broker.port) as client:
        client.connect("absent", clean=False)
        # Each line at least once.
        got = {int(each.payload) for each in client.collect_until(b"2999")}
    assert got == set(range(2999))


def test_a_signal_ends_it(broker, watcher):
    with subprocess.Popen(words_of(broker, ["-t", "t", "-l"]), stdin=subprocess.PIPE,
                          env=environment(broker)) as process:
        process.stdin.write(b"here\n")
        process.stdin.flush()
        one(watcher)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == -signal.SIGTERM


# What it prints.

def test_the_packets_of_debug(broker):
    text = run_pub(broker, "-i", "me", "-t", "a", "-m", "hello", "-q", "2", "-d").stdout.decode()
    assert text.splitlines() == [
        "Client me sending CONNECT", "Client me received CONNACK (0)",
        "Client me sending PUBLISH (d0, q2, r0, m1, 'a', ... (5 bytes))",
        "Client me received PUBREC (Mid: 1, RC:0)", "Client me sending PUBREL (m1, rc0)",
        "Client me received PUBCOMP (Mid: 1, RC:0)", "Client me sending DISCONNECT"]


def test_help_and_version(broker):
    text = run_pub(broker, "--help", status=1).stdout.decode()
    for line in subprocess.run([tool("mosquitto_pub"), "--help"], capture_output=True, text=True,
                               check=False).stdout.splitlines():
        found = re.match(r" (-{1,2}[\w-]+) :", line)
        if found:
            assert re.search(rf"(^|\s){found[1]}[\s,]", text), found[1]
    text = run_pub(broker, "--version", status=1).stdout.decode()
    assert re.fullmatch(r"mosquitto_pub version [\d.]+ running on libmosquitto [\d.]+\.\n", text)


def test_option_files(broker, watcher, tmp_path):
    config = broker.folder / "config"
    config.mkdir()
    (config / "mosquitto_pub").write_text("# always\n-q 2\n-t from/file\n\n-D publish user-property a b c\n")
    run_pub(broker, "-m", "x")
    got = one(watcher)
    assert (got.topic, got.qos, got.property("user_property")) == ("from/file", 2, ("a", "b c"))
    run_pub(broker, "-m", "x", "-q", "1")
    assert one(watcher).qos == 1, "the command line wins"
    (tmp_path / "other").write_text("-t other\n")
    run_pub(broker, "-m", "x", "-o", tmp_path / "other")
    assert one(watcher).topic == "other"
    (tmp_path / "wrong").write_text("-t other\n--nonsense\n")
    done = run_pub(broker, "-m", "x", "-o", tmp_path / "wrong", status=1)
    assert b"wrong:2: Unknown option '--nonsense'." in done.stderr
