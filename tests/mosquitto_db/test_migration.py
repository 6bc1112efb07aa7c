"""tombo_db import, export, verify, backup: files that brokers wrote become a store and files again.

usage: test_migration.py PATH_OF_TOMBO_DB
README.md says what each file is. What a file expects is worked out here from NAME.json and the
rules of a broker's start, apart from the code of the product.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

FILES = pathlib.Path(__file__).parent / "files"
TOOL = ""
NEVER = 0xFFFFFFFF
RELEASED = (6, 9)
KEPT_STATES = (3, 5, 11)


def run(*arguments, status=0):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def dumped(path):
    return json.loads(run("dump", "--json", path).stdout)


class Expected:
    """What of a file lives on, as plain values."""

    def __init__(self, of, now):
        self.now, padded = now, of["format_version"] >= 5
        self.messages = {m["id"]: m for m in of["messages"] if self.message_lives(m)}
        self.sessions = {c["client"]: c for c in of["clients"]
                         if not padded or self.session_lives(c)}
        self.retained = {}
        for name in of["retained"]:
            if name in self.messages and self.messages[name]["payload_length"]:
                self.retained[self.messages[name]["topic"]] = self.messages[name]["payload_length"]
        self.subscriptions = {(s["client"], s["filter"]): (s["qos"], s["options"] or 0,
                                                           s["identifier"] or 0)
                              for s in of["subscriptions"] if s["client"] in self.sessions}
        self.queues = {client: [] for client in self.sessions}
        for m in of["client_messages"]:
            if m["direction"] == "out" and m["qos"] and m["client"] in self.sessions \
                    and m["id"] in self.messages:
                self.queues[m["client"]].append(m)
        self.incoming = [m for m in of["client_messages"] if m["direction"] == "in" and m["qos"] == 2
                         and m["client"] in self.sessions and m["id"] in self.messages]

    def message_lives(self, message):
        expires = message["expiry_time"] or 0
        return expires <= 0 or 0 < expires - self.now <= 0xFFFFFFFF

    def session_lives(self, client):
        interval = client["session_expiry_interval"]
        interval = NEVER if interval is None else interval
        ends = client["session_expiry_time"] or 0
        return interval == NEVER or interval and not 0 < ends < self.now


class WholeFiles(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tombo-migration-")
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def check(self, path):
        original = path.read_bytes()
        said = run("import", path, self.path / "a.tombo").stdout
        self.assertEqual(original, path.read_bytes())
        self.assertIn(said.removeprefix("Imported "), run("verify", self.path / "a.tombo").stdout)
        run("export", self.path / "a.tombo", self.path / "a.db")
        self.assertEqual(0o600, (self.path / "a.db").stat().st_mode & 0o777)
        found = dumped(self.path / "a.db")
        self.compare(Expected(json.loads(path.with_suffix(".json").read_text()), time.time()), found)
        self.again(said, found)

    def again(self, said, found):
        """The way there and back changes nothing more."""
        self.assertEqual(said, run("import", self.path / "a.db", self.path / "b.tombo").stdout)
        run("export", self.path / "b.tombo", self.path / "b.db")
        self.assertEqual(found, dumped(self.path / "b.db"))
        self.assertEqual(found, dumped(self.path / "b.tombo"))

    def compare(self, expected, found):
        messages = {m["storeid"]: m for m in found["base-messages"]}
        self.assertEqual(sorted(expected.sessions), sorted(c["clientid"] for c in found["clients"]))
        for client in found["clients"]:
            of = expected.sessions[client["clientid"]]
            interval = of["session_expiry_interval"]
            self.assertEqual(NEVER if interval is None else interval,
                             client["session-expiry-interval"])
        self.assertEqual(expected.subscriptions,
                         {(s["clientid"], s["topic"]): (s["qos"], s["options"], s["identifier"])
                          for s in found["subscriptions"]})
        retained = {messages[r["storeid"]]["topic"] for r in found["retained-messages"]}
        incoming = {expected.messages[m["id"]]["topic"] for m in expected.incoming
                    if expected.messages[m["id"]]["retain"]}
        self.assertEqual(set(expected.retained) | incoming, retained)
        for client, queue in expected.queues.items():
            self.compare_queue(expected, queue,
                               [(m, messages[m["storeid"]]) for m in found["client-messages"]
                                if m["clientid"] == client])

    def compare_queue(self, expected, queue, found):
        released = [m for m in queue if m["qos"] == 2 and m["state"] in RELEASED]
        self.assertEqual([m["mid"] for m in released],
                         [m["mid"] for m, _ in found if m["state"] == 9])
        sent = [(m["mid"], expected.messages[m["id"]]["topic"], m["qos"])
                for m in queue if m["state"] in (3, 5)]
        self.assertLessEqual(set(sent), {(m["mid"], of["topic"], m["qos"]) for m, of in found
                                         if m["state"] in (3, 5) and m["retain-dup"] & 1})
        kept = [m for m in queue if m["state"] in KEPT_STATES and m not in released]
        waiting = [(expected.messages[m["id"]]["topic"], expected.messages[m["id"]]["payload_length"],
                    m["qos"], m["retain"], m["subscription_identifier"] or 0) for m in kept]
        topics = {expected.messages[m["id"]]["topic"] for m in expected.incoming}
        got = [(of["topic"], payload_length(of), m["qos"], m["retain-dup"] >> 4,
                m["subscription-identifier"])
               for m, of in found if m["state"] != 9 and of["topic"] not in topics]
        if all(m["state"] in KEPT_STATES + RELEASED for m in queue):
            self.assertEqual(waiting, got)
        else:  # A file made by hand, with states that no broker writes.
            self.assertLessEqual(set(waiting), set(got))
        mids = [m["mid"] for m, _ in found]
        self.assertEqual(len(mids), len(set(mids)))


def payload_length(message):
    text = message.get("payload", "")
    return len(text) * 3 // 4 - text.count("=")


for file in sorted(FILES.glob("**/*.json")):
    name = file.stem.replace("-", "_").replace(".", "_")
    setattr(WholeFiles, f"test_{name}",
            lambda self, file=file: self.check(file.with_suffix(".db")))


class DamagedFiles(unittest.TestCase):
    """Nothing half imported: what is wrong is an error, what can be passed over a warning."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tombo-migration-")
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def refused(self, name, why):
        done = run("import", FILES / "damaged" / f"{name}.db", self.path / "x.tombo", status=1)
        self.assertIn(why, done.stderr)
        self.assertIn(f"{name}.db", done.stderr)
        self.assertEqual([], list(self.path.iterdir()))

    def taken(self, name, summary, warning=None):
        done = run("import", FILES / "damaged" / f"{name}.db", self.path / f"{name}.tombo")
        self.assertEqual(f"Imported {summary}.\n", done.stdout)
        if warning is None:
            self.assertEqual("", done.stderr)
        else:
            self.assertIn(warning, done.stderr)
        return dumped(self.path / f"{name}.tombo")

    def test_what_is_refused(self):
        for name, why in (("empty", "not a database"), ("short-magic", "not a database"),
                          ("no-version", "not a database"), ("bad-magic", "does not begin with"),
                          ("version-1", "format 1"), ("version-7", "format 7"),
                          ("id-size-4", "message ids of 4 bytes"),
                          ("cut-in-last-body", "at byte 181 ends behind"),
                          ("cut-in-payload", "at byte 47 ends behind"),
                          ("length-too-small", "is longer than its"),
                          ("duplicate-id", "a second message with the same id, at byte"),
                          ("empty-topic", "the topic of a message is not one, at byte"),
                          ("unknown-property", "a property that it cannot have, at byte"),
                          ("property-not-of-publish", "a property that it cannot have, at byte"),
                          ("invalid-filter", "a topic filter that is not one, at byte"),
                          ("sub-qos-3", "a QoS that is none, at byte")):
            self.refused(name, why)

    def test_what_is_passed_over(self):
        base = "1 sessions, 1 subscriptions, 1 queued and 0 in-flight messages, 1 retained messages"
        self.taken("base", base)
        self.taken("unknown-chunk-7", base, "unsupported chunk 7")
        self.taken("unknown-chunk-past-end", base, "unsupported chunk")
        self.taken("trailing-8-zeros", base, "unsupported chunk 0")
        self.taken("trailing-5-zeros", base, "5 bytes at the end")
        self.taken("no-config", base)

    def test_what_belongs_to_nobody(self):
        nothing = "0 queued and 0 in-flight messages, 0 retained messages"
        self.taken("header-only", f"0 sessions, 0 subscriptions, {nothing}")
        self.taken("orphan-messages", f"0 sessions, 0 subscriptions, {nothing}")
        self.assertEqual([], self.taken("sub-unknown-client", f"0 sessions, 0 subscriptions, {nothing}",
                                        "1 subscriptions of clients that are not in the file")
                         ["subscriptions"])
        self.taken("queued-unknown-client", f"0 sessions, 0 subscriptions, {nothing}",
                   "1 queued messages of clients that are not in the file")

    def test_shared_subscriptions(self):
        found = self.taken("shared-subscription", "1 sessions, 1 subscriptions, 0 queued and 0 "
                           "in-flight messages, 0 retained messages")
        self.assertEqual([("$share/g/a/b", 9)],
                         [(s["topic"], s["identifier"]) for s in found["subscriptions"]])

    def test_retained_messages(self):
        one = "0 sessions, 0 subscriptions, 0 queued and 0 in-flight messages, 1 retained messages"
        self.taken("retained-flag-0", one)
        self.taken("retained-empty-payload", one.replace("1 retained", "0 retained"))


class Stores(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tombo-migration-")
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.store = self.path / "a.tombo"
        run("import", FILES / "v6-full-2.1.2.db", self.store)

    def test_a_copy_has_all_of_it(self):
        run("backup", self.store, self.path / "copy")
        self.assertEqual(dumped(self.store), dumped(self.path / "copy"))

    def test_nothing_is_overwritten(self):
        for command in "backup", "restore":
            done = run(command, self.store, self.store, status=1)
            self.assertIn("it is there already", done.stderr)
        done = run("import", FILES / "v6-full-2.1.2.db", self.store, status=1)
        self.assertIn("it is there already", done.stderr)
        run("verify", self.store)

    def test_a_flipped_bit_is_found(self):
        tables = list((self.store / "rocksdb").glob("*.log"))
        biggest = max(tables, key=lambda path: path.stat().st_size)
        data = bytearray(biggest.read_bytes())
        data[len(data) // 2] ^= 1
        biggest.write_bytes(data)
        done = run("verify", self.store, status=1)
        self.assertIn(str(self.store), done.stderr)

    def test_what_is_no_store(self):
        done = run("verify", self.path, status=1)
        self.assertIn("there is none", done.stderr)
        (self.store / "VERSION").write_text("2\n")
        done = run("verify", self.store, status=1)
        self.assertIn("a newer tombo wrote it", done.stderr)


if __name__ == "__main__":
    TOOL = sys.argv.pop()
    unittest.main()
