"""Enhanced authentication: SCRAM-SHA-256 by raw packets, with files that tombo_passwd makes."""
import base64
import subprocess
from pathlib import Path

import pytest

import raw
import scram
from broker import wait_until
from clients import mosquitto_pub, mosquitto_sub
from scram import METHOD, Scram, auth, begin, begin_again, login, properties, reason
from test_passwords import set_password

pytestmark = pytest.mark.tombo

PASSWORD = "pencil of anna"
REFUSED = "user name or password not accepted"


@pytest.fixture
def passwd(program):
    """Runs tombo_passwd --scram on a file."""
    tool = Path(program.path).resolve().with_name("tombo_passwd")

    def run(path, *words, stdin=""):
        create = [] if path.exists() else ["-c"]
        subprocess.run([tool, "--scram", *create, *words[:-1], path, *words[-1]], check=True,
                       input=stdin, text=True, capture_output=True, timeout=60)
        path.chmod(0o644)  # A broker started by root drops to a user of its own.
    return run


@pytest.fixture
def offered(make_broker, passwd):
    """A broker, not started, that lets nobody in but anna and bob of its scram_file."""
    def make(*lines):
        broker = make_broker("allow_anonymous false", "scram_file {folder}/scram", "log_type all",
                             *lines)
        broker.scram = broker.folder / "scram"
        passwd(broker.scram, "-b", ["anna", PASSWORD])
        passwd(broker.scram, "-I", "4096", "-b", ["bob", "of bob"])
        return broker
    return make


@pytest.fixture
def broker(offered):
    return offered().start()


def first(broker, data, **options):
    """What comes of a CONNECT with a first message: the first packet."""
    with raw.RawClient(broker.port, raw.V5) as client:
        client.send(raw.connect("first", raw.V5, properties=properties(data, **options)))
        return client.receive()


# --- logins ---

def test_the_right_password_and_wrong_ones(broker):
    client, _ = login(broker, "anna", PASSWORD, "id-a")
    broker.log.wait(r"New client connected from 127\.0\.0\.1:\d+ as id-a \(p5, c1, k60, u'anna'\)")
    assert client.ping()
    client.close()
    assert reason(broker, "bob", "of bob") == 0
    for user, password in [("anna", "of bob"), ("anna", PASSWORD + "x"), ("eve", PASSWORD),
                           ("Anna", PASSWORD), ("anna ", PASSWORD)]:
        client, answer = login(broker, user, password)
        assert answer.reason == 0x87
        assert answer.property("reason_string") == REFUSED
        assert answer.property("authentication_data") is None
        assert client.ends() == []


def test_users_are_added_changed_and_removed(offered, passwd):
    broker = offered()
    passwd(broker.scram, ["anna"], stdin="changed\nchanged\n")
    passwd(broker.scram, "-D", ["bob"])
    passwd(broker.scram, "-b", ["a,b=c", "odd name"])
    broker.start()
    assert reason(broker, "anna", "changed") == 0
    assert reason(broker, "anna", PASSWORD) == 0x87
    assert reason(broker, "bob", "of bob") == 0x87
    assert reason(broker, "a,b=c", "odd name") == 0


def test_other_ways_in_are_closed(broker):
    mosquitto_pub(broker, "-t", "x", "-m", "x", "-u", "anna", "-P", PASSWORD, status=5)
    mosquitto_pub(broker, "-t", "x", "-m", "x", status=5)


def test_a_password_file_beside_it(offered):
    broker = offered("password_file {folder}/passwords")
    set_password(broker.folder / "passwords", "carol", "of carol")
    broker.start()
    mosquitto_pub(broker, "-t", "x", "-m", "x", "-u", "carol", "-P", "of carol")
    mosquitto_pub(broker, "-t", "x", "-m", "x", "-u", "anna", "-P", PASSWORD, status=5)
    assert reason(broker, "anna", PASSWORD) == 0
    assert reason(broker, "carol", "of carol") == 0x87


def test_the_proved_name_is_the_user_of_the_rules(offered):
    broker = offered("acl_file {folder}/acl")
    (broker.folder / "acl").write_text("user anna\ntopic readwrite of/anna\n")
    broker.start()
    client, _ = login(broker, "anna", PASSWORD)
    assert client.publish("of/anna", b"x", 1).reason in (0, 0x10)
    refused = client.publish("of/bob", b"x", 1)
    assert refused.reason == 0x87
    # Rules are told to those who have proved who they are.
    assert refused.property("reason_string") == (
        "acl_file acl: no rule for user 'anna' allows write to of/bob")
    client.close()


def test_a_name_that_is_claimed_in_connect_must_be_the_proved_one(broker):
    assert reason(broker, "anna", PASSWORD, username="anna") == 0
    assert reason(broker, "anna", PASSWORD, username="bob") == 0x87


# --- the dialogue ---

def test_a_client_may_begin_without_data(broker):
    with raw.RawClient(broker.port, raw.V5) as client:
        client.send(raw.connect("later", raw.V5, properties=properties()))
        answer = client.receive()
        assert (answer.kind, answer.reason) == (raw.AUTH, 0x18)
        exchange = Scram("anna", PASSWORD)
        client.send(auth(exchange.first))
        scram.challenge(client, exchange)
        client.send(auth(exchange.final()))
        assert client.receive().reason == 0


def told(broker, user):
    """Salt and iterations, as a client gets to know them."""
    with raw.RawClient(broker.port, raw.V5) as client:
        exchange = Scram(user, "")
        begin(client, exchange)
        return exchange.salt, exchange.iterations


def test_an_unknown_user_looks_like_a_known_one(offered, passwd):
    broker = offered().start()
    before = {user: told(broker, user) for user in ("anna", "bob", "eve", "adam")}
    assert len({salt for salt, _ in before.values()}) == 4
    assert all(len(salt) == 16 and iterations in (4096, 15000)
               for salt, iterations in before.values())
    assert {user: told(broker, user) for user in before} == before
    broker.reload()
    assert {user: told(broker, user) for user in before} == before
    broker.restart()
    assert {user: told(broker, user) for user in before} == before
    # The dialogue is the same, and so is the end of it.
    ends = []
    for user in ("anna", "eve"):
        client, answer = login(broker, user, "wrong")
        ends.append((answer.body, client.ends()))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("method", ["SCRAM-SHA-1", "scram-sha-256", "SCRAM-SHA-256-PLUS", "PLAIN",
                                    "", "x" * 1000])
def test_a_method_that_is_not_offered(broker, method):
    answer = first(broker, Scram("anna", PASSWORD).first, method=method)
    assert (answer.kind, answer.reason) == (raw.CONNACK, 0x8C)


def test_no_method_is_offered_without_a_file(make_broker):
    broker = make_broker("allow_anonymous true").start()
    answer = first(broker, Scram("anna", PASSWORD).first)
    assert (answer.kind, answer.reason) == (raw.CONNACK, 0x8C)


def test_channel_binding(broker):
    assert reason(broker, "anna", PASSWORD, header="n,,") == 0
    assert reason(broker, "anna", PASSWORD, header="y,,") == 0
    assert reason(broker, "anna", PASSWORD, header="n,a=anna,") == 0
    for header in ("p=tls-exporter,,", "p=tls-server-end-point,,", "p=tls-unique,,"):
        answer = first(broker, Scram("anna", PASSWORD, header).first)
        assert (answer.kind, answer.reason) == (raw.CONNACK, 0x8C)
        assert answer.property("reason_string") == "SCRAM: channel binding is not supported"


@pytest.mark.parametrize("said, repeated", [("y,,", "n,,"), ("n,,", "y,,"),
                                            ("n,,", "p=tls-unique,,"), ("n,,", "n,a=anna,")])
def test_a_header_that_was_changed_on_the_way(broker, said, repeated):
    with raw.RawClient(broker.port, raw.V5) as client:
        exchange = Scram("anna", PASSWORD, said)
        begin(client, exchange)
        client.send(auth(exchange.final(binding=repeated)))
        assert client.receive().reason == 0x82


@pytest.mark.parametrize("data", [
    b"x", b"n,,", b"n,,n=anna", b"n,,r=x,n=anna", b"n,,n=,r=x", b"n,,n=an=41,r=x", b"n,,n=anna,r=",
    b"n,,n=anna,r=a\x00b", b"n,,m=ext,n=anna,r=x", b"n,anna,n=anna,r=x", b"\xff\xfe\x00",
    b"n,,n=anna,r=" + b"x" * 300, b"n,,n=anna,r=x,y=" + b"y" * 5000, b"," * 60000,
], ids=range(14))
def test_malformed_first_messages(broker, data):
    answer = first(broker, data)
    assert (answer.kind, answer.reason) == (raw.CONNACK, 0x82)
    assert reason(broker, "anna", PASSWORD) == 0


def test_names_that_are_not_taken(broker):
    for data in (b"n,,n=\xc3\xa4,r=x", b"n,,n=a\x00,r=x", b"n,a=bob,n=anna,r=x",
                 b"n,,n=" + b"u" * 1025 + b",r=x"):
        assert first(broker, data).reason == 0x87


def finals(exchange):
    good = exchange.final()
    without_proof, proof = good.rsplit(",p=", 1)
    return [b"", b"x", without_proof, f"{without_proof},p=", f"{without_proof},p=AAAA", f"{good}x",
            f"{good},x=1", f",p={proof}", exchange.final(nonce=exchange.nonce),
            exchange.final(nonce=exchange.whole_nonce + "x"), exchange.first, b"\xff" * 100,
            f"{without_proof},y=" + "y" * 5000 + f",p={proof}"]


@pytest.mark.parametrize("number", range(13))
def test_malformed_final_messages(broker, number):
    with raw.RawClient(broker.port, raw.V5) as client:
        exchange = Scram("anna", PASSWORD)
        begin(client, exchange)
        client.send(auth(finals(exchange)[number]))
        answer = client.receive()
        assert (answer.kind, answer.reason) == (raw.CONNACK, 0x82)
        assert client.ends() == []


def test_a_proof_is_good_for_one_exchange(broker):
    with raw.RawClient(broker.port, raw.V5) as client, raw.RawClient(broker.port, raw.V5) as thief:
        exchange, stolen = Scram("anna", PASSWORD, nonce="same"), Scram("anna", "", nonce="same")
        begin(client, exchange)
        begin(thief, stolen)
        final = exchange.final()
        thief.send(auth(final))
        assert thief.receive().reason == 0x82  # the server's part of the nonce is another one
        client.send(auth(final))
        assert client.receive().reason == 0


@pytest.mark.parametrize("packet", [
    raw.publish("x", b"x", version=raw.V5), raw.subscribe(1, [("x", 0)], raw.V5),
    raw.packet(raw.PINGREQ), raw.connect("again", raw.V5), raw.acknowledge(raw.PUBACK, 1),
    auth("x", reason=0x19), auth("x", reason=0x00), auth("x", method="PLAIN"),
    auth("x", method=None), raw.packet(raw.AUTH),
], ids=["publish", "subscribe", "pingreq", "connect", "puback", "auth-19", "auth-00",
        "auth-other-method", "auth-no-method", "auth-empty"])
def test_nothing_but_auth_and_disconnect_during_an_exchange(broker, packet):
    with raw.RawClient(broker.port, raw.V5) as client:
        exchange = Scram("anna", PASSWORD)
        begin(client, exchange)
        client.send(packet + auth(exchange.final()))
        answer = client.receive()
        assert (answer.kind, answer.reason) == (raw.CONNACK, 0x82)
        assert client.ends() == []
    assert "New client connected" not in broker.log.text()


def test_malformed_packets_during_an_exchange(broker):
    for packet in (b"\xf1\x00", raw.packet(raw.AUTH, b"\x18\x05\x15\x00\x09xx"),
                   raw.packet(raw.AUTH, b"\x55\x00")):
        with raw.RawClient(broker.port, raw.V5) as client:
            begin(client, Scram("anna", PASSWORD))
            client.send(packet)
            answer = client.receive()
            assert answer.kind == raw.CONNACK and answer.reason in (0x81, 0x82)
            assert client.ends() == []
    assert reason(broker, "anna", PASSWORD) == 0


def test_a_client_that_gives_up(broker):
    with raw.RawClient(broker.port, raw.V5) as client:
        begin(client, Scram("anna", PASSWORD), "gives-up")
        client.send(raw.packet(raw.DISCONNECT))
        assert client.ends() == []
    broker.log.wait(r"Client gives-up .*disconnected")


def test_an_exchange_that_takes_too_long(offered):
    broker = offered("connect_timeout 1").start()
    with raw.RawClient(broker.port, raw.V5) as client:
        begin(client, Scram("anna", PASSWORD), "slow")
        answer = client.receive()
        assert (answer.kind, answer.reason) == (raw.CONNACK, 0x87)
        assert client.ends() == []
    broker.log.wait(r"Client slow: CONNECT from .* refused: the client did not finish its "
                    r"authentication in time\.")


def test_messages_wait_until_the_login_is_over(broker):
    with raw.RawClient(broker.port, raw.V5) as client:
        exchange = Scram("anna", PASSWORD)
        begin(client, exchange)
        client.send(auth(exchange.final()) + raw.subscribe(1, [("x", 0)], raw.V5) +
                    raw.publish("x", b"one", version=raw.V5))
        assert client.receive().reason == 0
        assert client.wait_for(raw.SUBACK)
        assert client.payloads(1) == ["one"]


# --- authentication again ---

def test_a_client_authenticates_again(broker):
    client, _ = login(broker, "anna", PASSWORD)
    client.subscribe("x")
    for _ in range(2):
        exchange = Scram("anna", PASSWORD)
        begin_again(client, exchange)
        client.publish("x", "meanwhile")  # Everything else goes on.
        client.send(auth(exchange.final()))
        answer = client.wait_for(raw.AUTH)
        assert answer.reason == 0
        assert answer.property("authentication_method") == METHOD
        assert exchange.server_is_right(answer.property("authentication_data"))
    assert client.payloads(2) == ["meanwhile"] * 2
    client.close()


def assert_ends(client, code):
    last = client.ends()[-1]
    assert (last.kind, last.reason) == (raw.DISCONNECT, code)
    return last.property("reason_string")


def test_a_client_that_cannot_prove_it_again(broker):
    client, _ = login(broker, "anna", PASSWORD, "once")
    exchange = Scram("anna", "wrong")
    begin_again(client, exchange)
    client.send(auth(exchange.final()))
    assert assert_ends(client, 0x87) == REFUSED
    broker.log.wait(r"Client once: AUTH refused: scram_file .*/scram: wrong password of user "
                    r"'anna'\.")


@pytest.mark.parametrize("user", ["bob", "eve"])
def test_nobody_becomes_another_user(broker, user):
    client, _ = login(broker, "anna", PASSWORD)
    client.send(auth(Scram(user, "of bob").first, reason=0x19))
    assert assert_ends(client, 0x87) == "authenticates again as another user"


@pytest.mark.parametrize("packet", [
    auth("x", reason=0x18), auth("x", reason=0x00), auth("x", reason=0x19, method="PLAIN"),
    auth("x", reason=0x19, method=None), auth("x", reason=0x19), raw.packet(raw.AUTH),
], ids=["0x18", "0x00", "other-method", "no-method", "malformed", "empty"])
def test_auth_that_fits_no_exchange(broker, packet):
    client, _ = login(broker, "anna", PASSWORD)
    client.send(packet)
    assert_ends(client, 0x82)


def test_who_logged_in_otherwise_sends_no_auth(offered):
    broker = offered()
    broker.write_conf("allow_anonymous true", "scram_file {folder}/scram")
    broker.start()
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("anonymous")
        client.send(auth(Scram("anna", PASSWORD).first, reason=0x19))
        assert_ends(client, 0x82)


# --- reload ---

def test_sighup_reads_the_file_again(offered, passwd):
    broker = offered().start()
    stays, _ = login(broker, "anna", PASSWORD)
    begun = raw.RawClient(broker.port, raw.V5)
    exchange = Scram("anna", PASSWORD)
    begin(begun, exchange)
    passwd(broker.scram, "-b", ["anna", "changed"])
    broker.reload()
    wait_until(lambda: reason(broker, "anna", "changed") == 0, what="the new password")
    assert reason(broker, "anna", PASSWORD) == 0x87
    assert stays.ping()
    # An exchange ends with the file that it began with.
    begun.send(auth(exchange.final()))
    assert begun.receive().reason == 0
    # Who authenticates again does so by the new one.
    again = Scram("anna", PASSWORD)
    begin_again(stays, again)
    stays.send(auth(again.final()))
    assert_ends(stays, 0x87)
    begun.close()


def test_sighup_takes_the_method_away(offered):
    broker = offered().start()
    stays, _ = login(broker, "anna", PASSWORD)
    broker.write_conf("allow_anonymous false", "log_type all")
    broker.reload()
    wait_until(lambda: first(broker, Scram("anna", PASSWORD).first).reason == 0x8C)
    assert stays.ping()
    stays.send(auth(Scram("anna", PASSWORD).first, reason=0x19))
    assert_ends(stays, 0x8C)


def test_a_bad_line_changes_nothing(offered):
    broker = offered().start()
    good = broker.scram.read_text()
    broker.scram.write_text(good + "eve:SECRET in plain text\n")
    broker.reload()
    broker.log.wait(rf"Error: Invalid line in scram file {broker.scram}:4: the keys do not begin "
                    r"with SCRAM-SHA-256\$\.")
    broker.log.wait(r"The configuration was not reloaded, the old one stays\.")
    assert reason(broker, "anna", PASSWORD) == 0
    broker.stop()
    assert "SECRET" not in broker.log.text()
    broker.launch()
    assert broker.wait_exit() == 3
    broker.scram.unlink()
    broker.launch()
    assert broker.wait_exit() == 13
    broker.log.wait(rf'Error: Unable to open scram file "{broker.scram}"\.')


def test_a_file_that_all_can_read_is_warned_of(broker):
    broker.log.wait(rf"Warning: File {broker.scram} has world readable permissions\.")


# --- limits, the log, and secrets ---

def test_failed_logins_make_the_user_wait(offered):
    broker = offered("max_login_failures_per_user 2").start()
    early, exchange = raw.RawClient(broker.port, raw.V5), Scram("anna", PASSWORD)
    begin(early, exchange)
    for _ in range(2):
        # What CONNECT says is not whom it is about.
        with raw.RawClient(broker.port, raw.V5) as client:
            wrong = Scram("anna", "wrong")
            begin(client, wrong, username="bob")
            client.send(auth(wrong.final()))
            assert client.receive().reason == 0x87
    early.send(auth(exchange.final()))
    broker.log.wait(r"Login of user 'anna' from 127\.0\.0\.1:\d+ waits 1 s: more than 2 failed "
                    r"logins in 60 s \(max_login_failures_per_user\)\.")
    assert reason(broker, "bob", "of bob") == 0
    assert early.receive().reason == 0
    assert broker.log.text().count("waits 1 s") == 1
    early.close()


def test_failed_logins_ban_the_address(offered):
    broker = offered("max_login_failures_per_address 3").start()
    early, exchange = raw.RawClient(broker.port, raw.V5), Scram("anna", PASSWORD)
    begin(early, exchange)
    stays, _ = login(broker, "anna", PASSWORD)
    again = Scram("anna", "wrong")
    begin_again(stays, again)
    stays.send(auth(again.final()))  # counts, too
    assert_ends(stays, 0x87)
    for user in ("anna", "eve"):
        assert reason(broker, user, "wrong") == 0x87
    early.send(auth(exchange.final()))
    answer = early.receive()
    assert answer.reason == 0x8A
    assert "max_login_failures_per_address" in answer.property("reason_string")
    with raw.RawClient(broker.port, raw.V5) as client:
        with pytest.raises((raw.Closed, OSError)):
            begin(client, Scram("anna", PASSWORD))
    early.close()


def test_refused_logins_are_explained_once_to_the_log_alone(broker):
    for _ in range(3):
        assert reason(broker, "anna", "wrong", client_id="a") == 0x87
        assert reason(broker, "eve", "wrong", client_id="b") == 0x87
    broker.log.wait(r"Client a: CONNECT from 127\.0\.0\.1:\d+ refused: scram_file .*/scram: wrong "
                    r"password of user 'anna'\.")
    broker.log.wait(r"Client b: .* refused: scram_file .*/scram: there is no user 'eve'\.")
    broker.stop()
    for line in ("wrong password of user 'anna'", "there is no user 'eve'"):
        assert broker.log.text().count(line) == 1


def test_refused_logins_are_counted(offered):
    broker = offered("sys_interval 1")
    broker.write_conf("allow_anonymous true", "scram_file {folder}/scram", "sys_interval 1")
    broker.start()
    assert reason(broker, "anna", "wrong") == 0x87
    client, _ = login(broker, "anna", PASSWORD)
    exchange = Scram("anna", "wrong")
    begin_again(client, exchange)
    client.send(auth(exchange.final()))
    assert_ends(client, 0x87)

    def count():
        done = mosquitto_sub(broker, "-t", "$SYS/broker/refused/connect", "-C", "1", "-W", "5",
                             status=None)
        return int(done.stdout or b"-1")
    wait_until(lambda: count() == 2, what="two refusals")


def test_no_line_has_a_secret(offered):
    broker = offered().start()
    secrets = [PASSWORD, "SECRET"]
    for user, password in [("anna", PASSWORD), ("anna", "SECRET-wrong"), ("eve", "SECRET-of-eve")]:
        with raw.RawClient(broker.port, raw.V5) as client:
            exchange = Scram(user, password)
            begin(client, exchange)
            final = exchange.final()
            client.send(auth(final))
            client.receive()
            secrets += [final.rsplit(",p=", 1)[1], exchange.nonce,
                        base64.b64encode(exchange.salt).decode()]
    first(broker, b"SECRET")
    secrets += [part for line in broker.scram.read_text().splitlines()
                for part in line.replace("$", ":").split(":") if len(part) > 20 and "-" not in part]
    broker.stop()
    seen = broker.log.text() + broker.stdout.text()
    assert len(secrets) > 15
    for secret in secrets:
        assert secret not in seen
