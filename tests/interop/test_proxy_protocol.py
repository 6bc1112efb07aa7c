"""PROXY protocol: who the client is, and what is refused."""
import socket
import ssl
import struct

import pytest

import raw
from authority import Authority
from clients import TIMEOUT_S, mosquitto_pub

pytestmark = pytest.mark.tombo  # Debian's Mosquitto is older than the option.

LINE = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 1883\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, UNIX, UDP4 = 0x11, 0x21, 0x31, 0x12
PORTS = struct.pack(">HH", 4711, 1883)
FROM4 = bytes([203, 0, 113, 7, 192, 0, 2, 1]) + PORTS
FROM6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(16) + PORTS
VERSION_1 = ("listener:", "enable_proxy_protocol 1")
VERSION_2 = ("listener:", "enable_proxy_protocol 2")


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def tls_info(client=1, verify=0, name=None):
    """What a proxy tells of its TLS with the client; `client` 3: with a certificate."""
    value = bytes([client]) + struct.pack(">I", verify) + tlv(0x21, b"TLSv1.3")
    return tlv(0x20, value + (tlv(0x22, name.encode()) if name else b"") + tlv(0x23, b"AES"))


def v2(command=PROXY, family=TCP4, addresses=FROM4, tlvs=b""):
    body = addresses + tlvs
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(body)) + body


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_crc():
    header = v2(tlvs=tlv(0x03, bytes(4)))
    return header[:-4] + struct.pack(">I", crc32c(header))


def through_proxy(broker, header):
    """A client whose connection begins with `header`."""
    client = raw.RawClient(broker.port)
    client.send(header)
    return client


def refused(broker, sent, pattern, address=r"127\.0\.0\.1"):
    since = len(broker.log.lines)
    with through_proxy(broker, sent) as client:
        assert client.ends() == []
    broker.log.wait(rf"Client connection from {address} failed: {pattern}\.$", since=since)


@pytest.mark.parametrize("header, address", [
    (LINE, "203.0.113.7:4711"),
    (b"PROXY TCP6 2001:db8::7 ::1 4711 1883\r\n", "2001:db8::7:4711"),
    (b"PROXY UNKNOWN\r\n", r"127\.0\.0\.1:\d+"),
], ids=["TCP4", "TCP6", "UNKNOWN"])
def test_version_1_names_the_client(start_broker, header, address):
    broker = start_broker(*VERSION_1)
    with through_proxy(broker, header) as client:
        client.connect("c")
        broker.log.wait(rf"New connection from {address} on port {broker.port}\.$")
        broker.log.wait(rf"New client connected from {address} as c \(")


@pytest.mark.parametrize("header, address", [
    (v2(), "203.0.113.7:4711"),
    (v2(family=TCP6, addresses=FROM6), "2001:db8::7:4711"),
    (v2(family=UNIX, addresses=b"/run/client".ljust(108, b"\0") + bytes(108)), "/run/client:0"),
    (v2(family=0, addresses=b""), r"127\.0\.0\.1:\d+"),
    (v2(LOCAL, 0, b""), r"127\.0\.0\.1:\d+"),
    (v2(LOCAL, TCP4), r"127\.0\.0\.1:\d+"),
    (v2(tlvs=tlv(0x05, b"unique") + tlv(0x01, b"mqtt") + tls_info()), "203.0.113.7:4711"),
    (with_crc(), "203.0.113.7:4711"),
], ids=["TCP4", "TCP6", "Unix", "unspecified", "LOCAL", "LOCAL with addresses", "TLVs", "CRC"])
def test_version_2_names_the_client(start_broker, header, address):
    broker = start_broker(*VERSION_2)
    with through_proxy(broker, header) as client:
        client.connect("c")
        broker.log.wait(rf"New client connected from {address} as c \(")


@pytest.mark.parametrize("lines, header", [(VERSION_1, LINE), (VERSION_2, v2(tlvs=tls_info()))],
                         ids=["version 1", "version 2"])
def test_a_header_in_pieces_and_glued_to_connect(start_broker, lines, header):
    broker = start_broker(*lines)
    with raw.RawClient(broker.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header + raw.connect("pieces"):
            client.send(bytes([byte]))
        assert client.receive().name == "CONNACK"
    with through_proxy(broker, header + raw.connect("glued")) as client:
        assert client.receive().name == "CONNACK"
        client.ping()
    broker.log.wait(r"New client connected from 203\.0\.113\.7:4711 as glued \(")


@pytest.mark.parametrize("sent, pattern", [
    (raw.connect("c"), "no PROXY header: looks like plain MQTT"),
    (b"\x16\x03\x01\x02\x00", "no PROXY header: looks like TLS"),
    (b"GET / HTTP/1.1\r\n", r"no PROXY header \(first byte 47\)"),
    (v2(), "a PROXY header of version 2, but enable_proxy_protocol is 1"),
    (LINE.replace(b"4711", b"99999"), "the addresses in the PROXY header are not right"),
    (LINE.replace(b"TCP4", b"SCTP"), "the PROXY header names no protocol but .*"),
    (b"PROXY UNKNOWN " + 100 * b"x" + b"\r\n", "the PROXY header has more than 107 bytes"),
])
def test_version_1_refuses(start_broker, sent, pattern):
    refused(start_broker(*VERSION_1), sent, pattern)


@pytest.mark.parametrize("sent, pattern", [
    (raw.connect("c"), "no PROXY header: looks like plain MQTT"),
    (LINE, "a PROXY header of version 1, but enable_proxy_protocol is 2"),
    (SIGNATURE[:-1] + b"X", r"no PROXY header \(first byte 0D\)"),
    (v2(command=0x31), "version and command 31 in the PROXY header are unknown"),
    (v2(family=UDP4), "address family and protocol 12 in the PROXY header are unknown"),
    (v2(addresses=FROM4[:-1]), "the addresses in the PROXY header are cut off"),
    (v2(tlvs=b"\x20\x00\x09"), "a TLV in the PROXY header has no end"),
    (with_crc()[:-1] + b"?", "the CRC of the PROXY header is wrong"),
    (SIGNATURE + b"\x21\x11\xff\xff", "the PROXY header has 65551 bytes, at most 4112 are taken"),
])
def test_version_2_refuses(start_broker, sent, pattern):
    refused(start_broker(*VERSION_2), sent, pattern)


def test_an_end_within_the_header(start_broker):
    broker = start_broker(*VERSION_2)
    with raw.RawClient(broker.port) as client:
        client.send(v2()[:20])
    broker.log.wait("failed: the connection ended within the PROXY header")


@pytest.mark.parametrize("header", [LINE, v2()], ids=["version 1", "version 2"])
def test_a_header_where_none_belongs(start_broker, header):
    broker = start_broker()
    with through_proxy(broker, header) as client:
        assert client.ends() == []
    broker.log.wait(r"Client from 127\.0\.0\.1:\d+ appears to be using the PROXY protocol to connect "
                    r"to a listener without enable_proxy_protocol\.$")


def test_tls_at_the_proxy_can_be_required(start_broker):
    broker = start_broker(*VERSION_2, "proxy_protocol_v2_require_tls true")
    no_tls = "the PROXY header has no TLS information"
    refused(broker, v2(), no_tls, address=r"203\.0\.113\.7")
    refused(broker, v2(tlvs=tls_info(client=0)), no_tls, address=r"203\.0\.113\.7")
    with through_proxy(broker, v2(tlvs=tls_info())) as client:
        client.connect("c")
    refused(broker, v2(LOCAL, 0, b"") + raw.connect("c"), no_tls)


def test_a_certificate_that_the_proxy_has_verified_is_the_login(start_broker):
    broker = start_broker("allow_anonymous false", *VERSION_2, "require_certificate true",
                          "use_identity_as_username true")
    for tlvs in (b"", tls_info(), tls_info(client=3, verify=10, name="forged"),
                 tls_info(client=2, name="forged")):
        refused(broker, v2(tlvs=tlvs), "the proxy has not verified a certificate of the client",
                address=r"203\.0\.113\.7")
    with through_proxy(broker, v2(tlvs=tls_info(client=3, name="sensor-7"))) as client:
        client.connect("c")
        broker.log.wait(r"New client connected from 203\.0\.113\.7:4711 as c \(.*u'sensor-7'\)")


def test_without_a_name_there_is_no_login(start_broker):
    broker = start_broker("allow_anonymous false", *VERSION_2, "use_identity_as_username true")
    for tlvs in (b"", tls_info(client=3, verify=10, name="forged"), tls_info(client=3)):
        with through_proxy(broker, v2(tlvs=tlvs)) as client:
            client.connect("c", expect=4)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxy")
    for each in (folder, *list(folder.parents)[:2]):  # A broker started by root drops to a user.
        each.chmod(0o755)
    made = Authority(folder / "ca")
    made.issue("server")
    return made


def tls_lines(authority):
    return (f"cafile {authority.path('ca.crt')}", f"certfile {authority.path('server.crt')}",
            f"keyfile {authority.path('server.key')}")


def test_tls_of_the_client_goes_through_a_proxy_of_version_1(start_broker, authority):
    broker = start_broker(*VERSION_1, *tls_lines(authority))
    context = ssl.create_default_context(cafile=authority.path("ca.crt"))
    with socket.create_connection(("127.0.0.1", broker.port), TIMEOUT_S) as plain:
        plain.sendall(LINE)
        stream = context.wrap_socket(plain, server_hostname="127.0.0.1")
        with raw.RawClient(None, stream=stream) as client:
            client.connect("c")
            broker.log.wait(r"New client connected from 203\.0\.113\.7:4711 as c \(")
    refused(broker, LINE + raw.connect("c"), "looks like plain MQTT on a TLS listener",
            address=r"203\.0\.113\.7")


@pytest.mark.parametrize("header", [LINE, v2()], ids=["version 1", "version 2"])
def test_a_header_at_a_tls_listener_that_expects_none(start_broker, authority, header):
    refused(start_broker("listener:", *tls_lines(authority)), header,
            "looks like a PROXY header on a TLS listener without enable_proxy_protocol")


def test_a_header_at_a_unix_socket(start_broker):
    broker = start_broker(conf="allow_anonymous true\nlistener {port} 127.0.0.1\n"
                               "listener 0 {folder}/mqtt.sock\nenable_proxy_protocol 2\n")
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(TIMEOUT_S)
    stream.connect(str(broker.folder / "mqtt.sock"))
    with raw.RawClient(None, stream=stream) as client:
        client.send(v2())
        client.connect("c")
        broker.log.wait(r"New client connected from 203\.0\.113\.7:4711 as c \(")


def test_a_reload_holds_for_new_connections(start_broker):
    broker = start_broker()
    with raw.RawClient(broker.port) as before:
        before.connect("before")
        broker.write_conf(*VERSION_2)
        broker.reload()
        broker.log.wait("enable_proxy_protocol of the listener on .* has changed")
        before.ping()
        refused(broker, raw.connect("c"), "no PROXY header: looks like plain MQTT")
        with through_proxy(broker, v2()) as client:
            client.connect("after")
        before.ping()


def test_max_connections_counts_behind_a_proxy(start_broker):
    broker = start_broker(*VERSION_2, "max_connections 1")
    # Whoever looked whether the broker accepts has a place until it has seen the end.
    broker.log.wait(r"disconnected|closed its connection")
    with through_proxy(broker, v2()) as first:
        first.connect("first")
        with raw.RawClient(broker.port) as second:
            assert second.ends() == []
        broker.log.wait(r"Client connection from 127\.0\.0\.1 denied: max_connections")


@pytest.mark.parametrize("lines, words", [
    ("certfile a\nkeyfile a\n", "certfile, but with enable_proxy_protocol 2 the proxy does the TLS"),
    ("use_subject_as_username true\n", "use_subject_as_username, but with enable_proxy_protocol 2"),
])
def test_version_2_does_not_go_with_tls_of_our_own(make_broker, lines, words):
    broker = make_broker(conf="listener {port}\nenable_proxy_protocol 2\n" + lines).launch()
    assert broker.wait_exit() == 3
    broker.log.wait(words)
    broker.log.wait(rf"Error found at {broker.conf_path}:1\.")


def test_mosquitto_pub_meets_its_missing_header(start_broker):
    broker = start_broker(*VERSION_1)
    assert mosquitto_pub(broker, "-t", "t", "-m", "x", status=None).returncode != 0
    broker.log.wait("failed: no PROXY header: looks like plain MQTT")
