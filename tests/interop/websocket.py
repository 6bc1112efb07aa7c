"""A WebSocket client (RFC 6455) of the tests' own: well-behaved, and in any way that is asked for."""
import base64
import hashlib
import os
import socket
import struct

import raw

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(payload=b"", opcode=BINARY, final=True, masked=True, reserved=0):
    size = len(payload)
    bit = 0x80 if masked else 0
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    pattern = (key * (size // 4 + 1))[:size]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")
    return head + key + hidden.to_bytes(size, "big")


class Answer:
    """An HTTP answer: status, headers with small names, and the body if its length is told."""

    def __init__(self, connection):
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            data = connection.recv(65536)
            if not data:
                raise raw.Closed()
            self.rest += data
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip()
                        for name, value in (line.split(":", 1) for line in lines)}
        size = int(self.headers.get("content-length", 0))
        while len(self.rest) < size:
            self.rest += connection.recv(65536)
        self.body, self.rest = self.rest[:size].decode(), self.rest[size:]


def upgrade_request(key="dGhlIHNhbXBsZSBub25jZQ==", protocols=("mqtt",), version=13, headers=()):
    lines = ["GET /mqtt HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Key: {key}", f"Sec-WebSocket-Version: {version}",
             *(f"Sec-WebSocket-Protocol: {each}" for each in protocols), *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def ask(broker, request):
    """Sends any request and returns the answer; the connection is closed."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=raw.TIMEOUT_S) as connection:
        connection.sendall(request)
        return Answer(connection)


class Framed:
    """Looks like a socket to RawClient, and puts what is sent into frames."""

    def __init__(self, connection, **request):
        self.connection, self.pieces = connection, None
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(upgrade_request(key, **request))
        self.answer = Answer(connection)
        assert self.answer.status == 101, self.answer.body
        digest = hashlib.sha1((key + GUID).encode()).digest()
        assert self.answer.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
        self.buffer, self.control = bytearray(self.answer.rest), []

    def settimeout(self, seconds):
        self.connection.settimeout(seconds)

    def close(self):
        self.connection.close()

    def sendall(self, data):
        """In one frame, or in frames of `pieces` bytes."""
        size = self.pieces or max(len(data), 1)
        self.connection.sendall(b"".join(frame(data[at:at + size])
                                         for at in range(0, len(data), size)))

    def recv(self, _size):
        """The payload of the next data frame; control frames are kept aside. b"" at the end."""
        while True:
            opcode, payload = self.next_frame()
            if opcode == BINARY and payload:
                return payload
            if opcode is None or opcode == CLOSE:
                return b""

    def next_frame(self):
        """(opcode, payload); (None, b"") at the end of the stream."""
        try:
            first, second = self._take(2)
            size = second & 0x7F
            assert not second & 0x80, "a server must not mask"
            assert first & 0x80 and not first & 0x70, f"first byte {first:02x}"
            if size == 126:
                size, = struct.unpack(">H", self._take(2))
            elif size == 127:
                size, = struct.unpack(">Q", self._take(8))
            payload = self._take(size)
        except EOFError:
            return None, b""
        if first & 0x0F != BINARY:
            self.control.append((first & 0x0F, payload))
        return first & 0x0F, payload

    def _take(self, size):
        while len(self.buffer) < size:
            data = self.connection.recv(1 << 20)
            if not data:
                raise EOFError
            self.buffer += data
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken


class WebSocketClient(raw.RawClient):
    """A RawClient that speaks through frames. Verbs as there; `frames` for everything else."""

    def __init__(self, broker, version=raw.V311, **request):
        super().__init__(broker.port, version)
        self.socket = self.frames = Framed(self.socket, **request)

    def send_frame(self, *arguments, **options):
        self.frames.connection.sendall(frame(*arguments, **options))

    def close_code(self):
        """Waits for the end of the stream; the code of the close frame before it."""
        while self.frames.next_frame()[0] is not None:
            pass
        codes = [payload for opcode, payload in self.frames.control if opcode == CLOSE]
        assert len(codes) == 1, self.frames.control
        return struct.unpack(">H", codes[0][:2])[0]
