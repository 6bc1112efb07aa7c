"""Every refusal has a line in the log and, for v5, a reason string; no line has a secret."""
import signal

import pytest

import raw
from broker import wait_until
from clients import mosquitto_pub, mosquitto_sub
from test_passwords import set_password

PASSWORD = "p4ssw0rd of anna"
RULES = """\
topic read #
user anna
topic readwrite open/#
topic deny plant/+/cmd
"""


@pytest.fixture
def plant(make_broker):
    """A broker, not started, with users and rules."""
    def make(*lines):
        broker = make_broker("allow_anonymous false", "password_file {folder}/passwords",
                             "acl_file {folder}/plant.acl", "log_type all", *lines)
        broker.passwords = broker.folder / "passwords"
        set_password(broker.passwords, "anna", PASSWORD)
        (broker.folder / "plant.acl").write_text(RULES)
        return broker
    return make


def login(broker, **options):
    client = raw.RawClient(broker.port, raw.V5)
    client.connect("sensor7", username="anna", password=PASSWORD, **options)
    return client


def test_the_rule_is_named_to_the_log_and_to_the_client(plant):
    broker = plant().start()
    done = mosquitto_pub(broker, "-V", "5", "-d", "-i", "sensor7", "-u", "anna", "-P", PASSWORD,
                         "-t", "plant/1/cmd", "-m", "x", "-q", "1")
    assert b"Not authorized" in done.stdout + done.stderr
    broker.log.wait(rf"Client sensor7: PUBLISH to plant/1/cmd refused: "
                    rf"acl_file {broker.folder}/plant\.acl:4 deny write to plant/\+/cmd\.")
    # Mosquitto's own line stays.
    broker.log.wait(r"Denied PUBLISH from sensor7 \(d0, q1, r0, m1, 'plant/1/cmd', ... \(1 bytes\)\)")
    with login(broker) as client:
        answer = client.publish("plant/1/cmd", b"x", 1)
        assert answer.property("reason_string") == "acl_file plant.acl:4 deny write to plant/+/cmd"
        answer = client.publish("elsewhere", b"x", 2)
        assert answer.property("reason_string") == (
            "acl_file plant.acl: no rule for user 'anna' allows write to elsewhere")
        assert client.publish("open/x", b"x", 1).property("reason_string") is None
    with login(broker, properties=[("request_problem_information", 0)]) as client:
        assert client.publish("plant/1/cmd", b"x", 1).property("reason_string") is None


def test_explain_false_tells_clients_nothing(plant):
    broker = plant("explain false").start()
    with login(broker) as client:
        answer = client.publish("plant/1/cmd", b"x", 1)
        assert (answer.reason, answer.property("reason_string")) == (0x87, None)
    broker.log.wait(r"PUBLISH to plant/1/cmd refused: acl_file .*plant\.acl:4 deny")


def test_subscriptions_that_have_nothing_to_read(plant, version):
    broker = plant("acl_subscribe_check true").start()
    who = ["-i", "panel", "-u", "anna", "-P", PASSWORD, "-W", "5"]
    done = mosquitto_sub(broker, *who, "-t", "secret/#", version=version, status=None)
    if version != "mqttv31":
        assert b"All subscription requests were denied." in done.stderr
    broker.log.wait(r"Client panel: SUBSCRIBE to secret/# refused: acl_file .*plant\.acl: no rule "
                    r"for user 'anna' allows read of any topic of secret/#\.")


def test_a_refused_login_tells_the_log_alone_what_was_wrong(plant):
    broker = plant().start()
    told = set()
    for user, password in [("anna", "wrong"), ("eve", PASSWORD), ("anna", None)]:
        with raw.RawClient(broker.port, raw.V5) as client:
            answer = client.connect("a", expect=0x87, username=user, password=password)
            told.add(answer.property("reason_string"))
    assert told == {"user name or password not accepted"}
    broker.log.wait(r"Client a: CONNECT from 127\.0\.0\.1:\d+ refused: password_file "
                    r".*/passwords: wrong password of user 'anna'\.")
    broker.log.wait(r"refused: password_file .*/passwords: there is no user 'eve'\.")
    broker.log.wait(r"refused: user 'anna' gave no password\.")
    with raw.RawClient(broker.port, raw.V311) as client:
        client.connect("b", expect=5)
    broker.log.wait(r"Client b: CONNECT .* refused: anonymous clients are not allowed: "
                    r"allow_anonymous is false")


def test_a_client_that_tries_again_and_again_does_not_fill_the_log(plant):
    broker = plant().start()
    for _ in range(5):
        with raw.RawClient(broker.port, raw.V5) as client:
            client.connect("a", expect=0x87, username="eve", password="x")
    with login(broker) as client:
        for _ in range(5):
            client.publish("plant/1/cmd", b"x", 1)
    broker.stop()  # All lines are written then.
    # Each shard remembers for itself what it refused; the client id has one home.
    assert broker.log.text().count("there is no user 'eve'") == 1
    assert broker.log.text().count("PUBLISH to plant/1/cmd refused") == 1


def count_of(broker, name):
    done = mosquitto_sub(broker, "-i", "stats", "-u", "anna", "-P", PASSWORD, "-t",
                         f"$SYS/broker/refused/{name}", "-C", "1", "-W", "5", status=None)
    return int(done.stdout or b"-1")


def test_refusals_are_counted(plant):
    broker = plant("sys_interval 1")
    (broker.folder / "plant.acl").write_text(RULES + "topic read $SYS/#\n")
    broker.start()
    with raw.RawClient(broker.port, raw.V311) as client:
        client.connect("b", expect=5)
    with login(broker) as client:
        client.publish("plant/1/cmd", b"x", 1)
        client.publish("$SYS/x", b"x", 1)
    wait_until(lambda: count_of(broker, "publish") == 2 and count_of(broker, "connect") == 1)


# --- secrets ---

def try_logins(broker):
    """Logins of all kinds, good, wrong and broken; each with a secret of its own."""
    mosquitto_pub(broker, "-i", "a", "-u", "anna", "-P", PASSWORD, "-t", "open/x", "-m", "x")
    mosquitto_pub(broker, "-u", "anna", "-P", "SECRET-wrong", "-t", "x", "-m", "x", status=5)
    mosquitto_pub(broker, "-u", "eve", "-P", "SECRET-of-eve", "-t", "x", "-m", "x", status=5)
    enhanced = [("authentication_method", "SCRAM-SHA-256"), ("authentication_data", b"SECRET-data")]
    whole = raw.connect("e", raw.V5, username="anna", password="SECRET-broken")
    for data in (raw.connect("c", raw.V5, properties=enhanced, password="SECRET-enhanced"),
                 raw.connect("d", raw.V311, password="SECRET-without-user"),
                 raw.connect("d", raw.V5, username="u\0", password="SECRET-bad-user"),
                 raw.connect("d", raw.V5, username="u", password="SECRET-flags", flags=0xC3),
                 raw.connect("d", 9, username="u", password="SECRET-version"),
                 raw.packet(raw.CONNECT, whole[2:] + b"SECRET-behind"),
                 raw.packet(raw.CONNECT, whole[2:-3]), b"SECRET-no-mqtt\r\n\r\n"):
        with raw.RawClient(broker.port, raw.V5) as client:
            client.send(data)
            client.ends()
    with login(broker) as client:
        client.publish("plant/1/cmd", b"x", 1)
        client.send(raw.packet(raw.AUTH, b"\x18" + raw.encode_properties(
            [("authentication_method", "x"), ("authentication_data", b"SECRET-auth")])))
        client.ends()


def test_no_line_of_any_level_has_a_secret(plant):
    broker = plant("log_dest stderr", "log_dest file {folder}/log").start()
    try_logins(broker)
    hashed = [part for part in broker.passwords.read_text().strip().split("$") if len(part) > 9]
    # A file that is not right is refused on reload, and not quoted.
    broker.passwords.write_text("anna:SECRET-plain-text\nSECRET-line-without-colon\n")
    broker.process.send_signal(signal.SIGHUP)
    broker.log.wait(r"Unable to decode line in password file")
    broker.stop()
    seen = broker.log.text() + broker.stdout.text() + (broker.folder / "log").read_text()
    assert "wrong password of user 'anna'" in seen and "Received" in seen
    for secret in ["SECRET", PASSWORD, *hashed]:
        assert secret not in seen


def test_no_line_has_a_shared_key(make_broker):
    broker = make_broker("psk_file {folder}/psk", "log_type all", "listener:", "psk_hint hint")
    (broker.folder / "psk").write_text("sensor-7:00c0ffee\n")
    broker.start()
    mosquitto_pub(broker, "--psk", "00c0ffee", "--psk-identity", "sensor-7", "-t", "x", "-m", "x")
    mosquitto_pub(broker, "--psk", "decade42", "--psk-identity", "sensor-7", "-t", "x", "-m", "x",
                  status=None)
    broker.log.wait(r"TLS handshake failed")
    (broker.folder / "psk").write_text("sensor-7:00c0ffeeXX\n0badcafe\n")
    broker.process.send_signal(signal.SIGHUP)
    broker.log.wait(r"psk")
    broker.stop()
    seen = (broker.log.text() + broker.stdout.text()).lower()
    for secret in ("00c0ffee", "decade42", "0badcafe"):
        assert secret not in seen
