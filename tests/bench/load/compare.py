#!/usr/bin/env python3
"""Prints results of measure.py and at_rest.py as one Markdown table: brokers side by side.

  compare.py results.jsonl [--brokers tombo,mosquitto,floor]

Cells are medians over the runs. The ratio is the second broker against the first, turned so that more
than 1 always means: the first one is better.
"""
import argparse
import json
import statistics

import measure

AT_REST = [("RSS MB", "rss_mb"), ("wake-ups/s", "wake_ups_per_s"), ("CPU ms/s", "cpu_ms_per_s")]
MORE_IS_BETTER = ("msg/s", "conn/s", "sub/s", "set/s", "queue/s", "held", "replay msg/s",
                  "drain msg/s", "match msg/s", "resumed")
TROUBLE = ("lost", "duplicated", "out_of_order", "wrong", "failed", "stalled", "broker_died", "errors")


def load(path):
    """{row: {broker: [result]}} in the order of the file."""
    rows = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            result = json.loads(line)
            rows.setdefault(result["row"], {}).setdefault(result["broker"], []).append(result)
    return rows


def median(results, figure):
    values = []
    for result in results:
        if "fail" in result:
            continue
        try:
            values.append(result[figure] if isinstance(figure, str) else figure(result))
        except KeyError:
            pass
    return statistics.median(values) if values else None


def ratio(heading, first, second):
    if not first or not second:
        return "-"
    return f"{first / second if heading in MORE_IS_BETTER else second / first:.2f}"


def notes(by_broker):
    found = []
    for broker, results in by_broker.items():
        for key in TROUBLE:
            worst = max((result.get(key, 0) for result in results), default=0)
            if worst:
                found.append(f"{broker}: {key} {worst:,.0f}")
        found += [f"{broker}: {result['fail'][:80]}" for result in results if "fail" in result][:1]
    return "; ".join(found).replace("|", "/").replace("\n", " ")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--brokers", default="tombo,mosquitto,floor")
    options = parser.parse_args()
    brokers = options.brokers.split(",")
    print("| row | figure | " + " | ".join(brokers) + f" | {brokers[0]} better by | notes |")
    print("|---|---|" + "---|" * len(brokers) + "---|---|")
    for row, by_broker in load(options.results).items():
        remark = notes(by_broker)
        for heading, figure in AT_REST if row == "at-rest" else measure.cols(row):
            values = [median(by_broker.get(broker, []), figure) for broker in brokers]
            better = ratio(heading, values[0], values[1] if len(values) > 1 else None)
            cells = " | ".join(measure.fmt(value) for value in values)
            print(f"| {row} | {heading} | {cells} | {better} | {remark} |")
            remark = ""


if __name__ == "__main__":
    main()
