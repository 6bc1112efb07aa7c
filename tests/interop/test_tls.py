"""TLS: certificates of both sides, refusals and their log lines, reload."""
import re
import shutil
import socket
import ssl

import pytest

from authority import Authority
from broker import wait_until
from clients import Subscriber, lines_of, mosquitto_pub, mosquitto_sub


def open_to_all(folder):
    """A broker started by root drops to a user of its own."""
    for each in (folder, *list(folder.parents)[:2]):
        each.chmod(0o755)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    base = tmp_path_factory.mktemp("authority")
    open_to_all(base)
    made = Authority(base / "ca")
    made.issue("server")
    made.issue("sensor-7", subject="/O=Works/CN=sensor-7")
    made.issue("late", end="200201000000Z")
    made.issue("stolen")
    made.revoke("stolen")
    return made


def tls_lines(authority, *lines):
    return ["log_type all", "listener:", f"cafile {authority.path('ca.crt')}",
            f"certfile {authority.path('server.crt')}", f"keyfile {authority.path('server.key')}",
            *lines]


@pytest.fixture
def start_tls(start_broker, authority):
    return lambda *lines, **options: start_broker(*tls_lines(authority, *lines), **options)


def mutual(authority):
    return ["require_certificate true", f"crlfile {authority.path('crl.pem')}"]


def refused(broker, words, pattern):
    """A client that the broker refuses, and the line that says why."""
    since = len(broker.log.lines)
    done = mosquitto_pub(broker, *words, "-t", "t", "-m", "x", status=None)
    assert done.returncode != 0
    if broker.is_tombo:
        broker.log.wait(r"Client connection from 127\.0\.0\.1 failed: " + pattern, since=since)


def handshake(broker, context, session=None):
    """A TLS connection of Python's own."""
    plain = socket.create_connection(("127.0.0.1", broker.port), timeout=10)
    return context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)


def mqtt_exchange(connection, client_id):
    """CONNECT and its CONNACK as bytes."""
    body = b"\0\4MQTT\4\2\0\x3c" + len(client_id).to_bytes(2, "big") + client_id.encode()
    connection.sendall(bytes([0x10, len(body)]) + body)
    return connection.recv(4)


# --- a certificate of the broker alone ---

def test_clients_publish_and_subscribe_over_tls(start_tls, authority, version):
    broker = start_tls("tls_version tlsv1.2")
    with Subscriber(broker, *authority.client(), "-t", "a/#", "-q", "1", "-C", "1",
                    version=version) as subscriber:
        mosquitto_pub(broker, *authority.client(), "-t", "a/b", "-m", "safe", "-q", "1",
                      version=version)
        assert subscriber.finish() == ["safe"]


@pytest.mark.parametrize("tls_version", ["tlsv1.2", "tlsv1.3"])
def test_both_versions_are_spoken(start_tls, authority, tls_version):
    broker = start_tls()
    mosquitto_pub(broker, *authority.client(), "--tls-version", tls_version, "-t", "t", "-m",
                  tls_version, "-r")
    done = mosquitto_sub(broker, *authority.client(), "--tls-version", tls_version, "-t", "t",
                         "-C", "1")
    assert lines_of(done) == [tls_version]


def test_the_links_of_lets_encrypt_are_followed(start_broker, authority, tmp_path):
    open_to_all(tmp_path)
    for name, target in (("fullchain.pem", "server.crt"), ("privkey.pem", "server.key"),
                         ("chain.pem", "ca.crt")):
        (tmp_path / name).symlink_to(authority.path(target))
    broker = start_broker("compatibility 2.1", "listener:", f"cafile {tmp_path}/chain.pem",
                          f"certfile {tmp_path}/fullchain.pem", f"keyfile {tmp_path}/privkey.pem")
    mosquitto_pub(broker, "--cafile", str(tmp_path / "chain.pem"), "-t", "t", "-m", "x")


def test_large_messages_come_whole(start_tls, authority, tmp_path):
    broker = start_tls()
    payload = bytes(i % 251 for i in range(1_500_000))
    (tmp_path / "large").write_bytes(payload)
    with Subscriber(broker, *authority.client(), "-t", "t", "-C", "1", "-F", "%l") as subscriber:
        mosquitto_pub(broker, *authority.client(), "-t", "t", "-f", str(tmp_path / "large"))
        assert subscriber.finish() == [str(len(payload))]
    mosquitto_pub(broker, *authority.client(), "-t", "kept", "-r", "-f", str(tmp_path / "large"))
    done = mosquitto_sub(broker, *authority.client(), "-t", "kept", "-C", "1", "-N")
    assert done.stdout == payload


def test_an_old_client_finds_a_listener_of_the_new_version_closed(start_tls, authority):
    broker = start_tls("tls_version tlsv1.3")
    context = ssl.create_default_context(cafile=authority.path("ca.crt"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        handshake(broker, context)
    if broker.is_tombo:
        broker.log.wait("Client connection from .* TLS handshake failed: unsupported protocol: "
                        "the client's TLS is older than tls_version")
    mosquitto_pub(broker, *authority.client(), "--tls-version", "tlsv1.3", "-t", "t", "-m", "x")


def test_a_client_that_trusts_another_authority_leaves(start_tls, tmp_path):
    broker = start_tls()
    other = Authority(tmp_path / "other", "Other")
    refused(broker, other.client(),
            'TLS handshake failed: the client refused with "unknown CA": '
            "it does not trust the authority of certfile")


def test_a_client_that_wants_another_host_leaves(start_tls, authority):
    broker = start_tls()
    # 127.0.0.1 and localhost are the names in the certificate.
    since = len(broker.log.lines)
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as plain:
        context = ssl.create_default_context(cafile=authority.path("ca.crt"))
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="elsewhere.example.org")
    if broker.is_tombo:
        broker.log.wait('TLS handshake failed: the client refused with "bad certificate": it does '
                        "not accept certfile; often the host name it connects to is not in it",
                        since=since)


def test_plain_mqtt_on_a_tls_listener_is_named(start_tls):
    broker = start_tls()
    refused(broker, [], "looks like plain MQTT on a TLS listener")


def test_tls_on_a_plain_listener_is_named(start_broker, authority):
    broker = start_broker()
    since = len(broker.log.lines)
    assert mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x",
                         status=None).returncode != 0
    if broker.is_tombo and broker.program.compatibility == "2.1":
        broker.log.wait("appears to be using TLS to connect to a non-TLS listener", since=since)


def test_tls_and_plain_listeners_share_topics(start_broker, authority):
    broker = start_broker(*tls_lines(authority), "listener {port} ::1")
    done = mosquitto_pub(broker, "-t", "t", "-m", "x", "-r", "-h", "::1", status=None)
    if done.returncode != 0 and b"Cannot assign" in done.stderr:
        pytest.skip("no IPv6 here")
    assert lines_of(mosquitto_sub(broker, *authority.client(), "-t", "t", "-C", "1")) == ["x"]


def test_the_name_of_the_protocol_is_agreed_on(start_tls, authority):
    broker = start_tls()
    context = ssl.create_default_context(cafile=authority.path("ca.crt"))
    context.set_alpn_protocols(["mqtt"])
    with handshake(broker, context) as connection:
        if broker.is_tombo:
            assert connection.selected_alpn_protocol() == "mqtt"
        assert mqtt_exchange(connection, "alpn") == b"\x20\2\0\0"


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_on_any_thread(start_tls, authority, tls):
    broker = start_tls("require_certificate true")
    context = ssl.create_default_context(cafile=authority.path("ca.crt"))
    context.minimum_version = context.maximum_version = tls
    context.load_cert_chain(authority.path("sensor-7.crt"), authority.path("sensor-7.key"))
    with handshake(broker, context) as connection:
        assert mqtt_exchange(connection, "first") == b"\x20\2\0\0"
        session = connection.session
    for number in range(8):  # More than there are threads.
        with handshake(broker, context, session) as connection:
            assert mqtt_exchange(connection, f"again-{number}") == b"\x20\2\0\0"
            assert connection.session_reused


def test_a_silent_client_does_not_hold_up_others(start_tls, authority):
    broker = start_tls()
    silent = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(20)]
    silent[0].sendall(b"\x16\x03\x01")
    mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x")
    for connection in silent:
        connection.close()


# --- certificates of clients ---

def test_a_good_certificate_lets_a_client_in(start_tls, authority):
    broker = start_tls(*mutual(authority))
    mosquitto_pub(broker, *authority.client("sensor-7"), "-t", "t", "-m", "x", "-q", "1")


def test_other_certificates_are_refused_and_the_log_says_why(start_tls, authority, tmp_path):
    broker = start_tls(*mutual(authority))
    other = Authority(tmp_path / "other", "Other")
    other.issue("stranger")
    stranger = [*authority.client(), "--cert", other.path("stranger.crt"), "--key",
                other.path("stranger.key")]
    start = "TLS handshake failed: "
    refused(broker, authority.client(), start + "peer did not return a certificate: "
            "the client has none, and require_certificate is on")
    certificate = start + "certificate of the client refused: "
    refused(broker, stranger,
            certificate + "unable to get local issuer certificate: its authority is not in cafile "
            r"or capath \(CN=stranger\)")
    refused(broker, authority.client("late"),
            certificate + r"certificate has expired \(CN=late\)")
    refused(broker, authority.client("stolen"),
            certificate + r"certificate revoked \(CN=stolen\)")


def test_expired_certificates_may_be_let_in(start_tls, authority, program):
    if not program.is_tombo:
        pytest.skip("an option of 2.1")
    broker = start_tls(*mutual(authority), "disable_client_cert_date_checks true")
    mosquitto_pub(broker, *authority.client("late"), "-t", "t", "-m", "x")


def test_authorities_are_found_in_a_folder(start_broker, authority, tmp_path):
    open_to_all(tmp_path)
    shutil.copy(authority.path("ca.crt"), tmp_path / "ca.crt")
    authority.openssl("rehash", str(tmp_path))
    broker = start_broker("listener:", f"capath {tmp_path}",
                          f"certfile {authority.path('server.crt')}",
                          f"keyfile {authority.path('server.key')}", "require_certificate true")
    mosquitto_pub(broker, *authority.client("sensor-7"), "-t", "t", "-m", "x", "-q", "1")


@pytest.mark.parametrize("option, name", [("use_identity_as_username", "sensor-7"),
                                          ("use_subject_as_username", "CN=sensor-7,O=Works")])
def test_the_certificate_is_the_login(start_broker, authority, option, name):
    broker = start_broker("allow_anonymous false", *tls_lines(authority, "require_certificate true",
                                                              f"{option} true"))
    since = len(broker.log.lines)
    for number in range(4):  # Homes on several threads.
        mosquitto_pub(broker, *authority.client("sensor-7"), "-i", f"c{number}", "-u", "ignored",
                      "-P", "ignored", "-t", "t", "-m", "x", "-q", "1")
        broker.log.wait(rf"as c{number} \(.*, u'{re.escape(name)}'\)", since=since)


@pytest.mark.parametrize("level, code", [("mqttv311", 4), ("mqttv5", 134)])
def test_without_a_name_in_the_certificate_there_is_no_login(start_tls, authority, level, code):
    broker = start_tls("use_identity_as_username true")  # No certificate is asked for.
    done = mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x", "-d", status=None,
                         version=level)
    assert done.returncode == code
    assert f"CONNACK ({code})".encode() in done.stdout


# --- files that are not right, reload ---

def broken(authority, name):
    good = {"certfile": "server.crt", "keyfile": "server.key"}
    lines = {option: f"{option} {authority.path(file)}" for option, file in good.items()}
    return {
        "a certificate that is not there": {**lines, "certfile": "certfile /no/such.crt"},
        "the key of another": {**lines, "keyfile": f"keyfile {authority.path('late.key')}"},
        "no list": {**lines, "crlfile": f"crlfile {authority.path('ca.crt')}"},
        "no cipher": {**lines, "ciphers": "ciphers NONSENSE"},
    }[name]


@pytest.mark.parametrize("name, text", [
    ("a certificate that is not there",
     'Unable to load server certificate "/no/such.crt". Check certfile.'),
    ("the key of another", "late.key"),
    ("no list", "Check crlfile."),
    ("no cipher", 'Check cipher list "NONSENSE".'),
])
def test_a_file_that_is_not_right_ends_the_start(make_broker, authority, name, text):
    broker = make_broker("listener:", *broken(authority, name).values()).launch()
    assert broker.wait_exit() != 0
    if broker.is_tombo:
        assert text in broker.log.text()
        assert f"The listener on port {broker.port} cannot use TLS." in broker.log.text()


# --- shared keys ---

KEY = ["--psk", "00c0ffee", "--psk-identity", "sensor-7"]


def psk_lines(*lines):
    return ["psk_file {folder}/psk", "log_type all", *lines]


@pytest.fixture
def psk_broker(make_broker):
    """A broker whose only client is sensor-7."""
    def start(*lines):
        broker = make_broker(*psk_lines("listener:", "psk_hint hint", *lines))
        (broker.folder / "psk").write_text("# keys\nsensor-7:00c0ffee\n")
        return broker.start()
    return start


def test_clients_with_a_shared_key_come_in(psk_broker):
    broker = psk_broker()
    mosquitto_pub(broker, *KEY, "-t", "t", "-m", "safe", "-r", "-q", "1")
    assert lines_of(mosquitto_sub(broker, *KEY, "-t", "t", "-C", "1")) == ["safe"]


def test_other_keys_and_identities_are_refused(psk_broker):
    broker = psk_broker()
    refused(broker, ["--psk", "beef", "--psk-identity", "sensor-7"],
            "TLS handshake failed: the client has another key than psk_file for identity sensor-7")
    refused(broker, ["--psk", "00c0ffee", "--psk-identity", "stranger"],
            "TLS handshake failed: psk_file has no identity stranger")


def test_the_identity_is_the_login(psk_broker):
    broker = psk_broker("use_identity_as_username true")
    mosquitto_pub(broker, *KEY, "-i", "c", "-t", "t", "-m", "x", "-q", "1")
    broker.log.wait(r"as c \(.*, u'sensor-7'\)")


def test_reload_takes_new_keys(psk_broker):
    broker = psk_broker()
    mosquitto_pub(broker, *KEY, "-t", "t", "-m", "x", "-q", "1")
    (broker.folder / "psk").write_text("other:aa\n")
    broker.reload()
    wait_until(lambda: mosquitto_pub(broker, *KEY, "-t", "t", "-m", "x",
                                     status=None).returncode != 0, what="the refusal")


@pytest.mark.tombo
def test_a_psk_file_that_no_listener_uses_is_read_all_the_same(make_broker):
    broker = make_broker("psk_file {folder}/psk").launch()
    line = f'Error: Unable to open psk_file "{broker.folder}/psk": No such file or directory'
    assert broker.wait_exit() == 1 and line in broker.log.text()
    keys = broker.folder / "psk"
    keys.write_text("sensor-7:00c0ffee\n")
    keys.chmod(0o644)
    broker.start()
    for text in ("no key\n", None):
        if text:
            keys.write_text(text)
        else:
            keys.unlink()
        since = len(broker.log.lines)
        broker.reload()
        broker.log.wait("Error: Invalid line in psk_file" if text else line, since=since)
        broker.log.wait("The configuration was not reloaded, the old one stays", since=since)
    test = make_broker("psk_file {folder}/psk", arguments=["-c", "{conf}", "--test-config"])
    assert test.launch().wait_exit() == 3
    assert "Error: Unable to open psk_file" in test.log.text()


@pytest.mark.tombo
def test_secrets_are_written_down_when_asked_for(make_broker, authority):
    broker = make_broker(*tls_lines(authority),
                         arguments=["-c", "{conf}", "--tls-keylog", "{folder}/keys"]).start()
    mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x", "-q", "1")
    assert "SERVER_TRAFFIC_SECRET_0 " in (broker.folder / "keys").read_text()


@pytest.mark.tombo
@pytest.mark.parametrize("lines, text", [
    (["certfile a"], "has certfile, but no keyfile."),
    (["keyfile a"], "has keyfile, but no certfile."),
    (["cafile a"], "has cafile, but no certfile or psk_hint."),
    (["require_certificate true"], "has require_certificate, but no certfile or psk_hint."),
    (["certfile a", "keyfile b", "require_certificate true"],
     "has require_certificate, but neither cafile nor capath."),
    (["psk_hint a"], "has psk_hint, but there is no psk_file."),
])
def test_half_a_configuration_does_not_open_an_unsafe_listener(make_broker, lines, text):
    broker = make_broker("listener:", *lines).launch()
    assert broker.wait_exit() == 3
    assert text in broker.log.text()


def shown_by(broker):
    """The certificate that the broker shows now."""
    return ssl.get_server_certificate(("127.0.0.1", broker.port))


def test_reload_takes_new_certificates_and_keeps_connections(start_broker, authority, tmp_path):
    open_to_all(tmp_path)
    own = Authority(tmp_path / "own", "Own")
    own.issue("server")
    broker = start_broker(*tls_lines(own))
    before = shown_by(broker)
    with Subscriber(broker, *own.client(), "-t", "t", "-C", "1") as subscriber:
        own.issue("server")
        broker.reload()
        wait_until(lambda: shown_by(broker) != before, what="the new certificate")
        mosquitto_pub(broker, *own.client(), "-t", "t", "-m", "still here")
        assert subscriber.finish() == ["still here"]


def test_reload_takes_a_new_list_of_revoked_certificates(start_broker, tmp_path):
    open_to_all(tmp_path)
    own = Authority(tmp_path / "own", "Own")
    own.issue("server")
    own.issue("sensor")
    own.revoke()
    broker = start_broker(*tls_lines(own, *mutual(own)))
    mosquitto_pub(broker, *own.client("sensor"), "-t", "t", "-m", "x", "-q", "1")
    own.revoke("sensor")
    since = len(broker.log.lines)
    broker.reload()
    if broker.is_tombo:
        wait_until(lambda: mosquitto_pub(broker, *own.client("sensor"), "-t", "t", "-m", "x",
                                         status=None).returncode != 0, what="the refusal")
        broker.log.wait(r"certificate revoked \(CN=sensor\)", since=since)


def test_reload_with_a_broken_file_changes_nothing(start_broker, tmp_path):
    open_to_all(tmp_path)
    own = Authority(tmp_path / "own", "Own")
    own.issue("server")
    broker = start_broker(*tls_lines(own))
    before = shown_by(broker)
    with open(own.path("server.crt"), "w", encoding="ascii") as file:
        file.write("junk")
    since = len(broker.log.lines)
    broker.reload()
    broker.log.wait(r"Unable to load server certificate|Error when reloading certificate",
                    since=since)
    if broker.is_tombo:
        broker.log.wait("The configuration was not reloaded, the old one stays", since=since)
    assert shown_by(broker) == before
    mosquitto_pub(broker, *own.client(), "-t", "t", "-m", "x", "-q", "1")


@pytest.mark.tombo
def test_reload_does_not_turn_tls_off_under_its_clients(start_tls, authority):
    broker = start_tls()
    broker.write_conf("log_type all")
    since = len(broker.log.lines)
    broker.reload()
    broker.log.wait("is closed; its clients stay connected", since=since)
    # At the same port there is another listener now, one without TLS.
    refused = mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x", "-q", "1", status=None)
    assert refused.returncode != 0
