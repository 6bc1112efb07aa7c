"""SIGHUP: every option that is documented to be read again shows it, and nobody is dropped."""
import signal

import pytest

import raw
from broker import let_pass, wait_until
from clients import mosquitto_pub, mosquitto_sub

pytestmark = pytest.mark.tombo


def reloaded(broker, *lines):
    """Writes another configuration and lets the broker read it."""
    broker.write_conf(*lines)
    broker.reload()


def connack(broker, client_id="probe", level=raw.V5, **options):
    with raw.RawClient(broker.port, level) as client:
        return client.connect(client_id, expect=None, **options)


def gets_in(broker, client_id="probe", level=raw.V5, **options):
    try:
        return connack(broker, client_id, level, **options).reason == 0
    except raw.Closed:
        return False


# --- what a new client notices at once: line of the file, what it sees before and after ---

def assigned(broker):
    with raw.RawClient(broker.port, raw.V5) as client:
        return client.connect("").property("assigned_client_identifier")[:5]


def announced(name):
    return lambda broker: connack(broker).property(name)


NOTICED = {
    "max_packet_size 5000": (announced("maximum_packet_size"), 2000000, 5000),
    "max_inflight_messages 7": (announced("receive_maximum"), 20, 7),
    "max_keepalive 10": (announced("server_keep_alive"), None, 10),
    "retain_available false": (announced("retain_available"), None, 0),
    "allow_anonymous false": (gets_in, True, False),
    "allow_zero_length_clientid false": (lambda broker: gets_in(broker, ""), True, False),
    "clientid_prefixes good-": (gets_in, True, False),
    "auto_id_prefix mine-": (assigned, "auto-", "mine-"),
}
NOTICED_AT_THE_LISTENER = {
    "accept_protocol_versions 3": (gets_in, True, False),
    "listener_allow_anonymous false": (gets_in, True, False),
    "listener_auto_id_prefix mine-": (assigned, "auto-", "mine-"),
    "max_qos 1": (announced("maximum_qos"), None, 1),
    "max_topic_alias 3": (announced("topic_alias_maximum"), 10, 3),
    "use_username_as_clientid true": (gets_in, True, False),
}


def check_noticed(broker, case, *lines):
    probe, before, after = case
    assert probe(broker) == before
    with raw.RawClient(broker.port, raw.V5) as stays:
        stays.connect("stays")
        reloaded(broker, *lines)
        wait_until(lambda: probe(broker) == after, what=f"{lines[-1]} after the reload")
        assert stays.ping()
    reloaded(broker, "compatibility 2.1")
    wait_until(lambda: probe(broker) == before, what="the old value after another reload")


@pytest.mark.parametrize("line", NOTICED)
def test_an_option_of_the_broker_is_noticed(start_broker, line):
    check_noticed(start_broker("compatibility 2.1"), NOTICED[line], "compatibility 2.1", line)


@pytest.mark.parametrize("line", NOTICED_AT_THE_LISTENER)
def test_an_option_of_a_listener_is_noticed(start_broker, line):
    check_noticed(start_broker("compatibility 2.1"), NOTICED_AT_THE_LISTENER[line],
                  "compatibility 2.1", "listener:", line)


# --- limits ---

@pytest.mark.parametrize("line, after_listener", [
    ("global_max_clients 1", False), ("global_max_connections 1", False),
    ("max_connections 1", True)])
def test_limits_of_clients(start_broker, line, after_listener):
    broker = start_broker()
    with raw.RawClient(broker.port, raw.V5) as first:
        first.connect("first")
        assert gets_in(broker, "second")
        reloaded(broker, *(["listener:"] if after_listener else []), line)
        wait_until(lambda: not gets_in(broker, "second"), what=f"the bound of {line}")
        assert first.ping()
        reloaded(broker)
        wait_until(lambda: gets_in(broker, "second"), what="the end of the bound")


def test_max_inflight_bytes(start_broker):
    broker = start_broker()
    with raw.RawClient(broker.port) as client:
        client.connect("slow")
        client.subscribe("t", qos=1)
        reloaded(broker, "max_inflight_bytes 10")

        def one_at_a_time():
            mosquitto_pub(broker, "-t", "t", "-q", "1", "-l", stdin="123456\n123456\n")
            first = client.wait_for(raw.PUBLISH)
            client.ping()  # What is in the window came before the answer.
            together = [found for found in client.inbox if found.kind == raw.PUBLISH]
            client.send(raw.acknowledge(raw.PUBACK, first.packet_id))
            second = client.wait_for(raw.PUBLISH)
            client.send(raw.acknowledge(raw.PUBACK, second.packet_id))
            return not together
        wait_until(one_at_a_time, what="the bound of bytes in flight")


@pytest.mark.parametrize("line", ["max_queued_messages 2", "max_queued_bytes 2"])
def test_bounds_of_the_queue(start_broker, line):
    broker = start_broker()
    reloaded(broker, line)

    def two_are_kept():
        mosquitto_sub(broker, "-i", "away", "-c", "-q", "1", "-t", "q", "-E")
        mosquitto_pub(broker, "-t", "q", "-q", "1", "-l", stdin="1\n2\n3\n4\n")
        with raw.RawClient(broker.port) as back:
            back.connect("away", clean=False)
            back.subscribe("end")
            back.publish("end", "end")
            return len(back.collect_until(b"end")) == 2
    wait_until(two_are_kept, what=f"the bound of {line}")


def test_message_size_limit(start_broker):
    broker = start_broker()
    reloaded(broker, "message_size_limit 10")
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("large")
        wait_until(lambda: client.publish("t", "x" * 11, qos=1).reason >= 0x80, what="the refusal")
        assert client.publish("t", "x" * 10, qos=1).reason < 0x80


# --- the rest ---

def test_per_listener_settings_and_what_belongs_to_it(start_broker):
    broker = start_broker("allow_anonymous false")
    assert not gets_in(broker)
    reloaded(broker, "per_listener_settings true", "listener:", "allow_anonymous true",
             "allow_zero_length_clientid false", "auto_id_prefix mine-")
    # The line before the listener is of the default listener's, which is not open.
    wait_until(lambda: gets_in(broker), what="the setting of the listener")
    assert not gets_in(broker, "")


def test_upgrade_outgoing_qos(start_broker):
    broker = start_broker()
    with raw.RawClient(broker.port) as client:
        client.connect("c")
        client.subscribe("t", qos=1)
        reloaded(broker, "upgrade_outgoing_qos true")

        def upgraded():
            client.publish("t", "x")
            return client.collect(1)[0].qos == 1
        wait_until(upgraded, what="QoS 1 of a message of QoS 0")


def test_allow_duplicate_messages(start_broker):
    broker = start_broker("allow_duplicate_messages false")
    with raw.RawClient(broker.port) as client:
        client.connect("c")
        client.subscribe("t/#")
        client.subscribe("+/a")
        reloaded(broker, "allow_duplicate_messages true")

        def twice():
            client.publish("t/a", "x")
            client.publish("t/end", "end")
            return len(client.collect_until(b"end")) == 2
        wait_until(twice, what="two copies")


def test_mount_point(start_broker):
    broker = start_broker()
    reloaded(broker, "listener:", "mount_point plant/")

    def mounted():
        mosquitto_pub(broker, "-t", "t", "-m", "kept", "-r", "-q", "1")
        found = mosquitto_sub(broker, "-t", "$SYS/broker/retained messages/count", "-C", "1",
                              "-W", "1", status=None)
        return found.returncode == 27  # $SYS is not below plant/: time-out.
    wait_until(mounted, what="the prefix of topics")


def test_connection_messages(start_broker):
    broker = start_broker()
    mosquitto_pub(broker, "-i", "told", "-t", "x", "-m", "x", "-q", "1")
    reloaded(broker, "connection_messages false")

    def silent():
        since = len(broker.log.lines)
        mosquitto_pub(broker, "-i", "untold", "-t", "x", "-m", "x", "-q", "1")
        let_pass(0.1)
        return not any("as untold" in line for line in broker.log.lines[since:])
    wait_until(silent, what="the silence about connections")
    assert "as told" in broker.log.text()


def test_sys_interval(start_broker):
    broker = start_broker("sys_interval 0")
    reloaded(broker, "sys_interval 1")
    mosquitto_sub(broker, "-t", "$SYS/broker/uptime", "-C", "1", "-W", "10")


@pytest.mark.parametrize("line", ["threads 1", "user root", "pid_file {folder}/pid"])
def test_what_needs_a_restart_says_so(start_broker, line):
    broker = start_broker("threads 2")
    broker.write_conf(*([line] if line.startswith("threads") else ["threads 2", line]))
    since = len(broker.log.lines)
    broker.send_signal(signal.SIGHUP)
    broker.log.wait(rf"Warning: The new value of {line.split()[0]} needs a restart\.", since=since)
