#!/usr/bin/env python3
"""A light client that tells how long a broker lets others wait, beside any load; one JSON line.

  probe.py --port 21001 --seconds 20 [--rate 100]

It sends `rate` messages a second each of QoS 0, received by a session that ends with its connection, and
of QoS 1, received by a durable session, and measures send to receipt, and PUBLISH to PUBACK. Times are in
ms. What a probe waits for its own turn on a busy machine is in them: run it beside the same load of a
broker that stores nothing to see how much that is.
"""
import argparse
import json
import os
import select
import socket
import struct
import time


def string(text):
    return struct.pack("!H", len(text)) + text


def packet(head, body):
    assert len(body) < 128
    return bytes([head, len(body)]) + body


class Client:
    def __init__(self, port, name, clean):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        flags = bytes([2 if clean else 0])
        self.send(packet(0x10, string(b"MQTT") + b"\x04" + flags + b"\x00\x00" + string(name)))
        assert self.one()[0] >> 4 == 2

    def send(self, data):
        self.socket.sendall(data)

    def one(self):
        while True:
            for found in self.packets():
                return found
            self.read()

    def read(self):
        got = self.socket.recv(65536)
        assert got, "closed by the broker"
        self.rest += got

    def packets(self):
        while len(self.rest) >= 2 and len(self.rest) >= 2 + self.rest[1]:
            end = 2 + self.rest[1]
            head, body = self.rest[0], self.rest[2:end]
            self.rest = self.rest[end:]
            yield head, body

    def subscribe(self, topic, qos):
        self.send(packet(0x82, b"\x00\x01" + string(topic) + bytes([qos])))
        assert self.one()[0] >> 4 == 9


def summary(name, values):
    values.sort()
    at = lambda p: round(values[min(len(values) - 1, int(len(values) * p))], 3) if values else None
    return {f"{name}_n": len(values), f"{name}_p50_ms": at(0.5), f"{name}_p99_ms": at(0.99),
            f"{name}_max_ms": at(1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=100)
    options = parser.parse_args()
    own = str(os.getpid()).encode()
    names = {0: b"probe/" + own + b"/0", 1: b"probe/" + own + b"/1"}
    publisher = Client(options.port, b"probe-p-" + own, True)
    plain = Client(options.port, b"probe-s-" + own, True)
    durable = Client(options.port, b"probe-d-" + own, False)
    plain.subscribe(names[0], 0)
    durable.subscribe(names[1], 1)
    delivered = {0: [], 1: []}
    acked, sent, late = [], {}, 0.0
    start = time.monotonic()
    turn, owed = 0, 0
    while True:
        now = time.monotonic()
        due = start + turn / options.rate
        if now >= due and now - start < options.seconds:
            late = max(late, now - due)
            stamp = struct.pack("!d", now)
            identifier = turn % 65535 + 1
            publisher.send(packet(0x30, string(names[0]) + stamp) +
                           packet(0x32, string(names[1]) + struct.pack("!H", identifier) + stamp))
            sent[identifier] = now
            owed += 3
            turn += 1
            continue
        if now - start >= options.seconds and (owed == 0 or now - start > options.seconds + 5):
            break
        ready, _, _ = select.select([c.socket for c in (publisher, plain, durable)], [], [],
                                    min(max(due - now, 0), 0.5) if now - start < options.seconds else 0.1)
        for client in (publisher, plain, durable):
            if client.socket not in ready:
                continue
            client.read()
            now = time.monotonic()
            for head, body in client.packets():
                owed -= 1
                if head >> 4 == 4:
                    acked.append((now - sent.pop(struct.unpack("!H", body[:2])[0])) * 1000)
                    continue
                qos = head >> 1 & 3
                delivered[qos].append((now - struct.unpack("!d", body[-8:])[0]) * 1000)
                if qos:
                    at = 2 + len(names[1])
                    client.send(packet(0x40, body[at:at + 2]))
    result = {"probe": options.rate, "missing": owed, "probe_late_max_ms": round(late * 1000, 3)}
    for name, values in (("q0", delivered[0]), ("q1", delivered[1]), ("puback", acked)):
        result.update(summary(name, values))
    print(json.dumps(result), flush=True)
    durable.send(packet(0xE0, b""))
    Client(options.port, b"probe-d-" + own, True)  # Its session ends with this.


if __name__ == "__main__":
    main()
