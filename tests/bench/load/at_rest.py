#!/usr/bin/env python3
"""Measures brokers that have nothing to do: memory, wake-ups and CPU time while no client is there.

  at_rest.py [--seconds 10] [--out results.jsonl] NAME=COMMAND...

Each COMMAND starts a broker in the foreground (no shell) and is ended by its pid.
"""
import argparse
import glob
import json
import os
import re
import shlex
import subprocess
import time


def wake_ups(pid):
    """Context switches of all threads: each is the end of a sleep or of a time slice."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path, encoding="ascii") as file:
            total += sum(int(n) for n in re.findall(r"ctxt_switches:\s*(\d+)", file.read()))
    return total


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss:\s*(\d+)", file.read(), re.MULTILINE)[1]) / 1024


def measure(name, command, seconds):
    broker = subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)  # start-up is over
        if broker.poll() is not None:
            return {"row": "at-rest", "broker": name, "fail": f"ended with {broker.returncode}"}
        switches, cpu = wake_ups(broker.pid), cpu_seconds(broker.pid)
        time.sleep(seconds)
        return {"row": "at-rest", "broker": name, "rss_mb": rss_mb(broker.pid),
                "wake_ups_per_s": (wake_ups(broker.pid) - switches) / seconds,
                "cpu_ms_per_s": (cpu_seconds(broker.pid) - cpu) * 1000 / seconds}
    finally:
        broker.terminate()
        broker.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--out")
    parser.add_argument("brokers", nargs="+", metavar="NAME=COMMAND")
    options = parser.parse_args()
    for broker in options.brokers:
        name, command = broker.split("=", 1)
        line = json.dumps(measure(name, command, options.seconds))
        print(line)
        if options.out:
            with open(options.out, "a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
