"""A raw-socket MQTT client: packets of MQTT 3.1, 3.1.1 and 5.0 built and parsed by hand.

For what the client libraries refuse to do: broken packets, withheld acknowledgements, exact bytes.
Properties are lists of (name, value) in wire order; names are those of the standard in snake_case.
"""
import socket
import struct
import time
from dataclasses import dataclass, field

V31, V311, V5 = 3, 4, 5
LEVELS = {"mqttv31": V31, "mqttv311": V311, "mqttv5": V5}  # As mosquitto_pub -V spells them.
(CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE,
 UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH) = range(1, 16)
NAMES = ("", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
         "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH")
TIMEOUT_S = 10.0

PROPERTIES = {
    "payload_format_indicator": (0x01, "u8"), "message_expiry_interval": (0x02, "u32"),
    "content_type": (0x03, "text"), "response_topic": (0x08, "text"),
    "correlation_data": (0x09, "binary"), "subscription_identifier": (0x0B, "varint"),
    "session_expiry_interval": (0x11, "u32"), "assigned_client_identifier": (0x12, "text"),
    "server_keep_alive": (0x13, "u16"), "authentication_method": (0x15, "text"),
    "authentication_data": (0x16, "binary"), "request_problem_information": (0x17, "u8"),
    "will_delay_interval": (0x18, "u32"), "request_response_information": (0x19, "u8"),
    "response_information": (0x1A, "text"), "server_reference": (0x1C, "text"),
    "reason_string": (0x1F, "text"), "receive_maximum": (0x21, "u16"),
    "topic_alias_maximum": (0x22, "u16"), "topic_alias": (0x23, "u16"),
    "maximum_qos": (0x24, "u8"), "retain_available": (0x25, "u8"), "user_property": (0x26, "pair"),
    "maximum_packet_size": (0x27, "u32"), "wildcard_subscription_available": (0x28, "u8"),
    "subscription_identifier_available": (0x29, "u8"),
    "shared_subscription_available": (0x2A, "u8"),
}
PROPERTY_NAMES = {number: (name, kind) for name, (number, kind) in PROPERTIES.items()}


# --- building ---------------------------------------------------------------------------------

def u16(number):
    return struct.pack(">H", number)


def u32(number):
    return struct.pack(">I", number)


def varint(number):
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def field16(data):
    """Text or binary with its two-byte length."""
    data = data.encode() if isinstance(data, str) else data
    return u16(len(data)) + data


def encode_property(name, value):
    number, kind = PROPERTIES[name]
    encoded = {
        "u8": lambda: bytes([value]), "u16": lambda: u16(value), "u32": lambda: u32(value),
        "varint": lambda: varint(value), "text": lambda: field16(value),
        "binary": lambda: field16(value), "pair": lambda: field16(value[0]) + field16(value[1]),
    }[kind]()
    return bytes([number]) + encoded


def encode_properties(properties):
    body = b"".join(encode_property(name, value) for name, value in properties or ())
    return varint(len(body)) + body


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def connect(client_id="", version=V311, clean=True, keep_alive_s=60, properties=(), will=None,
            username=None, password=None, flags=None, protocol_name=None):
    """`will` is a dict: topic, payload, qos, retain, properties."""
    standard_name = "MQIsdp" if version == V31 else "MQTT"
    name = standard_name if protocol_name is None else protocol_name
    bits = 0x02 if clean else 0
    payload = field16(client_id)
    if will:
        bits |= 0x04 | will.get("qos", 0) << 3 | (0x20 if will.get("retain") else 0)
        if version == V5:
            payload += encode_properties(will.get("properties"))
        payload += field16(will["topic"]) + field16(will.get("payload", b""))
    if username is not None:
        bits |= 0x80
        payload += field16(username)
    if password is not None:
        bits |= 0x40
        payload += field16(password)
    head = field16(name) + bytes([version, bits if flags is None else flags]) + u16(keep_alive_s)
    if version == V5:
        head += encode_properties(properties)
    return packet(CONNECT, head + payload)


def publish(topic, payload=b"", qos=0, retain=False, dup=False, packet_id=None, version=V311,
            properties=()):
    body = field16(topic)
    if packet_id is not None:
        body += u16(packet_id)
    if version == V5:
        body += encode_properties(properties)
    payload = payload.encode() if isinstance(payload, str) else payload
    return packet(PUBLISH, body + payload, (8 if dup else 0) | qos << 1 | (1 if retain else 0))


def subscribe(packet_id, filters, version=V311, properties=()):
    """`filters` is a list of (filter, options byte)."""
    body = u16(packet_id) + (encode_properties(properties) if version == V5 else b"")
    body += b"".join(field16(text) + bytes([options]) for text, options in filters)
    return packet(SUBSCRIBE, body, 2)


def unsubscribe(packet_id, filters, version=V311, properties=()):
    body = u16(packet_id) + (encode_properties(properties) if version == V5 else b"")
    return packet(UNSUBSCRIBE, body + b"".join(field16(text) for text in filters), 2)


def acknowledge(kind, packet_id, reason=None):
    """PUBACK, PUBREC, PUBREL or PUBCOMP; the reason is left out when None."""
    body = u16(packet_id) + (b"" if reason is None else bytes([reason]))
    return packet(kind, body, 2 if kind == PUBREL else 0)


# --- parsing ----------------------------------------------------------------------------------

@dataclass
class Packet:
    kind: int
    flags: int
    body: bytes
    packet_id: int = None
    reason: int = None
    reasons: list = field(default_factory=list)
    session_present: bool = False
    topic: str = None
    payload: bytes = b""
    properties: list = field(default_factory=list)

    @property
    def name(self):
        return NAMES[self.kind]

    @property
    def qos(self):
        return self.flags >> 1 & 3

    @property
    def dup(self):
        return bool(self.flags & 8)

    @property
    def retain(self):
        return bool(self.flags & 1)

    def property(self, name):
        """The first value of that name, or None."""
        return next((value for key, value in self.properties if key == name), None)

    def all_of(self, name):
        return [value for key, value in self.properties if key == name]


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, count):
        assert len(self.data) >= count, "the broker sent a packet that is too short"
        part, self.data = self.data[:count], self.data[count:]
        return part

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def binary(self):
        return self.take(self.u16())

    def text(self):
        return self.binary().decode()

    def pair(self):
        return self.text(), self.text()

    def properties(self):
        inner, found = Reader(self.take(self.varint())), []
        while inner.data:
            name, kind = PROPERTY_NAMES[inner.u8()]
            found.append((name, getattr(inner, kind)()))
        return found


def parse(first_byte, body, version):
    out, read = Packet(first_byte >> 4, first_byte & 15, body), Reader(body)
    if out.kind == CONNACK:
        out.session_present = bool(read.u8() & 1)
        out.reason = read.u8()
        # A broker that does not know the version may answer in the words of MQTT 3.
        out.properties = read.properties() if read.data else []
    elif out.kind == PUBLISH:
        out.topic = read.text()
        out.packet_id = read.u16() if out.qos else None
        out.properties = read.properties() if version == V5 else []
        out.payload = read.data
    elif out.kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        out.packet_id = read.u16()
        out.reason = read.u8() if read.data else 0
        out.properties = read.properties() if read.data else []
    elif out.kind in (SUBACK, UNSUBACK):
        out.packet_id = read.u16()
        out.properties = read.properties() if version == V5 else []
        out.reasons = list(read.data)
    elif out.kind in (DISCONNECT, AUTH):
        out.reason = read.u8() if read.data else 0
        out.properties = read.properties() if read.data else []
    return out


# --- the client -------------------------------------------------------------------------------

class Closed(Exception):
    """The broker has closed the connection."""


class RawClient:
    """One connection. `wait_for` leaves packets of other kinds to `receive`, in their order."""

    def __init__(self, port, version=V311, stream=None):
        """Connects to `port` of loopback, or takes over `stream`, a connected socket."""
        self.version = version
        if stream is None:
            stream = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = stream
        self.buffer, self.inbox, self.last_id = bytearray(), [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection without a DISCONNECT."""
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def next_id(self):
        self.last_id = self.last_id % 65535 + 1
        return self.last_id

    def receive(self, timeout_s=TIMEOUT_S):
        """The next packet; TimeoutError when none comes, Closed at the end of the stream."""
        return self.inbox.pop(0) if self.inbox else self._from_wire(time.monotonic() + timeout_s)

    def wait_for(self, kind, packet_id=None, timeout_s=TIMEOUT_S):
        def wanted(found):
            return found.kind == kind and packet_id in (None, found.packet_id)
        for index, found in enumerate(self.inbox):
            if wanted(found):
                return self.inbox.pop(index)
        deadline = time.monotonic() + timeout_s
        while True:
            found = self._from_wire(deadline)
            if wanted(found):
                return found
            assert found.kind != DISCONNECT, f"DISCONNECT 0x{found.reason:02x}"
            self.inbox.append(found)

    def _from_wire(self, deadline):
        while True:
            found = self._cut()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no packet from the broker in time")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError) as error:
                raise Closed() from error
            if not data:
                raise Closed()
            self.buffer += data

    def _cut(self):
        for size in range(2, 6):
            if len(self.buffer) < size:
                return None
            if self.buffer[size - 1] < 0x80:
                break
        length = Reader(bytes(self.buffer[1:size])).varint()
        if len(self.buffer) < size + length:
            return None
        found = parse(self.buffer[0], bytes(self.buffer[size:size + length]), self.version)
        del self.buffer[:size + length]
        return found

    def ends(self, timeout_s=TIMEOUT_S):
        """Waits for the broker to close; returns the packets that came before."""
        packets, deadline = self.inbox, time.monotonic() + timeout_s
        self.inbox = []
        while True:
            try:
                packets.append(self._from_wire(deadline))
            except Closed:
                return packets

    # --- verbs that wait for their answer ---

    def connect(self, client_id="", expect=0, **options):
        self.send(connect(client_id, self.version, **options))
        answer = self.receive()
        assert answer.kind == CONNACK, answer
        assert expect is None or answer.reason == expect, f"CONNACK 0x{answer.reason:02x}"
        return answer

    def subscribe(self, *filters, qos=0, options=0, properties=()):
        packet_id = self.next_id()
        wanted = [(text, qos | options) for text in filters]
        self.send(subscribe(packet_id, wanted, self.version, properties))
        return self.wait_for(SUBACK, packet_id)

    def unsubscribe(self, *filters):
        packet_id = self.next_id()
        self.send(unsubscribe(packet_id, filters, self.version))
        return self.wait_for(UNSUBACK, packet_id)

    def publish(self, topic, payload=b"", qos=0, **options):
        """Publishes and completes the handshake of its QoS; returns PUBACK or PUBREC."""
        packet_id = self.next_id() if qos else None
        self.send(publish(topic, payload, qos, packet_id=packet_id, version=self.version,
                          **options))
        if qos == 0:
            return None
        answer = self.wait_for(PUBACK if qos == 1 else PUBREC, packet_id)
        if qos == 2 and answer.reason < 0x80:
            self.send(acknowledge(PUBREL, packet_id))
            self.wait_for(PUBCOMP, packet_id)
        return answer

    def collect(self, count, timeout_s=TIMEOUT_S):
        """Receives `count` PUBLISH packets, acknowledges them, and returns them."""
        found, later, open_ids, deadline = [], [], set(), time.monotonic() + timeout_s
        while len(found) < count or open_ids:
            got = self.receive(deadline - time.monotonic())
            if got.kind == PUBLISH and len(found) == count:
                later.append(got)
            elif got.kind == PUBLISH:
                found.append(got)
                if got.qos == 1:
                    self.send(acknowledge(PUBACK, got.packet_id))
                elif got.qos == 2:
                    open_ids.add(got.packet_id)
                    self.send(acknowledge(PUBREC, got.packet_id))
            elif got.kind == PUBREL:
                open_ids.discard(got.packet_id)
                self.send(acknowledge(PUBCOMP, got.packet_id))
            else:
                raise AssertionError(f"{got.name} in the middle of messages: {got}")
        self.inbox = later + self.inbox
        return found

    def payloads(self, count, timeout_s=TIMEOUT_S):
        return [found.payload.decode() for found in self.collect(count, timeout_s)]

    def collect_until(self, payload):
        """Like collect, up to a message of that payload; returns the messages before it."""
        found = []
        while True:
            message, = self.collect(1)
            if message.payload == payload:
                return found
            found.append(message)

    def ping(self):
        self.send(packet(PINGREQ))
        return self.wait_for(PINGRESP)

    def disconnect(self, reason=None, properties=()):
        """Sends DISCONNECT and waits until the broker has closed its side."""
        body = b"" if reason is None else bytes([reason])
        if properties:
            body += encode_properties(properties)
        self.send(packet(DISCONNECT, body))
        self.ends()
        self.close()
