#!/usr/bin/env python3
"""Measures TLS, WebSocket and acl_file against peers in the same run; one JSON line a row.

  transports.py --tombo build/release/bin/tombo --mqload build/release/bin/mqload \\
                [--rows data,handshake,idle,acl] [--runs 3] [--out results.jsonl]

  data       QoS 0, 64 B, 50 pairs: plain, TLS, WebSocket, both; mosquitto plain and with TLS
  handshake  CPU of the server for a full and for a resumed handshake, beside `openssl s_server` with the
             same certificate; RSA 2048 and ECDSA P-256, TLS 1.2 and 1.3
  idle       RSS of an idle connection: plain, TLS, mosquitto's with TLS
  acl        the pairs again with and without an acl_file of 10,000 rules
  stall      the longest wait of a client beside 300 others that begin full handshakes at once, one thread

Medians of `--runs`. Run it on a quiet machine; CPU is that of the server's whole process.
"""
import argparse
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager

import probe

PLAIN, TLS, WEB, WEB_TLS, OPENSSL = 21041, 21042, 21043, 21044, 21045
COMMON = ["allow_anonymous true", "set_tcp_nodelay true", "max_queued_messages 0",
          "max_inflight_messages 100", "log_type error"]
KEYS = {"rsa": ["-newkey", "rsa:2048"],
        "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def make_certificates(folder):
    for name, words in KEYS.items():
        subprocess.run(["openssl", "req", "-x509", *words, "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-keyout", f"{folder}/{name}.key", "-out",
                        f"{folder}/{name}.crt"], check=True, capture_output=True)
        os.chmod(f"{folder}/{name}.key", 0o644)


def listener(folder, port, key=None, web=False):
    lines = [f"listener {port} 127.0.0.1"]
    if web:
        lines.append("protocol websockets")
    if key:
        lines += [f"certfile {folder}/{key}.crt", f"keyfile {folder}/{key}.key"]
    return lines


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(port, *command):
    """A server until the end of the block; gives its pid."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended with {process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def broker(options, name, port, *lines):
    conf = os.path.join(options.folder, "conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("\n".join([*COMMON, *lines]) + "\n")
    with running(port, getattr(options, name), "-c", conf) as pid:
        yield pid


def load(options, pid, port, *words):
    done = subprocess.run([options.mqload, *words, "--port", str(port), "--pid", str(pid)],
                          stdout=subprocess.PIPE, check=False, text=True)
    return json.loads(done.stdout)


def pairs(options, pid, port, *words):
    found = load(options, pid, port, "pubsub", "--topology", "1:1", "--pubs", "50", "--payload", "64",
                 "--window", "64", "--seconds", str(options.seconds), *words)
    assert not found.get("lost") and not found.get("wrong"), found
    return found["broker_cpu_us_per_delivered"]


def medians(options, ways):
    """{name: median of way()} over the runs, by turns, so that a noisy moment hits all."""
    found = {name: [] for name in ways}
    for _ in range(options.runs):
        for name, way in ways.items():
            found[name].append(way())
    return {name: round(statistics.median(values), 3) for name, values in found.items()}


def data(options):
    folder = options.folder

    def tombo(port, web, tls):
        key = "ecdsa" if tls else None
        with broker(options, "tombo", port, *listener(folder, port, key, web)) as pid:
            return pairs(options, pid, port, *(["--ws", "1"] if web else []),
                         *(["--tls", "1", "--insecure", "1"] if tls else []))

    def mosquitto(tls):
        port = TLS if tls else PLAIN
        with broker(options, "mosquitto", port,
                    *listener(folder, port, "ecdsa" if tls else None)) as pid:
            return pairs(options, pid, port, *(["--tls", "1", "--insecure", "1"] if tls else []))

    found = medians(options, {
        "plain": lambda: tombo(PLAIN, False, False), "tls": lambda: tombo(TLS, False, True),
        "websocket": lambda: tombo(WEB, True, False),
        "websocket_tls": lambda: tombo(WEB_TLS, True, True),
        "mosquitto_plain": lambda: mosquitto(False), "mosquitto_tls": lambda: mosquitto(True)})
    found["websocket_to_plain"] = round(found["websocket"] / found["plain"], 2)
    return [found]


class Client:
    """Handshakes one after the other, as cheap for the server as they can be: nothing is sent."""

    def __init__(self, port, version):
        self.port = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = self.context.maximum_version = VERSIONS[version]

    def connect(self, session=None, wants_ticket=False):
        plain = socket.create_connection(("127.0.0.1", self.port))
        with self.context.wrap_socket(plain, session=session) as connection:
            assert session is None or connection.session_reused
            if wants_ticket:
                connection.settimeout(0.2)
                try:
                    connection.recv(1)  # With TLS 1.3 tickets come behind the handshake.
                except (TimeoutError, ssl.SSLError):
                    pass
            return connection.session


def handshakes(options, pid, port, version, resume):
    client = Client(port, version)
    session = client.connect(wants_ticket=True) if resume else None
    for _ in range(20):
        client.connect(session)
    before = cpu_seconds(pid)
    for _ in range(options.handshakes):
        client.connect(session)
    time.sleep(0.05)  # the server sees the last end
    return (cpu_seconds(pid) - before) * 1e6 / options.handshakes


def handshake(options):
    rows = []
    for key in KEYS:
        for version in VERSIONS:
            for resume in (False, True):
                def tombo():
                    with broker(options, "tombo", TLS, *listener(options.folder, TLS, key)) as pid:
                        return handshakes(options, pid, TLS, version, resume)

                def openssl():
                    with running(OPENSSL, "openssl", "s_server", "-accept", f"127.0.0.1:{OPENSSL}",
                                 "-quiet", "-cert", f"{options.folder}/{key}.crt", "-key",
                                 f"{options.folder}/{key}.key") as pid:
                        return handshakes(options, pid, OPENSSL, version, resume)

                found = medians(options, {"tombo": tombo, "openssl": openssl})
                rows.append({"key": key, "version": version, "resumed": resume, **found,
                             "ratio": round(found["tombo"] / found["openssl"], 2)})
    return rows


def idle(options):
    def growth(name, tls):
        port = TLS if tls else PLAIN
        with broker(options, name, port,
                    *listener(options.folder, port, "ecdsa" if tls else None)) as pid:
            found = load(options, pid, port, "connect", "--total", str(options.connections),
                         "--keepalive", "0", "--concurrency", "32",
                         *(["--tls", "1", "--insecure", "1"] if tls else []))
            return found["rss_bytes_per_conn"]

    return [medians(options, {"plain": lambda: growth("tombo", False),
                              "tls": lambda: growth("tombo", True),
                              "mosquitto_tls": lambda: growth("mosquitto", True)})]


def acl(options):
    path = os.path.join(options.folder, "acl")
    with open(path, "w", encoding="utf-8") as file:
        for number in range(9_999):
            file.write(f"topic readwrite plant/{number % 100}/{number}/+/state\n")
        file.write("topic readwrite mqload/#\n")
    os.chmod(path, 0o644)

    def run(*lines):
        with broker(options, "tombo", PLAIN, *lines, *listener(options.folder, PLAIN)) as pid:
            return pairs(options, pid, PLAIN)

    found = medians(options, {"without": run, "with_10000_rules": lambda: run(f"acl_file {path}")})
    return [{**found, "added": round(found["with_10000_rules"] - found["without"], 3)}]


def stall(options):
    """A client pings as fast as it can; then 300 others come at once."""
    rows = []
    for key in KEYS:
        with broker(options, "tombo", TLS, "threads 1", *listener(options.folder, PLAIN),
                    *listener(options.folder, TLS, key)):
            pinger = probe.Client(PLAIN, b"pinger", True)
            waits, stop = [], threading.Event()

            def ping():
                while not stop.is_set():
                    began = time.monotonic()
                    pinger.send(b"\xc0\x00")
                    pinger.one()
                    waits.append(time.monotonic() - began)

            thread = threading.Thread(target=ping)
            thread.start()
            time.sleep(0.5)
            alone = max(waits[10:])
            waits.clear()
            # Behind the others for the cores: what they wait for is the broker alone.
            subprocess.run(["nice", "-n", "19", options.mqload, "connect", "--total", "300", "--concurrency", "300", "--tls",
                            "1", "--insecure", "1", "--hold", "0.1", "--port", str(TLS)],
                           stdout=subprocess.DEVNULL, check=False)
            beside = sorted(waits)
            stop.set()
            thread.join()
        rows.append({"key": key, "alone_max_ms": round(alone * 1000, 2),
                     "beside_p99_ms": round(beside[len(beside) * 99 // 100] * 1000, 2),
                     "beside_max_ms": round(beside[-1] * 1000, 2)})
    return rows


ROWS = {"data": data, "handshake": handshake, "idle": idle, "acl": acl, "stall": stall}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tombo", required=True)
    parser.add_argument("--mosquitto", default="/usr/sbin/mosquitto")
    parser.add_argument("--mqload", required=True)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--handshakes", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="transports-") as folder:
        os.chmod(folder, 0o755)
        options.folder = folder
        make_certificates(folder)
        for row in options.rows.split(","):
            for found in ROWS[row](options):
                line = json.dumps({"row": row, **found})
                print(line, flush=True)
                if options.out:
                    with open(options.out, "a", encoding="utf-8") as file:
                        file.write(line + "\n")


if __name__ == "__main__":
    main()
