#!/usr/bin/env python3
"""Measures what durability costs, with a peer that stores nothing in the same run; one JSON line a row.

  durable.py --tombo build/release/bin/tombo --mqload build/release/bin/mqload --folder build \\
             [--rows disk,pair,...] [--out results.jsonl]

`--folder` must be on the disk that is to be measured: a store in tmpfs proves nothing. Rows:
  disk       fdatasync of 4 KiB appended, p50 and p99
  pair       durable QoS 1, 64 B, 50 pairs in a closed loop: tombo with a store, mosquitto without
  fan        one publisher, 1,000 durable sessions: online, and offline (only queued)
  puback     PUBLISH to PUBACK of a probe beside 2,000 durable messages a second, the disk before and after
  beside     20,000 non-durable messages a second: alone, and beside durable traffic with and without a store
  memory     1,000,000 messages queued for 100 offline sessions, with and without a store; then kill -9, restart
  pauses     a probe beside durable 8 KiB messages, with and without a store
  retained   10,000,000 retained messages, kill -9, restart (`--retained N` for fewer)
  rest       memory with and without a store, nothing to do
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import probe

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 21031
COMMON = ["allow_anonymous true", "set_tcp_nodelay true", "max_queued_messages 0",
          "max_inflight_messages 100", f"listener {PORT} 127.0.0.1"]


def disk(folder, count=2000):
    """Milliseconds of fdatasync after 4 KiB appended: p50, p99, max."""
    path = os.path.join(folder, "disk-probe")
    took = []
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(count):
            start = time.monotonic()
            os.write(file, b"x" * 4096)
            os.fdatasync(file)
            took.append((time.monotonic() - start) * 1000)
    finally:
        os.close(file)
        os.unlink(path)
    took.sort()
    return {"sync_p50_ms": round(took[count // 2], 3), "sync_p99_ms": round(took[count * 99 // 100], 3),
            "sync_max_ms": round(took[-1], 3)}


def memory(pid):
    """RSS and its anonymous part in MB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line and "kB" in line)
    return {"rss_mb": int(lines["Rss"].split()[0]) / 1024,
            "anonymous_mb": int(lines["Anonymous"].split()[0]) / 1024}


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def thread_seconds(pid):
    """CPU seconds by the name of the thread; RocksDB's own together."""
    used = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as file:
            text = file.read()
        name = text[text.index("(") + 1:text.rindex(")")].split(":")[0].rstrip("0123456789-/ ")
        ticks = text[text.rindex(")") + 2:].split()[11:13]
        used[name] = used.get(name, 0) + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return used


class Broker:
    """A broker in a folder of its own; `with` ends it."""

    def __init__(self, options, name, *lines):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="durable-", dir=options.folder)
        os.chmod(self.folder, 0o777)
        conf = COMMON + list(lines)
        if "persistence true" in lines:
            conf.append(f"persistence_location {self.folder}/")
        self.conf = os.path.join(self.folder, "conf")
        if os.getuid() == 0:
            conf.append("user root")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write("\n".join(conf) + "\n")
        self.command = [options.tombo if name == "tombo" else options.mosquitto, "-c", self.conf]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def start(self, limit=300):
        """Starts it; seconds until a client can log in."""
        log = open(os.path.join(self.folder, "log"), "a", encoding="utf-8")
        began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        log.close()
        while time.monotonic() - began < limit:
            if self.process.poll() is not None:
                sys.exit("the broker ended: " + self.log()[-500:])
            try:  # The socket may listen long before the store is read: CONNACK counts.
                probe.Client(PORT, b"start", True).socket.close()
                return time.monotonic() - began
            except (OSError, AssertionError):
                pass
            time.sleep(0.005)
        sys.exit("the broker does not listen")

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin_load(self, *arguments):
        return subprocess.Popen([self.options.mqload, *map(str, arguments), "--port", str(PORT), "--pid",
                                 str(self.process.pid)], stdout=subprocess.PIPE, text=True)

    def load(self, *arguments):
        return answer(self.begin_load(*arguments))

    def begin_probe(self, seconds):
        return subprocess.Popen([os.path.join(HERE, "probe.py"), "--port", str(PORT), "--seconds",
                                 str(seconds)], stdout=subprocess.PIPE, text=True)


def answer(process):
    out = process.communicate()[0].strip().splitlines()
    return json.loads(out[-1]) if out else {"failed": process.returncode}


def pick(result, *names, **more):
    trouble = ("failed", "lost", "duplicated", "out_of_order", "stalled", "errors", "missing", "behind")
    found = {name: result[name] for name in names if name in result}
    found.update({name: result[name] for name in trouble if result.get(name)})
    return {**found, **more}


LOAD = ("deliver_rate", "broker_cpu_us_per_delivered", "lat_p50_us", "lat_p99_us", "lat_max_us",
        "broker_cores", "client_cores")
STORE, NO_STORE = "persistence true", "persistence false"
PAIR = ("pubsub", "--topology", "1:1", "--qos", 1, "--durable", 1)
BOTH = (("tombo, store", "tombo", STORE), ("tombo, no store", "tombo", NO_STORE))


def row_disk(options):
    yield {"case": "before", **disk(options.folder)}


def row_pair(options):
    for case, name, store in BOTH + (("mosquitto, no store", "mosquitto", NO_STORE),):
        with Broker(options, name, store) as broker:
            before = thread_seconds(broker.process.pid)
            found = broker.load(*PAIR, "--pubs", 50, "--window", 64, "--seconds", options.seconds)
            used = {k: round(v - before.get(k, 0), 2)
                    for k, v in thread_seconds(broker.process.pid).items()}
            yield pick(found, *LOAD, case=case, threads=used)


def row_fan(options):
    for case, name, store in BOTH + (("mosquitto, no store", "mosquitto", NO_STORE),):
        with Broker(options, name, store) as broker:
            found = broker.load("pubsub", "--topology", "1:N", "--qos", 1, "--durable", 1, "--pubs", 1, "--subs",
                                1000, "--window", 20, "--seconds", options.seconds)
            yield pick(found, *LOAD, case=case + ", online",
                       cpu_us_per_published=found["broker_cpu_us_per_delivered"] * 1000)
        with Broker(options, name, store) as broker:
            found = broker.load("offline", "--clients", 1000, "--per-client", 1000, "--shared-topic", 1)
            yield pick(found, "rss_bytes_per_queued", "queue_per_s", case=case + ", offline",
                       cpu_us_per_published=found["broker_cpu_us_per_queued"] * 1000)


def row_puback(options):
    yield {"case": "disk before", **disk(options.folder)}
    for case, name, store in BOTH:
        with Broker(options, name, store) as broker:
            load = broker.begin_load(*PAIR, "--pubs", 50, "--rate", 2000, "--seconds", 12)
            time.sleep(1)
            found = answer(broker.begin_probe(10))
            yield {"case": case, **found, "load": pick(answer(load), *LOAD)}
    yield {"case": "disk after", **disk(options.folder)}


def row_beside(options):
    plain = ("pubsub", "--topology", "1:1", "--qos", 0, "--pubs", 50, "--rate", 20000, "--topic", "plain",
             "--client-prefix", "plain", "--seconds", 8)
    rate = 0
    for case, store, beside in (("alone, store", STORE, False), ("beside durable traffic", STORE, True),
                                ("beside the same rate, no store", NO_STORE, True),
                                ("alone, no store", NO_STORE, False)):
        with Broker(options, "tombo", store) as broker:
            pace = ("--rate", rate) if rate else ("--window", 1)
            load = beside and broker.begin_load(*PAIR, "--pubs", 20, *pace, "--seconds", 10)
            time.sleep(1)
            before = thread_seconds(broker.process.pid)
            found = broker.load(*plain)
            used = {k: round(v - before.get(k, 0), 2)
                    for k, v in thread_seconds(broker.process.pid).items()}
            durable = answer(load) if load else {}
            rate = rate or int(durable.get("deliver_rate", 0))
            yield pick(found, "deliver_rate", "lat_p50_us", "lat_p99_us", "lat_p99_9_us", "broker_cores",
                       case=case, threads=used, durable_rate=durable.get("deliver_rate"))


def row_memory(options):
    for case, name, store in BOTH + (("mosquitto, no store", "mosquitto", NO_STORE),):
        with Broker(options, name, store) as broker:
            before = memory(broker.process.pid)
            found = {}
            # Drained by nobody: the load generator is ended when all is queued.
            load = broker.begin_load("offline", "--clients", 100, "--per-client", 10000, "--settle", 8)
            time.sleep(9)
            deadline = time.monotonic() + 60
            last = -1.0
            while time.monotonic() < deadline:
                time.sleep(1.5)
                used = sum(thread_seconds(broker.process.pid).values())
                if used > last >= 0.3 and used - last < 0.05:
                    break
                last = used
                if used == 0:
                    continue
            load.kill()
            load.wait()
            after = memory(broker.process.pid)
            found = {f"{k}_per_message": round((after[k] - before[k]) * 1024 * 1024 / 1e6, 1) for k in after}
            found.update({"rss_mb_before": before["rss_mb"], "rss_mb_after": after["rss_mb"]})
            if store == STORE:
                broker.kill()
                found["restart_s"] = round(broker.start(), 3)
                found["log"] = [l for l in broker.log().splitlines() if "Restored" in l][-1:]
                found.update({f"restarted_{k}": v for k, v in memory(broker.process.pid).items()})
            yield {"case": case, **found}


def row_pauses(options):
    rate = options.pause_rate
    for case, name, store in BOTH:
        with Broker(options, name, store) as broker:
            seconds = options.pause_seconds
            load = broker.begin_load(*PAIR, "--pubs", 20, "--payload", 8192, "--rate", rate, "--seconds",
                                     seconds + 2)
            time.sleep(1)
            found = answer(broker.begin_probe(seconds))
            written = sum(int(l.split()[1]) for l in open(f"/proc/{broker.process.pid}/io", encoding="ascii")
                          if l.startswith("write_bytes"))
            yield {"case": case, **found, "written_gb": round(written / 1e9, 2),
                   "load": pick(answer(load), *LOAD)}


def row_retained(options):
    with Broker(options, "tombo", STORE) as broker:
        load = broker.begin_load("retained", "--count", options.retained, "--qos", 1, "--settle", 0)
        found = answer(load)
        before = memory(broker.process.pid)
        broker.kill()
        yield pick(found, "retain_per_s", "broker_cpu_us_per_retain", "rss_bytes_per_retained",
                   case=f"{options.retained} set", rss_mb=before["rss_mb"])
        took = broker.start()
        yield {"case": "restart", "restart_s": round(took, 2), **memory(broker.process.pid),
               "peak_mb": peak(broker.process.pid),
               "log": [l for l in broker.log().splitlines() if "oad" in l or "Restored" in l][-30:]}


def row_rest(options):
    for case, name, store in BOTH + (("mosquitto, no store", "mosquitto", NO_STORE),):
        with Broker(options, name, store) as broker:
            time.sleep(2)
            yield {"case": case, **memory(broker.process.pid)}


ROWS = {name[4:]: row for name, row in list(globals().items()) if name.startswith("row_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tombo", required=True)
    parser.add_argument("--mosquitto", default=shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin"))
    parser.add_argument("--mqload", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--out", default="/dev/null")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--pause-seconds", type=float, default=60)
    parser.add_argument("--pause-rate", type=int, default=5000)
    parser.add_argument("--retained", type=int, default=10_000_000)
    options = parser.parse_args()
    for row in options.rows.split(","):
        for result in ROWS[row](options):
            line = json.dumps({"row": row, **result})
            print(line, flush=True)
            with open(options.out, "a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
