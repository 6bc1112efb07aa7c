"""SIGHUP: a walk over all options of docs/MOSQUITTO.md, and what a changed value of those does that
a client or the log can tell and no other test looks at."""
import ctypes
import os
import re
import signal
import socket
import ssl
from pathlib import Path

import pytest

import raw
from authority import Authority
from broker import free_port, wait_until
from clients import mosquitto_pub
from test_passwords import set_password
from test_tls import handshake, open_to_all, refused
from test_tls_files import respond

pytestmark = pytest.mark.tombo

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/MOSQUITTO.md"
GLOBAL = """
allow_anonymous true
allow_duplicate_messages false
allow_zero_length_clientid false
auto_id_prefix mine-
check_retain_source true
clientid_prefixes c
compatibility 2.0
connect_timeout 20
connection_messages false
explain false
global_max_clients 100
global_max_connections 100
log_facility 3
log_timestamp false
log_timestamp_format %Y
max_byte_rate_per_client 100000
max_byte_rate_per_user 100000
max_connect_size 1000
max_connection_rate_per_address 100
max_inflight_bytes 1000
max_inflight_messages 7
max_keepalive 100
max_login_failures_per_address 100
max_login_failures_per_user 100
max_message_rate_per_client 100
max_message_rate_per_user 100
max_packet_size 5000
max_pending_connections 100
max_pending_connections_per_address 100
max_queued_bytes 1000
max_queued_messages 100
max_retained_bytes 1000000
max_retained_bytes_per_client 1000000
max_retained_messages 1000
max_retained_messages_per_client 1000
max_subscriptions_per_client 100
max_topic_levels 100
max_user_properties 100
max_user_property_bytes 1000
max_will_size 1000
memory_limit 100000000
message_size_limit 1000
mosquitto_export false
persistent_client_expiration 1d
queue_qos0_messages true
retain_available false
retain_expiry_interval 5
set_tcp_nodelay false
sys_interval 5
upgrade_outgoing_qos true
log_dest stderr
log_dest topic
log_type all
acl_subscribe_check true
acl_file {folder}/acl
password_file {folder}/passwords
psk_file {folder}/psk2
scram_file {folder}/scram
"""
RESTART = """
threads 1
packet_buffer_size 5000
pid_file {folder}/pid
user root
disk_reserve 1000000
durability os
persistence true
persistence_file other.db
persistence_location {folder}/
"""
PLAIN = """
accept_protocol_versions 4,5
listener_allow_anonymous true
listener_auto_id_prefix there-
max_connections 100
max_qos 1
max_topic_alias 3
max_topic_alias_broker 3
mount_point plant/
use_username_as_clientid true
websockets_origin https://a.example
"""
PROXY = """
enable_proxy_protocol 2
proxy_protocol_v2_require_tls true
"""
TLS = """
cafile {ca}/two.pem
capath {ca}/hashed
certfile {ca}/two.crt
keyfile {ca}/two.key
crlfile {ca}/crl.pem
ciphers ECDHE-ECDSA-AES256-GCM-SHA384
ciphers_tls1.3 TLS_AES_256_GCM_SHA384
dhparamfile {ca}/dh.pem
disable_client_cert_date_checks true
ocsp_file {ca}/ocsp.der
require_certificate true
tls_engine loader_attic
tls_engine_kpass_sha1 0123456789012345678901234567890123456789
tls_version tlsv1.3
use_subject_as_username true
"""
PSK = """
psk_hint other
use_identity_as_username true
"""
# Which other tests look at, or which say the same as another row.
ELSEWHERE = {
    "listener": "test_listeners.py", "port": "test_listeners.py", "bind_address": "listener",
    "bind_interface": "another listener", "socket_domain": "another listener",
    "protocol": "another listener", "maximum_qos": "max_qos", "retained_persistence": "persistence",
    "websockets_headers_size": "packet_buffer_size", "include_dir": "no value of its own",
    "per_listener_settings": "test_reload.py", "tls_keyform": "needs a key in hardware",
}


def names(text):
    return {line.split()[0] for line in text.split("\n") if line}


def documented():
    """Options that there are, and what the document says that SIGHUP does."""
    rows = [[cell.strip() for cell in line.split("|")] for line in
            DOCUMENT.read_text().split("\n## Not supported yet")[0].split("\n")
            if line.startswith("| `")]
    return {row[1].strip("`"): row[6] for row in rows if row[6]}


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """An authority with all files that TLS options can name."""
    base = tmp_path_factory.mktemp("authority")
    open_to_all(base)
    made = Authority(base / "ca")
    for name in ("one", "two", "client"):
        made.issue(name)
    made.revoke()
    respond(made, "-ndays", "7", subject="two")
    made.openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out",
                 made.path("dh.pem"))
    (made.folder / "two.pem").write_text((made.folder / "ca.crt").read_text())
    (made.folder / "hashed").mkdir(mode=0o755)
    (made.folder / "hashed/ca.crt").write_text((made.folder / "ca.crt").read_text())
    made.openssl("rehash", made.path("hashed"))
    return made


def test_every_option_is_taken_over_or_needs_a_restart(make_broker, ca):
    assert names(GLOBAL + PLAIN + PROXY + TLS + PSK) | names(RESTART) | set(ELSEWHERE) == set(
        documented()), "a new option needs a line here"
    ports = [free_port() for _ in range(3)]
    first = f"""threads 2
psk_file {{folder}}/psk
listener {{port}} 127.0.0.1
listener {ports[0]} 127.0.0.1
listener {ports[1]} 127.0.0.1
certfile {ca.path("one.crt")}
keyfile {ca.path("one.key")}
cafile {ca.path("ca.crt")}
listener {ports[2]} 127.0.0.1
psk_hint hint
"""
    broker = make_broker(conf=first)
    for name, text in (("psk", "a:aa\n"), ("psk2", "b:bb\n"), ("acl", "topic readwrite #\n"),
                       ("scram", "")):
        (broker.folder / name).write_text(text)
    set_password(broker.folder / "passwords", "anna", "secret")
    for each in broker.folder.iterdir():
        each.chmod(0o644)
    broker.start()
    whole = [GLOBAL, RESTART, f"listener {{port}} 127.0.0.1{PLAIN}",
             f"listener {ports[0]} 127.0.0.1{PROXY}", f"listener {ports[1]} 127.0.0.1{TLS}",
             f"listener {ports[2]} 127.0.0.1{PSK}"]
    broker.conf_path.write_text(broker.fill_in("\n".join(whole)).replace("{ca}", str(ca.folder)))
    since = len(broker.log.lines)
    broker.reload()

    def told(name, effect):
        line = (rf"(\d+: )?{re.escape(name)} (of the listener on port \d+ of 127\.0\.0\.1 )?"
                r"has changed\." if effect == "applies" else
                rf"(\d+: )?Warning: The new value of {re.escape(name)} needs a restart\.")
        return any(re.fullmatch(line, each) for each in broker.log.lines[since:])

    def missing():
        return [name for name, effect in documented().items()
                if name not in ELSEWHERE and not told(name, effect)]
    try:
        wait_until(lambda: not missing(), what="a line about each")
    except AssertionError as error:
        raise AssertionError(f"nothing about {missing()}:\n{broker.log.text()}") from error


def test_what_mosquitto_ignores_on_sighup_applies():
    """The options that Mosquitto 2.0 and 2.1 never copy into the running configuration. What each
    does after a reload: test_reload.py, the scenarios 10-limits-reload-* and 15-acl-retain-source."""
    ignored = ("check_retain_source global_max_clients global_max_connections max_inflight_bytes "
               "max_inflight_messages max_keepalive max_packet_size max_queued_bytes "
               "max_queued_messages per_listener_settings retain_available retain_expiry_interval "
               "set_tcp_nodelay")
    assert {documented()[name] for name in ignored.split()} == {"applies"}


# --- options without effect ---

def test_options_without_effect_are_taken_and_told(start_broker):
    rows = [line.split("|") for line in DOCUMENT.read_text().split("\n") if "| no effect |" in line]
    lines = [f"{row[1].strip(' `')} {1 if row[3].strip() == 'number' else 'true'}" for row in rows]
    assert len(lines) == 4
    broker = start_broker(*lines)
    mosquitto_pub(broker, "-t", "t", "-m", "x", "-q", "1")
    broker.log.wait("retry_interval")
    since = len(broker.log.lines)
    broker.reload()
    broker.log.wait("retry_interval", since=since)
    assert "needs a restart" not in broker.log.text()


# --- how the log looks ---

def visit(broker, client_id):
    with raw.RawClient(broker.port) as client:
        client.connect(client_id)


def test_the_log_changes(start_broker):
    broker = start_broker()
    count = 0

    def reloaded(*lines):
        broker.write_conf(*lines)
        broker.send_signal(signal.SIGHUP)

    def lines_about_a_visit():
        nonlocal count
        count += 1
        visit(broker, f"visitor-{count}x")
        visit(broker, f"next-{count}x")
        name = f"visitor-{count}x"
        return [line for line in broker.log.lines if name in line]

    def seen(pattern):
        return lambda: any(re.fullmatch(pattern, line) for line in lines_about_a_visit())
    wait_until(seen(r"\d{10}: New client connected from .*"), what="the usual lines")
    reloaded("log_timestamp false")
    wait_until(seen(r"New client connected from .*"), what="lines without time")
    reloaded("log_timestamp_format at %Y")
    wait_until(seen(r"at 20\d\d: New client connected from .*"), what="lines with a year")
    reloaded("log_type debug", "log_type error")
    wait_until(seen(r"\d{10}: Sending CONNACK to visitor.*"), what="lines of type debug")
    assert not any("New client" in line for line in lines_about_a_visit())

    def silent():
        """A line of type error comes after a visit, and nothing about the visit before it."""
        nonlocal count
        count += 1
        reloaded("log_type error")
        visit(broker, f"unseen-{count}x")
        since = len(broker.log.lines)
        reloaded("nonsense 1")
        broker.log.wait(r"Error: The configuration was not reloaded", since=since)
        return f"unseen-{count}x" not in broker.log.text()
    wait_until(silent, what="the silence of all other types")
    reloaded("log_dest stdout")
    wait_until(lambda: not lines_about_a_visit() and "as visitor-" in broker.stdout.text(),
               what="lines on standard output")


# --- sockets ---

def has_no_delay(broker, port):
    """Is Nagle's algorithm off at the broker's end of a connection from `port`?"""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(broker.pid)
    try:
        for name in os.listdir(f"/proc/{broker.pid}/fd"):
            pidfd_getfd = 438
            number = libc.syscall(pidfd_getfd, pidfd, int(name), 0)
            if number < 0:
                if ctypes.get_errno() == 1:
                    pytest.skip("may not look at the broker's sockets")
                continue
            try:
                end = socket.socket(fileno=number)
            except OSError:  # Not a socket.
                os.close(number)
                continue
            with end:
                try:
                    if end.getpeername()[1] == port:
                        return bool(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                except OSError:  # Not connected.
                    continue
        return None
    finally:
        os.close(pidfd)


def test_set_tcp_nodelay(start_broker):
    broker = start_broker()

    def seen():
        with raw.RawClient(broker.port) as client:
            client.connect("probe")
            return has_no_delay(broker, client.socket.getsockname()[1])
    assert seen() is True
    for value in (False, True):
        broker.write_conf(f"set_tcp_nodelay {str(value).lower()}")
        broker.reload()
        wait_until(lambda value=value: seen() is value, what=f"set_tcp_nodelay {value}")


# --- TLS ---

def test_options_of_tls(start_broker, ca):
    def lines(name="one", *more):
        return ["log_type all", "listener:", f"cafile {ca.path('ca.crt')}",
                f"certfile {ca.path(name + '.crt')}", f"keyfile {ca.path(name + '.key')}", *more]
    broker = start_broker(*lines())
    trusting = ssl.create_default_context(cafile=ca.path("ca.crt"))

    def agreed():
        with handshake(broker, trusting) as connection:
            subject = dict(pair for part in connection.getpeercert()["subject"] for pair in part)
            return subject["commonName"], connection.version(), connection.cipher()[0]

    def comes_to(*expected):
        wait_until(lambda: agreed() == expected, what=f"{expected}")

    def reloaded(*more, name="two"):
        broker.write_conf(*lines(name, *more))
        broker.reload()
    default = "TLS_AES_256_GCM_SHA384"
    comes_to("one", "TLSv1.3", default)
    with handshake(broker, trusting) as stays:
        reloaded()
        comes_to("two", "TLSv1.3", default)
        reloaded("ciphers_tls1.3 TLS_CHACHA20_POLY1305_SHA256")
        comes_to("two", "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        reloaded("ciphers ECDHE-ECDSA-CHACHA20-POLY1305")
        comes_to("two", "TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305")
        reloaded("tls_version tlsv1.3")

        def too_old():
            try:
                agreed()
                return False
            except (ssl.SSLError, ConnectionError):
                return True
        wait_until(too_old, what="the end of TLS 1.2")
        broker.log.wait("the client's TLS is older than tls_version")
        reloaded("require_certificate true")
        wait_until(lambda: mosquitto_pub(broker, *ca.client(), "-t", "t", "-m", "x", "-q", "1",
                                         status=None).returncode != 0, what="the refusal")
        refused(broker, ca.client(), "TLS handshake failed: peer did not return a certificate")
        mosquitto_pub(broker, *ca.client("client"), "-t", "t", "-m", "x", "-q", "1")
        reloaded()
        wait_until(lambda: mosquitto_pub(broker, *ca.client(), "-t", "t", "-m", "x", "-q", "1",
                                         status=None).returncode == 0, what="clients without one")
        stays.sendall(raw.connect("stays"))
        assert stays.recv(4) == b"\x20\2\0\0"
