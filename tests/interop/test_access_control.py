"""acl_file: who may publish and read what. The same rules against tombo and Mosquitto."""
import random

import pytest

import raw
from broker import wait_until

NOT_AUTHORIZED = 0x87
TOPICS = ["a", "a/b", "a/b/c", "a//c", "a/c1", "a/c1/x", "a/u1", "b/u1/c1", "c1", "u1/b", "/a", "$x/a"]


def write_rules(broker, text):
    (broker.folder / "rules.acl").write_text(text)


def with_rules(make_broker, text, *lines):
    broker = make_broker("acl_file {folder}/rules.acl", *lines)
    write_rules(broker, text)
    return broker


def connected(broker, client_id, user=None):
    client = raw.RawClient(broker.port, raw.V5)
    client.connect(client_id, **({"username": user} if user else {}))
    return client


def may_publish(client, topic):
    """What PUBACK says."""
    return client.publish(topic, "x", qos=1).reason != NOT_AUTHORIZED


# --- the rules, line by line ---

def matches(pattern, topic):
    if topic.startswith("$") != pattern.startswith("$"):
        return False
    wanted, given = pattern.split("/"), topic.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(given) or level not in ("+", given[number]):
            return False
    return len(wanted) == len(given)


def allowed(rules, client_id, user, access, topic):
    """`rules` are (section, access, filter); section None: a pattern, "": clients without a user."""
    def verdict(those):
        if any(kind == "deny" and matches(text, topic) for kind, text in those):
            return False
        fits = any(kind in (access, "readwrite") and matches(text, topic) for kind, text in those)
        return True if fits else None
    own = verdict([(kind, text) for section, kind, text in rules if section == (user or "")])
    if own is not None:
        return own
    names = {"%c": client_id, "%u": user}
    filled = []
    for section, kind, text in rules:
        if section is None and (user or "%u" not in text):
            filled.append((kind, "/".join(names.get(level, level) for level in text.split("/"))))
    return bool(verdict(filled))


def make_rules(source):
    rules = [("root", "readwrite", "#"), ("root", "readwrite", "$x/#")]
    rules += [(user, "read", "end") for user in ("", "u1", "u2")]
    for _ in range(source.randrange(2, 14)):
        section = source.choice([None, None, "", "u1", "u2"])
        levels = ["a", "b", "c", "c1", "u1", "+", ""] + (["%c", "%u"] * 2 if section is None else [])
        kind = source.choice(["read", "write", "readwrite", "deny"])
        text = "/".join(source.choice(levels) for _ in range(source.randrange(1, 4)))
        text += source.choice(["", "", "/#"])
        # Not everything at once, and "end" stays free.
        if text and not (kind == "deny" and matches(text, "end")) and not text.startswith("%"):
            rules.append((section, kind, text))
    return rules


def text_of(rules):
    sections = {}
    for section, kind, text in rules:
        sections.setdefault(section, []).append((kind, text))
    lines = [f"topic {kind} {text}" for kind, text in sections.pop("", [])]
    lines += [f"pattern {kind} {text}" for kind, text in sections.pop(None, [])]
    for user, entries in sections.items():
        lines += [f"user {user}"] + [f"topic {kind} {text}" for kind, text in entries]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(12))
def test_random_rules(make_broker, seed):
    rules = make_rules(random.Random(seed))
    broker = with_rules(make_broker, text_of(rules)).start()
    speaker = connected(broker, "speaker", "root")
    for client_id, user in (("c1", None), ("c2", "u1"), ("c1", "u2"), ("c1", "u1")):
        client = connected(broker, client_id, user)
        client.subscribe("#", "$x/#")
        for topic in [*TOPICS, "end"]:
            speaker.publish(topic, topic, qos=1)
        readable = [topic for topic in TOPICS if allowed(rules, client_id, user, "read", topic)]
        found = [message.topic for message in client.collect_until(b"end")]
        assert sorted(found) == sorted(readable), f"{client_id} {user}\n{text_of(rules)}"
        client.unsubscribe("#", "$x/#")
        for topic in TOPICS:
            assert may_publish(client, topic) == allowed(rules, client_id, user, "write", topic), (
                f"{client_id} {user} {topic}\n{text_of(rules)}")
        client.close()


# --- the file ---

def test_new_rules_hold_at_once_for_connected_clients(make_broker):
    broker = with_rules(make_broker, "topic t\n").start()
    client = connected(broker, "stays")
    assert may_publish(client, "t")
    write_rules(broker, "topic read t\n")
    broker.reload()
    wait_until(lambda: not may_publish(client, "t"), what="the new rules")
    write_rules(broker, "topic write t\n")
    broker.reload()
    wait_until(lambda: may_publish(client, "t"), what="the old rules")


# Mosquitto 2.0.11 allows everything from then on, 2.1 ends.
@pytest.mark.tombo
def test_a_file_with_an_error_changes_nothing(make_broker):
    broker = with_rules(make_broker, "topic t\n").start()
    client = connected(broker, "stays")
    write_rules(broker, "topic u\n\nbogus line\n")
    broker.reload()
    broker.log.wait(r'Error: Invalid line in acl_file ".*/rules\.acl": bogus\.')
    broker.log.wait(r"Error found at .*/rules\.acl:3\.")
    broker.log.wait(r"the old one stays")
    assert may_publish(client, "t") and not may_publish(client, "u")


@pytest.mark.parametrize("text, line, status", [
    ("topic a\nbogus line\n", r'Error: Invalid line in acl_file ".*": bogus\.', 3),
    ("topic raed a\n", r'Error: Invalid topic access type "raed" in acl_file ".*"\.', 3),
    ("topic read a#\n", r'Error: Invalid ACL topic "a#" in acl_file ".*"\.', 3),
    ("topic\n", r'Error: Empty topic in acl_file ".*"\.', 3),
    ("user \n", r'Error: Missing username in acl_file ".*"\.', 3),
    (None, r'Error: Unable to open acl_file ".*"\.', 13),
])
def test_a_bad_file_ends_the_start(make_broker, text, line, status):
    broker = with_rules(make_broker, text or "")
    if text is None:
        (broker.folder / "rules.acl").unlink()
    broker.launch()
    assert broker.wait_exit() == status
    broker.log.wait(line)
    broker.log.wait(r'Error opening acl file ".*"\.')
