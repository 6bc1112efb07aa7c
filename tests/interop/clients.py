"""Debian's mosquitto_pub, _sub, _rr and paho-mqtt, with waits instead of sleeps."""
import os
import queue
import re
import shutil
import socket
import subprocess
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker import Stream, wait_until

TIMEOUT_S = 20
PAHO_VERSIONS = {"mqttv31": mqtt.MQTTv31, "mqttv311": mqtt.MQTTv311, "mqttv5": mqtt.MQTTv5}
DEBUG_LINE = re.compile(r"Client \S+ (sending|received) |(S|Uns)ubscribed \(mid: |"
                        r"Received DISCONNECT \(")


def tool(name):
    """The path of Debian's own client, whatever else is first in PATH."""
    path = shutil.which(name, path="/usr/bin:/usr/local/bin") or shutil.which(name)
    assert path, f"{name} is missing: install mosquitto-clients"
    return path


def command(broker, name, arguments, version):
    version_words = ["-V", version] if version else []
    return [tool(name), "-h", "127.0.0.1", "-p", str(broker.port), *version_words, *arguments]


def environment(broker):
    """Keeps option files of the user who runs the tests out of it."""
    return dict(os.environ, HOME=str(broker.folder), XDG_CONFIG_HOME=str(broker.folder / "config"))


def run_tool(broker, name, *arguments, version=None, stdin=None, status=0, timeout_s=TIMEOUT_S):
    """Runs a client to its end; `status` None accepts any. Output is bytes."""
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(command(broker, name, arguments, version), input=stdin or b"",
                          capture_output=True, timeout=timeout_s, env=environment(broker),
                          check=False)
    if status is not None:
        assert done.returncode == status, (
            f"{name} {' '.join(map(str, arguments))} ended with {done.returncode}: "
            f"{done.stdout!r} {done.stderr!r}")
    return done


def mosquitto_pub(broker, *arguments, **options):
    return run_tool(broker, "mosquitto_pub", *arguments, **options)


def mosquitto_sub(broker, *arguments, **options):
    """For subscribers that end by themselves (-C, -E, -W, --retained-only)."""
    return run_tool(broker, "mosquitto_sub", *arguments, **options)


def mosquitto_rr(broker, *arguments, **options):
    return run_tool(broker, "mosquitto_rr", *arguments, **options)


def lines_of(done):
    return done.stdout.decode().splitlines()


class Subscriber:
    """A mosquitto_sub that is running and, unless told otherwise, subscribed."""

    def __init__(self, broker, *arguments, version=None, wait=True):
        read_end, write_end = os.pipe()
        words = command(broker, "mosquitto_sub", ["-d", *arguments], version)
        try:
            # stdbuf executes the client in its own place, so the pid is that of mosquitto_sub.
            self.process = subprocess.Popen(["stdbuf", "-oL", *words], stdin=subprocess.DEVNULL,
                                            stdout=write_end, stderr=subprocess.STDOUT,
                                            env=environment(broker))
        finally:
            os.close(write_end)
        self.stream = Stream(read_end)
        if wait:
            self.stream.wait(r"^Subscribed \(mid: ", TIMEOUT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.stream.join()

    def messages(self):
        """What a user without -d would see by now."""
        return [line for line in self.stream.lines if not DEBUG_LINE.match(line)]

    def wait_messages(self, count, timeout_s=TIMEOUT_S):
        wait_until(lambda: len(self.messages()) >= count, timeout_s, f"message {count}")
        return self.messages()

    def finish(self, status=0, timeout_s=TIMEOUT_S):
        """Waits for the natural end and returns the messages."""
        ended = self.process.wait(timeout_s)
        self.stream.join()
        assert status in (None, ended), f"status {ended}:\n{self.stream.text()}"
        return self.messages()

    def leave(self):
        """SIGTERM: mosquitto_sub sends DISCONNECT."""
        self.process.terminate()
        return self.finish(status=None)

    def crash(self):
        """SIGKILL: the connection ends without DISCONNECT."""
        self.process.kill()
        self.process.wait()
        self.stream.join()


def properties_for(packet_name, **values):
    """Paho properties from snake_case names; a list gives a property more than once."""
    made = Properties(getattr(PacketTypes, packet_name))
    for name, value in values.items():
        camel = "".join(word.capitalize() for word in name.split("_"))
        camel = camel.replace("Qos", "QoS")
        for one in value if isinstance(value, list) else [value]:
            setattr(made, camel, one)
    return made


class Paho:
    """paho-mqtt with a thread; every verb waits until the broker has answered."""

    def __init__(self, broker, version="mqttv311", client_id="", clean=True, connect=True,
                 transport="tcp", **options):
        self.broker, self.version = broker, PAHO_VERSIONS[version]
        clean_words = {} if self.version == mqtt.MQTTv5 else {"clean_session": clean}
        self.client = mqtt.Client(client_id, protocol=self.version, reconnect_on_failure=False,
                                  transport=transport, **clean_words)
        self.clean = clean
        self.messages = queue.Queue()
        self._answers = {"connect": queue.Queue(), "disconnect": queue.Queue(),
                         "subscribe": queue.Queue(), "unsubscribe": queue.Queue()}
        self._published, self._done = threading.Condition(), set()
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        for name, answers in self._answers.items():
            setattr(self.client, f"on_{name}",
                    lambda _c, _u, *rest, answers=answers: answers.put(rest))
        if connect:
            self.connect(**options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def crash(self):
        """Ends the connection without DISCONNECT."""
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.wait("disconnect")

    def connect(self, keep_alive_s=60, properties=None):
        """Returns (flags, reason[, properties]) of the CONNACK."""
        version_words = {}
        if self.version == mqtt.MQTTv5:
            version_words = {"clean_start": self.clean, "properties": properties}
        self.client.connect("127.0.0.1", self.broker.port, keep_alive_s, **version_words)
        self.client.loop_start()
        answer = self.wait("connect")
        assert answer[1] == 0, f"CONNACK {answer}"
        return answer

    def wait(self, kind, timeout_s=TIMEOUT_S):
        return self._answers[kind].get(timeout=timeout_s)

    def subscribe(self, *arguments, **options):
        self.client.subscribe(*arguments, **options)
        return self.wait("subscribe")

    def unsubscribe(self, *arguments, **options):
        self.client.unsubscribe(*arguments, **options)
        return self.wait("unsubscribe")

    def publish(self, topic, payload=None, **options):
        info = self.client.publish(topic, payload, **options)
        info.wait_for_publish(TIMEOUT_S)
        assert info.is_published(), f"{topic} was not published within {TIMEOUT_S} s"
        return info

    def receive(self, count=None, timeout_s=TIMEOUT_S):
        """The next message, or a list of the next `count`."""
        if count is None:
            return self.messages.get(timeout=timeout_s)
        return [self.messages.get(timeout=timeout_s) for _ in range(count)]
