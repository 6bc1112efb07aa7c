"""Logins: files made by Debian's mosquitto_passwd, clients that give user name and password."""
import subprocess

import pytest

import raw
from broker import wait_until
from clients import mosquitto_pub, tool

PASSWORD = "p4ssw0rd of anna"


def set_password(path, user, password, *options):
    create = [] if path.exists() else ["-c"]
    subprocess.run([tool("mosquitto_passwd"), *options, *create, "-b", path, user, password],
                   check=True, capture_output=True, timeout=20)
    path.chmod(0o644)  # A broker started by root drops to a user of its own.


@pytest.fixture
def secured(make_broker):
    """A broker, not started, that lets nobody in but those of its password file."""
    broker = make_broker("allow_anonymous false", "password_file {folder}/passwords",
                         "log_type all")
    broker.passwords = broker.folder / "passwords"
    set_password(broker.passwords, "anna", PASSWORD)
    return broker


def publish(broker, user=None, password=None, status=0, version=None):
    words = ["-i", f"id-{user}", "-t", "x", "-m", "x", "-q", "1"]
    words += ["-u", user] if user is not None else []
    words += ["-P", password] if password is not None else []
    return mosquitto_pub(broker, *words, status=status, version=version)


def reason(broker, user=None, password=None, level=raw.V5):
    with raw.RawClient(broker.port, level) as client:
        client.send(raw.connect("id", level, username=user, password=password))
        return client.receive().reason


def test_the_right_password_and_wrong_ones(secured, version):
    broker = secured.start()
    refused = 135 if version == "mqttv5" else 5
    publish(broker, "anna", PASSWORD, version=version)
    publish(broker, "anna", "wrong", status=refused, version=version)
    publish(broker, "anna", PASSWORD + "x", status=refused, version=version)
    publish(broker, "eve", PASSWORD, status=refused, version=version)
    publish(broker, "anna", status=refused, version=version)
    publish(broker, status=refused, version=version)


@pytest.mark.parametrize("level, refused", [(raw.V31, 5), (raw.V311, 5), (raw.V5, 0x87)])
def test_the_reason_code(secured, level, refused):
    broker = secured.start()
    assert reason(broker, "anna", PASSWORD, level) == 0
    assert reason(broker, "anna", "wrong", level) == refused
    assert reason(broker, "eve", PASSWORD, level) == refused


def test_the_lines_of_the_log_name_no_password(secured):
    broker = secured.start()
    publish(broker, "anna", PASSWORD)
    broker.log.wait(r"New client connected from 127\.0\.0\.1:\d+ as id-anna \(p\d, c1, k60, u'anna'\)")
    publish(broker, "eve", "a wrong one", status=5)
    broker.log.wait(r"disconnected[:,] not authorised\.")
    broker.stop()
    hashed = broker.passwords.read_text().strip().split("$")[-1]
    for secret in (PASSWORD, "a wrong one", hashed):
        assert secret not in broker.log.text() + broker.stdout.text()


def test_old_and_odd_passwords(secured):
    set_password(secured.passwords, "old", "pass word", "-H", "sha512")
    set_password(secured.passwords, "umläut", "pässword")
    set_password(secured.passwords, "empty", "")
    secured.passwords.write_text("# a comment\n\n" + secured.passwords.read_text())
    broker = secured.start()
    publish(broker, "old", "pass word")
    publish(broker, "umläut", "pässword")
    assert reason(broker, "empty", "") == 0x87  # As if there were none.


def test_anonymous_clients_beside_users(secured):
    secured.write_conf("allow_anonymous true", "password_file {folder}/passwords")
    broker = secured.start()
    publish(broker)
    publish(broker, "anna", PASSWORD)
    publish(broker, "anna", "wrong", status=5)
    publish(broker, "eve", "x", status=5)


def test_a_file_for_each_listener(make_broker):
    broker = make_broker(conf="per_listener_settings true\nlistener {port} 127.0.0.1\n"
                              "password_file {folder}/passwords\n")
    set_password(broker.folder / "passwords", "anna", PASSWORD)
    broker.start()
    publish(broker, "anna", PASSWORD)
    publish(broker, "anna", "wrong", status=5)
    publish(broker, status=5)


@pytest.mark.parametrize("level", [raw.V311, raw.V5])
def test_packets_behind_the_connect_wait_for_the_answer(secured, level):
    broker = secured.start()
    with raw.RawClient(broker.port, level) as client:
        client.send(raw.connect("eager", level, username="anna", password=PASSWORD) +
                    raw.subscribe(1, [("x", 0)], version=level) +
                    raw.publish("x", "one", version=level))
        assert client.receive().reason == 0
        assert client.receive().kind == raw.SUBACK
        assert client.payloads(1) == ["one"]


def test_many_logins_at_once(secured):
    broker = secured.start()
    clients = [raw.RawClient(broker.port, raw.V5) for _ in range(200)]
    for number, client in enumerate(clients):
        client.send(raw.connect(f"id-{number}", raw.V5, username="anna",
                                password=PASSWORD if number % 2 else "wrong"))
    assert [client.receive().reason for client in clients] == [0x87, 0] * 100
    for client in clients:
        client.close()


def test_sighup_reads_the_file_again(secured):
    broker = secured.start()
    stays = raw.RawClient(broker.port, raw.V5)
    stays.send(raw.connect("stays", raw.V5, username="anna", password=PASSWORD))
    assert stays.receive().reason == 0
    secured.passwords.unlink()
    set_password(secured.passwords, "bob", "of bob")
    broker.reload()
    wait_until(lambda: reason(broker, "bob", "of bob") == 0, what="the new user's login")
    assert reason(broker, "anna", PASSWORD) == 0x87
    stays.close()


@pytest.mark.tombo
def test_who_is_connected_stays_when_the_file_is_read_again(secured):
    broker = secured.start()
    with raw.RawClient(broker.port, raw.V5) as stays:
        stays.send(raw.connect("stays", raw.V5, username="anna", password=PASSWORD))
        assert stays.receive().reason == 0
        secured.passwords.unlink()
        set_password(secured.passwords, "bob", "of bob")
        broker.reload()
        wait_until(lambda: reason(broker, "anna", PASSWORD) == 0x87, what="the new file")
        stays.subscribe("x")
        stays.publish("x", "still here")
        assert stays.payloads(1) == ["still here"]


@pytest.fixture(params=["2.0", "2.1"])
def secured_as(request, make_broker):
    """As `secured`, in a generation of tombo's; gives also the lines of the configuration."""
    lines = ["allow_anonymous false", "password_file {folder}/passwords", "log_type all",
             f"compatibility {request.param}"]
    broker = make_broker(*lines)
    broker.passwords = broker.folder / "passwords"
    set_password(broker.passwords, "anna", PASSWORD)
    return broker, request.param, lines


BAD_LINE = r"Unable to decode line in password file {}:{}: the password is not hashed"


@pytest.mark.tombo
def test_a_bad_line_on_sighup(secured_as):
    broker, generation, lines = secured_as
    broker.start()
    broker.passwords.write_text("bob:in plain text\n" + broker.passwords.read_text())
    set_password(broker.passwords, "eve", "of eve")
    broker.write_conf("allow_anonymous true", *lines[1:])
    broker.reload()
    what = BAD_LINE.format(broker.passwords, 1)
    if generation == "2.0":
        broker.log.wait("Warning: " + what)
        wait_until(lambda: reason(broker, "eve", "of eve") == 0, what="the new user's login")
        assert reason(broker) == 0
    else:
        broker.log.wait("Error: " + what)
        broker.log.wait(r"The configuration was not reloaded, the old one stays\.")
        assert reason(broker, "eve", "of eve") == 0x87
        assert reason(broker) == 0x87
    assert reason(broker, "anna", PASSWORD) == 0
    assert reason(broker, "bob", "in plain text") == 0x87
    assert "in plain text" not in broker.log.text()


@pytest.mark.tombo
def test_a_bad_line_at_the_start(secured_as):
    broker, generation, _ = secured_as
    with broker.passwords.open("a") as file:
        file.write("bob:in plain text\nin plain text\n")
    what = BAD_LINE.format(broker.passwords, 2)
    if generation == "2.0":
        broker.start()
        broker.log.wait("Warning: " + what)
        broker.log.wait(f"Warning: Invalid line in password file {broker.passwords}:3: ")
        assert reason(broker, "anna", PASSWORD) == 0
        assert reason(broker, "bob", "in plain text") == 0x87
    else:
        broker.launch()
        assert broker.wait_exit() == 3
        broker.log.wait("Error: " + what)
    assert "in plain text" not in broker.log.text()


@pytest.mark.tombo
def test_a_file_that_all_can_read_or_write_is_warned_of(secured):
    secured.passwords.chmod(0o646)
    broker = secured.start()
    path = secured.passwords
    broker.log.wait(f"Warning: File {path} has world readable permissions\\.")
    broker.log.wait(f"Warning: File {path} has world writable permissions\\.")
    broker.log.wait(f"To fix this, use `chmod 0700 {path}`\\.")


@pytest.mark.tombo
def test_a_link_is_refused_in_2_1_unless_allowed(secured_as):
    broker, generation, _ = secured_as
    broker.passwords.rename(broker.folder / "real")
    broker.passwords.symlink_to("real")
    if generation == "2.1":
        broker.launch()
        assert broker.wait_exit() == 13
        broker.log.wait(rf'Error: Unable to open pwfile "{broker.passwords}"\.')
        broker.log.wait("It is a symbolic link")
        broker.environment["MOSQUITTO_UNSAFE_ALLOW_SYMLINKS"] = "1"
    broker.start()
    assert reason(broker, "anna", PASSWORD) == 0


def test_a_file_that_is_missing_at_the_start(secured):
    secured.passwords.unlink()
    secured.launch()
    assert secured.wait_exit() == 13
    secured.log.wait(rf'Error: Unable to open pwfile "{secured.passwords}"\.')
    secured.log.wait(rf'Error opening password file "{secured.passwords}"\.')


def test_a_stop_while_logins_are_checked(secured):
    broker = secured.start()
    clients = [raw.RawClient(broker.port, raw.V5) for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(raw.connect(f"id-{number}", raw.V5, username="anna", password=PASSWORD))
    broker.stop()
    for client in clients:
        client.close()
