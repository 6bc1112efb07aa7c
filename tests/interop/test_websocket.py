"""WebSocket listeners: the request that opens one, frames, refusals and their log lines."""
import socket
import ssl
import struct

import pytest

import raw
import websocket
from authority import Authority
from clients import Paho
from websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocketClient, ask, frame,
                       upgrade_request)

pytestmark = pytest.mark.tombo  # Debian's Mosquitto differs in ways that are wrong.

LINES = ["log_type all", "listener:", "protocol websockets"]
SAYS_SO = "This is an MQTT broker that waits for MQTT over WebSocket."


@pytest.fixture
def start_websockets(start_broker):
    return lambda *lines: start_broker(*LINES, *lines)


@pytest.fixture
def broker(start_websockets):
    return start_websockets()


@pytest.fixture
def client(broker):
    with WebSocketClient(broker) as made:
        made.connect("ws")
        yield made


# --- the request ---

@pytest.mark.parametrize("protocols, chosen", [
    (["mqtt"], "mqtt"), (["mqttv3.1"], "mqttv3.1"), (["foo, mqtt"], "mqtt"),
    (["foo", "bar,mqtt"], "mqtt"), (["mqtt,mqttv3.1"], "mqtt")])
def test_the_sub_protocol_is_named_in_the_answer(broker, protocols, chosen):
    """[MQTT-6.0.0-4]"""
    with WebSocketClient(broker, protocols=protocols) as client:
        assert client.frames.answer.headers["sec-websocket-protocol"] == chosen
        client.connect("a")
        client.ping()


def test_the_log_tells_the_listener(broker):
    broker.log.wait(rf"Opening websockets listen socket on port {broker.port}\.")
    if broker.program.compatibility == "2.1":
        broker.log.wait(r"Websockets support available\.")


@pytest.mark.parametrize("request_bytes, status, words", [
    (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426, "does not ask for WebSocket"),
    (b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 426, "does not ask for"),
    (b"HELLO there\r\n\r\n", 400, "not an HTTP request"),
    (upgrade_request(version=8), 426, 'WebSocket version "8", not 13'),
    (upgrade_request(key="short"), 400, "Sec-WebSocket-Key is not the Base64 of 16 bytes"),
    (upgrade_request(protocols=["foo, bar"]), 400, 'Sec-WebSocket-Protocol "foo, bar" has neither'),
    (upgrade_request(protocols=[]), 400, "has neither mqtt nor mqttv3.1"),
    (upgrade_request(headers=["Cookie: " + "x" * 5000]), 431, "head of more than 4096 bytes"),
])
def test_other_requests_get_an_answer_that_helps(broker, request_bytes, status, words):
    answer = ask(broker, request_bytes)
    assert answer.status == status
    assert words in answer.body and SAYS_SO in answer.body
    if "version" in words:
        assert answer.headers["sec-websocket-version"] == "13"
    if status == 426:
        assert answer.headers["upgrade"] == "websocket"
    broker.log.wait(r"Client connection from 127\.0\.0\.1 failed: .*" + words)


@pytest.mark.parametrize("option", ["packet_buffer_size", "websockets_headers_size"])
def test_the_bound_of_the_request_is_an_option(start_broker, option):
    broker = start_broker(f"{option} 20000", *LINES)
    with WebSocketClient(broker, headers=["Cookie: " + "x" * 19000]) as client:
        client.connect("a")
    assert ask(broker, upgrade_request(headers=["Cookie: " + "x" * 20000])).status == 431


def test_what_is_no_http_is_named_in_the_log(broker):
    for first_bytes, words in [
            (raw.connect("a"), "looks like plain MQTT on a WebSocket listener"),
            (b"\x16\x03\x01\x02\x00", "looks like TLS on a WebSocket listener without TLS"),
            (b"\x00\x01", r"looks like no HTTP on a WebSocket listener \(first byte 00\)")]:
        with raw.RawClient(broker.port) as client:
            client.send(first_bytes)
            assert client.ends() == []
        broker.log.wait("Client connection from 127.0.0.1 failed: " + words)


def test_http_on_a_plain_listener_is_named_in_the_log(start_broker):
    broker = start_broker("log_type all")
    with raw.RawClient(broker.port) as client:
        client.send(upgrade_request())
        assert client.ends() == []
    if broker.program.compatibility == "2.1":
        broker.log.wait(r"Client from 127\.0\.0\.1:\d+ appears to be using HTTP or WebSocket to "
                        r"connect to a listener without websockets\.")


def test_other_origins_are_refused_and_the_list_is_read_again(start_websockets):
    broker = start_websockets("websockets_origin https://a.example", "websockets_origin http://b")

    def status(origin):
        return ask(broker, upgrade_request(headers=[f"Origin: {origin}"])).status
    assert status("https://a.example") == status("http://b") == 101
    assert status("https://c.example") == 403
    broker.log.wait(r"Client connection from 127\.0\.0\.1 failed: non-matching http origin "
                    r'"https://c\.example"\.')
    assert ask(broker, upgrade_request()).status == 101
    with WebSocketClient(broker, headers=["Origin: http://b"]) as client:
        client.connect("a")
        broker.write_conf(*LINES, "websockets_origin https://c.example")
        broker.reload()
        broker.log.wait("websockets_origin of the listener .* has changed")
        assert status("https://c.example") == 101
        assert status("http://b") == 403
        client.ping()


@pytest.mark.parametrize("value, shown", [
    ("192.0.2.7", r"192\.0\.2\.7"), ("2001:db8::5, 10.0.0.1", "2001:db8::5"),
    ("nobody", r"127\.0\.0\.1"), ("1" * 1000, r"127\.0\.0\.1")])
def test_the_first_forwarded_address_is_shown(broker, value, shown):
    with WebSocketClient(broker, headers=[f"X-Forwarded-For: {value}"]) as client:
        client.connect("far")
        port = client.frames.connection.getsockname()[1]
        broker.log.wait(rf"New client connected from {shown}:{port} as far ")
        client.disconnect()


# --- frames ---

@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_packets_need_not_end_with_frames(broker, client, pieces):
    """[MQTT-6.0.0-2]"""
    client.frames.pieces = pieces
    client.subscribe("t", qos=2)
    payload = bytes(i % 251 for i in range(3000))
    for qos in (0, 1, 2):
        client.publish("t", payload, qos=qos)
        assert client.collect(1)[0].payload == payload
    several = b"".join(raw.publish("t", str(i)) for i in range(500))
    client.send_frame(several)
    assert client.payloads(500) == [str(i) for i in range(500)]


def test_fragments_with_a_ping_between_them_and_empty_frames(client):
    packet = raw.publish("t", b"whole")
    client.subscribe("t")
    client.send_frame(b"")
    client.send_frame(packet[:3], final=False)
    client.send_frame(b"are you there", opcode=PING)
    client.send_frame(b"", opcode=CONTINUATION, final=False)
    client.send_frame(packet[3:], opcode=CONTINUATION)
    client.send_frame(b"")
    assert client.payloads(1) == ["whole"]
    assert (PONG, b"are you there") in client.frames.control


def test_large_messages_go_both_ways(client):
    client.subscribe("t", qos=1)
    payload = bytes(i % 253 for i in range(1_500_000))
    client.publish("t", payload, qos=1)
    assert client.collect(1)[0].payload == payload


def test_what_is_written_at_once_is_one_frame(broker, client):
    """A hundred small messages of one burst come in far fewer frames."""
    client.subscribe("t")
    client.send_frame(b"".join(raw.publish("t", b"x") for _ in range(100)))
    frames, size = 0, 0
    while size < 100 * len(raw.publish("t", b"x")):
        opcode, payload = client.frames.next_frame()
        assert opcode == BINARY
        frames, size = frames + 1, size + len(payload)
    assert frames <= 10


@pytest.mark.parametrize("bad, code, words", [
    (frame(b"hello", TEXT), 1003, "a text frame, where MQTT needs binary ones"),
    (frame(b"\xc0\0", masked=False), 1002, "a frame without a mask"),
    (frame(b"\xc0\0", reserved=0x40), 1002, "a frame with reserved bits"),
    (frame(b"\xc0\0", opcode=5), 1002, "a frame of an unknown kind"),
    (frame(b"\xc0\0", opcode=CONTINUATION), 1002, "a continuation of nothing"),
    (frame(b"\xc0", final=False) + frame(b"\0"), 1002, "a new message within a fragmented one"),
    (frame(b"x" * 126, opcode=PING), 1002, "a frame with a wrong header"),
    (frame(b"\x01", opcode=CLOSE), 1002, "a close frame with a wrong code"),
    (b"\x82\xff" + struct.pack(">Q", 1 << 40) + b"mask" + b"x" * 4, 1009, "a frame that is too big"),
])
def test_bad_frames_end_the_connection_with_a_code(broker, client, bad, code, words):
    """[MQTT-6.0.0-1]"""
    with WebSocketClient(broker) as watcher:
        watcher.connect("watcher")
        watcher.subscribe("will")
        with WebSocketClient(broker) as sinner:
            sinner.connect("sinner", will={"topic": "will", "payload": b"gone"})
            sinner.frames.connection.sendall(bad)
            assert sinner.close_code() == code
        assert watcher.payloads(1) == ["gone"]
        broker.log.wait("failed: " + words)
    client.ping()


def test_a_refused_first_frame_leaves_no_session(broker):
    with WebSocketClient(broker) as client:
        client.send_frame(raw.connect("a"), opcode=TEXT)
        assert client.close_code() == 1003
    assert not [line for line in broker.log.lines if "New client connected" in line]


@pytest.mark.parametrize("payload, code", [(b"", 1000), (b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001),
                                           (b"\x0f\xa0", 4000)])
def test_a_close_frame_is_answered(client, payload, code):
    client.send_frame(payload, opcode=CLOSE)
    assert client.close_code() == code


def test_the_broker_says_goodbye(broker, client):
    client.send(raw.packet(raw.DISCONNECT))
    assert client.close_code() == 1000
    with WebSocketClient(broker) as other:
        other.connect("ws")
        broker.stop()
        assert other.close_code() == 1000


def test_a_flood_of_pings_costs_one_answer_a_read(broker, client):
    """A client that sends pings and reads nothing takes no memory."""
    before = broker.rss_bytes()
    pings = b"".join(frame(b"x" * 125, opcode=PING) for _ in range(2000))
    client.frames.connection.settimeout(0.2)
    try:
        for _ in range(40):
            client.frames.connection.sendall(pings)
    except socket.timeout:
        pass
    assert broker.rss_bytes() - before < 4 << 20


def test_a_silent_client_is_closed_by_the_connect_timeout(broker):
    """The time until CONNECT covers the request."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=40) as connection:
        connection.sendall(upgrade_request()[:20])
        assert connection.recv(1) == b""


def test_a_slow_reader_gets_whole_frames(broker, client):
    """The socket is full in the middle of frames, and pings come in between."""
    with WebSocketClient(broker) as slow:
        slow.connect("slow")
        slow.subscribe("t", qos=1)
        payloads = [bytes([i]) * 100_000 for i in range(100)]
        for payload in payloads:
            client.publish("t", payload, qos=1)
            slow.send_frame(b"p", opcode=PING)
        assert [each.payload for each in slow.collect(100)] == payloads
        slow.ping()
        assert (PONG, b"p") in slow.frames.control


# --- other programs ---

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    base = tmp_path_factory.mktemp("authority")
    for each in (base, *list(base.parents)[:2]):
        each.chmod(0o755)
    made = Authority(base / "ca")
    made.issue("server")
    return made


def tls_lines(authority):
    return [f"certfile {authority.path('server.crt')}", f"keyfile {authority.path('server.key')}"]


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("paho_version", ["mqttv311", "mqttv5"])
def test_paho_talks_through_it(start_websockets, authority, secure, paho_version):
    broker = start_websockets(*(tls_lines(authority) if secure else ()))
    client = Paho(broker, paho_version, connect=False, transport="websockets")
    if secure:
        client.client.tls_set(ca_certs=authority.path("ca.crt"))
    with client:
        client.connect()
        client.subscribe("a/#", qos=2)
        for qos, size in [(0, 10), (1, 200), (2, 70_000), (1, 1_000_000)]:
            client.publish(f"a/{qos}", b"x" * size, qos=qos)
            message = client.receive()
            assert (message.qos, len(message.payload)) == (qos, size)


def test_http_1_1_is_chosen_within_tls(start_websockets, authority):
    broker = start_websockets(*tls_lines(authority))
    context = ssl.create_default_context(cafile=authority.path("ca.crt"))
    for offered, chosen in [(["h2", "http/1.1"], "http/1.1"), (["mqtt"], "mqtt"), (["h2"], None)]:
        context.set_alpn_protocols(offered)
        plain = socket.create_connection(("127.0.0.1", broker.port), timeout=raw.TIMEOUT_S)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            assert connection.selected_alpn_protocol() == chosen
            connection.sendall(upgrade_request())
            assert websocket.Answer(connection).status == 101


def test_plain_websocket_on_a_tls_listener_is_named_in_the_log(start_websockets, authority):
    broker = start_websockets(*tls_lines(authority))
    with raw.RawClient(broker.port) as client:
        client.send(upgrade_request())
        assert client.ends() == []
    broker.log.wait("failed: looks like no TLS on a TLS listener")


def test_idle_clients_take_little_memory(broker):
    with WebSocketClient(broker) as first:
        first.connect("first")
        before = broker.rss_bytes()
        clients = [WebSocketClient(broker) for _ in range(400)]
        for number, client in enumerate(clients):
            client.connect(f"idle-{number}")
        assert (broker.rss_bytes() - before) / len(clients) < 6000
        for client in clients:
            client.close()
