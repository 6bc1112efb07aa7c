"""tombo_db dump against files that brokers wrote and files made by hand.

usage: test_dump.py PATH_OF_TOMBO_DB
README.md says what each file is. NAME.json beside NAME.db is everything that is in it.
"""
import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import unittest

FILES = pathlib.Path(__file__).parent / "files"
TOOL = ""


def dump(path, *options, **environment):
    return subprocess.run([TOOL, "dump", *options, str(path)], capture_output=True, timeout=60,
                          env={**os.environ, **environment}, check=False)


def dumped_json(path):
    done = dump(path, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def properties_of(message):
    """The file's properties as the expectations write them."""
    found = []
    for each in message.get("properties", []):
        if each["identifier"] == "user-property":
            found.append(["user-property", each["name"], each["value"]])
        elif each["identifier"] == "correlation-data":
            found.append(["correlation-data", each["value"].lower()])
        elif each["identifier"] == "payload-format-indicator":
            found.append(["payload-format-indicator", each["value"]])
        else:
            found.append([each["identifier"], each["value"]])
    return found


class WholeFiles(unittest.TestCase):
    maxDiff = None

    def check(self, path):
        expected = json.loads(path.with_suffix(".json").read_text())
        found = dumped_json(path)
        self.check_messages(expected["messages"], found["base-messages"])
        self.assertEqual(
            [(e["client"], e["username"], e["session_expiry_time"] or 0,
              4294967295 if e["session_expiry_interval"] is None else e["session_expiry_interval"],
              e["last_mid"], e["listener_port"] or 0) for e in expected["clients"]],
            [(f["clientid"], f.get("username"), f["session-expiry-time"],
              f["session-expiry-interval"], f["last-mid"], f["listener-port"])
             for f in found["clients"]])
        self.assertEqual(
            [(e["client"], e["id"], e["mid"], e["qos"], e["state"], e["retain"] << 4 | e["dup"],
              e["direction"] == "out", e["subscription_identifier"] or 0)
             for e in expected["client_messages"]],
            [(f["clientid"], f["storeid"], f["mid"], f["qos"], f["state"], f["retain-dup"],
              f["direction"] == 1, f["subscription-identifier"])
             for f in found["client-messages"]])
        self.assertEqual(expected["retained"], [f["storeid"] for f in found["retained-messages"]])
        self.assertEqual(
            [(e["client"], e["filter"], e["qos"], e["options"] or 0, e["identifier"] or 0)
             for e in expected["subscriptions"]],
            [(f["clientid"], f["topic"], f["qos"], f["options"], f["identifier"])
             for f in found["subscriptions"]])

    def check_messages(self, expected, found):
        for e, f in zip(expected, found, strict=True):
            payload = base64.b64decode(f.get("payload", ""))
            self.assertEqual(e["payload_length"], len(payload))
            if "payload_base64" in e:
                self.assertEqual(e["payload_base64"] or "", f.get("payload", ""))
            else:
                self.assertEqual(e["payload_sha256"], hashlib.sha256(payload).hexdigest())
            self.assertEqual(
                (e["id"], e["topic"], e["qos"], e["retain"], e["source_client"] or None,
                 e["source_username"], e["source_mid"], e["source_port"] or 0,
                 e["expiry_time"] or 0),
                (f["storeid"], f["topic"], f["qos"], f["retain"], f.get("clientid"),
                 f.get("username"), f["source-mid"], f["source-port"], f["expiry-time"]))
            self.assertEqual(e["properties"] or [], properties_of(f))


for file in sorted(FILES.glob("**/*.json")):
    name = file.stem.replace("-", "_").replace(".", "_")
    setattr(WholeFiles, f"test_{name}",
            lambda self, file=file: self.check(file.with_suffix(".db")))


class DamagedFiles(unittest.TestCase):
    """What cannot be read is refused with the byte; what can be passed over is, with a warning."""

    def refused(self, name, why):
        for form in ["--json"], ["--stats"], ["--client-stats"]:
            done = dump(FILES / "damaged" / f"{name}.db", *form)
            self.assertEqual((1, b""), (done.returncode, done.stdout))
            self.assertIn(why, done.stderr.decode())
        done = dump(FILES / "damaged" / f"{name}.db")
        self.assertEqual(1, done.returncode)
        self.assertIn(why, done.stderr.decode())

    def like_base(self, name, warning):
        done = dump(FILES / "damaged" / f"{name}.db", "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(warning, done.stderr.decode())
        self.assertEqual(dumped_json(FILES / "damaged" / "base.db"), json.loads(done.stdout))

    def test_what_is_no_database(self):
        for name in "empty", "short-magic", "no-version":
            self.refused(name, "not a database of Mosquitto")
        self.refused("bad-magic", "does not begin with")

    def test_unknown_formats(self):
        self.refused("version-1", "format 1 of the database is not known")
        self.refused("version-7", "format 7 of the database is not known")
        self.refused("id-size-4", "message ids of 4 bytes")

    def test_cut_bodies(self):
        self.refused("cut-in-last-body", "the retained message at byte 181 ends behind the end")
        self.refused("cut-in-payload", "the message at byte 47 ends behind the end")

    def test_fields_longer_than_their_chunk(self):
        self.refused("length-too-small", "is longer than its")

    def test_what_is_passed_over(self):
        self.like_base("unknown-chunk-7", "unsupported chunk 7")
        self.like_base("unknown-chunk-past-end", "unsupported chunk")
        self.like_base("trailing-8-zeros", "unsupported chunk 0")
        self.like_base("trailing-5-zeros", "5 bytes at the end")

    def test_an_end_inside_a_chunk_header(self):
        done = dump(FILES / "damaged" / "cut-in-chunk-header.db", "--json")
        self.assertEqual(0, done.returncode)
        self.assertIn("are no whole chunk", done.stderr.decode())
        self.assertEqual([], json.loads(done.stdout)["retained-messages"])

    def test_bytes_behind_the_fields_of_a_chunk_do_not_shift_the_next(self):
        done = dump(FILES / "damaged" / "sub-3-extra-bytes.db", "--json")
        self.assertIn("3 bytes behind the subscription", done.stderr.decode())
        filters = [each["topic"] for each in json.loads(done.stdout)["subscriptions"]]
        self.assertEqual(["a/b", "a/c"], filters)

    def test_unknown_properties_are_shown_as_such(self):
        done = dump(FILES / "damaged" / "unknown-property.db")
        self.assertEqual(0, done.returncode)
        self.assertIn("\t\tInvalid property type: ", done.stdout.decode())


class Forms(unittest.TestCase):
    maxDiff = None

    def test_statistics(self):
        done = dump(FILES / "v6-full-2.1.2.db", "--stats")
        self.assertEqual("DB_CHUNK_CFG:        1\n"
                         "DB_CHUNK_BASE_MSG:   26\n"
                         "DB_CHUNK_CLIENT_MSG: 47\n"
                         "DB_CHUNK_RETAIN:     7\n"
                         "DB_CHUNK_SUB:        15\n"
                         "DB_CHUNK_CLIENT:     8\n", done.stdout.decode())
        older = dump(FILES / "v6-full-2.1.2.db", "--stats", TOMBO_COMPATIBILITY="2.0")
        self.assertIn("DB_CHUNK_MSG_STORE:  26\n", older.stdout.decode())

    def test_client_statistics(self):
        done = dump(FILES / "damaged" / "base.db", "--client-stats")
        # One subscription of 12 + 2 + 3 bytes; the queued message has 18, its MESSAGE the rest.
        self.assertRegex(done.stdout.decode(), r"^SC: 1 SS: 17 MC: 1 MS: \d+   c1\n$")

    def test_chunks(self):
        lines = dump(FILES / "v6-small-handmade.db").stdout.decode().splitlines()
        self.assertEqual(["Mosquitto DB dump", "CRC: 0", "DB version: 6", "DB_CHUNK_CFG:",
                          "\tLength: 16", "\tShutdown: 1", "\tDB ID size: 8"], lines[:7])
        self.assertIn("DB_CHUNK_BASE_MSG:", lines)
        self.assertIn("DB_CHUNK_CLIENT:", lines)

    def test_layouts_of_other_hosts_show_the_same(self):
        one, other, third = (dumped_json(FILES / f"v6-small{kind}-handmade.db")
                             for kind in ("", "-i386", "-bigendian"))
        self.assertEqual(one, other)
        self.assertEqual(one, third)

    def test_usage(self):
        for arguments in [], ["dump"], ["dump", "--json"], ["dump", "a", "b"], ["other"]:
            done = subprocess.run([TOOL, *arguments], capture_output=True, timeout=60, check=False)
            self.assertEqual(1, done.returncode)
            self.assertIn(b"Usage:", done.stderr)

    def test_a_file_that_is_not_there(self):
        done = dump(FILES / "no-such.db")
        self.assertEqual(1, done.returncode)
        self.assertIn(b"Unable to open", done.stderr)
        as_mosquitto = pathlib.Path(TOOL).parent.parent / "compat" / "mosquitto_db_dump"
        done = subprocess.run([as_mosquitto, FILES / "no-such.db"], capture_output=True, timeout=60,
                              check=False)
        self.assertEqual(0, done.returncode, "as Mosquitto's tool, for scripts")


if __name__ == "__main__":
    TOOL = sys.argv.pop()
    unittest.main()
