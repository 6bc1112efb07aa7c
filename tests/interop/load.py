"""Clients that note what the broker promised them, for tests that end it at any moment.

Each lives through many brokers: `begin` starts a thread that uses the one that runs, `join` returns
when that broker is gone. What was under way then is taken up again as the standard asks for.
"""
import threading

import raw

NEVER = [("session_expiry_interval", 0xFFFFFFFF)]
GONE = (OSError, raw.Closed)


def durable(version):
    """Options of `RawClient.connect` for a session that stays."""
    return {"clean": False, "properties": NEVER if version == raw.V5 else ()}


class Client:
    def __init__(self, name, version):
        self.name, self.version = name, version
        self.thread = self.error = None

    def begin(self, port):
        self.thread = threading.Thread(target=self._run, args=(port,))
        self.thread.start()

    def _run(self, port):
        try:
            with raw.RawClient(port, self.version) as client:
                self.connected(client, client.connect(self.name, **durable(self.version)))
                while True:
                    self.step(client)
        except GONE:
            pass
        except AssertionError as error:
            # At a clean stop v5 clients are told so, and who connects is refused.
            if str(error).split("\n")[0] not in ("DISCONNECT 0x8b", "CONNACK 0x03", "CONNACK 0x88"):
                self.error = error
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def join(self):
        self.thread.join()
        if self.error:
            raise AssertionError(f"{self.name}: {self.error}") from self.error

    def connected(self, client, answer):
        """The session is there."""

    def step(self, client):
        raise NotImplementedError


class Publisher(Client):
    """Publishes 0, 1, 2 ... each until it is acknowledged; what was cut off it sends again."""

    def __init__(self, name, version, qos, topic, retain=False):
        super().__init__(name, version)
        self.qos, self.topic, self.retain = qos, topic, retain
        self.number, self.sent, self.received = 0, False, False
        self.acknowledged = []

    @property
    def packet_id(self):
        return self.number % 65535 + 1

    def step(self, client):
        if not self.received:
            client.send(raw.publish(self.topic, str(self.number), self.qos, retain=self.retain,
                                    dup=self.sent, packet_id=self.packet_id, version=self.version))
            self.sent = True
            answer = client.wait_for(raw.PUBACK if self.qos == 1 else raw.PUBREC, self.packet_id)
            assert (answer.reason or 0) < 0x80, f"reason 0x{answer.reason:02x}"
            self.received = self.qos == 2
            self.acknowledged.append(self.number)  # From here on it must not get lost.
        if self.received:
            client.send(raw.acknowledge(raw.PUBREL, self.packet_id))
            client.wait_for(raw.PUBCOMP, self.packet_id)
        self.number, self.sent, self.received = self.number + 1, False, False


class Subscriber(Client):
    """Receives as the standard asks for, and notes what it got: topic → numbers in their order."""

    def __init__(self, name, version, topics):
        super().__init__(name, version)
        self.topics, self.found, self.open_ids = topics, {}, set()
        self.has_session = False

    def connected(self, client, answer):
        assert answer.session_present == self.has_session, "the session is not as it was"
        if not self.has_session:
            client.subscribe(*self.topics, qos=2)
            self.has_session = True

    def step(self, client):
        self.take(client, client.receive(60))

    def take(self, client, got):
        if got.kind == raw.DISCONNECT:
            raise raw.Closed()
        if got.kind == raw.PUBREL:
            self.open_ids.discard(got.packet_id)
            client.send(raw.acknowledge(raw.PUBCOMP, got.packet_id))
        elif got.kind == raw.PUBLISH:
            if got.qos < 2 or got.packet_id not in self.open_ids:
                self.found.setdefault(got.topic, []).append(got.payload.decode())
            if got.qos == 2:
                self.open_ids.add(got.packet_id)
            if got.qos:
                client.send(raw.acknowledge(raw.PUBREC if got.qos == 2 else raw.PUBACK,
                                            got.packet_id))

    def receive_until(self, port, topic):
        """Connects and receives all that waits, up to a message at `topic`."""
        with raw.RawClient(port, self.version) as client:
            self.connected(client, client.connect(self.name, **durable(self.version)))
            while topic not in self.found:
                self.take(client, client.receive())
            while self.open_ids:
                self.take(client, client.receive())


class Changer(Client):
    """Subscribes and unsubscribes; knows which filters it has, but for one that was cut off."""

    def __init__(self, name, version, filters, chance):
        super().__init__(name, version)
        self.filters, self.chance = filters, chance
        self.has, self.unknown = set(), None

    def step(self, client):
        chosen = self.unknown or self.chance.choice(self.filters)
        self.unknown = chosen
        if chosen in self.has:
            client.unsubscribe(chosen)
            self.has.discard(chosen)
        else:
            client.subscribe(chosen, qos=1)
            self.has.add(chosen)
        self.unknown = None

    def check(self, port):
        """Publishes to every filter, and compares what comes."""
        with raw.RawClient(port, self.version) as client:
            client.connect(self.name, **durable(self.version))
            for each in self.filters:
                client.publish(each, "probe", 1)
            client.subscribe(f"{self.name}/last", qos=1)
            client.publish(f"{self.name}/last", "last", 1)
            found = {message.topic for message in client.collect_until(b"last")}
            client.unsubscribe(f"{self.name}/last")
        known = set(self.filters) - {self.unknown}
        assert found & known == self.has & known
