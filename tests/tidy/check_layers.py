#!/usr/bin/env python3
"""Checks that #include lines keep to the layers (docs/ARCHITECTURE.md, "Layering rule").

  tests/tidy/check_layers.py [--root DIR]                 reads the #include lines of src/
  tests/tidy/check_layers.py --compile BUILD_DIR          tries forbidden includes with each layer's flags
  tests/tidy/check_layers.py --self-test

The second form proves that the build itself refuses: a source of mqtt that includes "broker/broker.h"
must not find it. It uses the compile commands of the release build.
"""
import argparse
import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

# layer (the longest matching path below src/) -> what of ours it may include besides itself
CORE_SYNC = ["base/sync/shared_ref.h", "base/sync/mask_table.h", "base/sync/small_set.h"]
CONFIG = ["config/config.h", "config/limits.h"]
ENGINE = ["base/*", "mqtt/*", *CONFIG, "broker/ports/*", "broker/mail.h", "broker/ids.h"]
ALLOWED = {
    "base": [],
    "base/sync": ["base/*"],
    "mqtt": ["base/*.h", "base/sync/shared_ref.h"],
    "config": ["base/*.h", "mqtt/*"],
    "broker": ["base/*.h", *CORE_SYNC, "mqtt/*", *CONFIG],
    "mosquitto_db": ["base/*.h", "mqtt/*"],
    "store": ENGINE,
    "migration": ["base/*", "mqtt/*", "broker/ports/*", "broker/ids.h", "mosquitto_db/*", "store/*"],
    "auth": ENGINE,
    "cluster": ENGINE,
    "net": ["base/*"],
    "client": ["base/*", "mqtt/*", "net/*"],
    "admin": ["base/*", "broker/stats.h"],
    "server": ["*"],
    "tools": ["base/*", "mqtt/*", "auth/password_hash.h", "auth/scram_keys.h", "mosquitto_db/*",
              "migration/*",
              "client/*", "net/*"],
}
# Single files that are the seam of their layer.
ALLOWED_FILES = {
    "broker/mail.h": ["broker/*"],
}
# Who includes the installed headers of include/tombo/.
PUBLIC_USERS = ["client", "tools"]
# Nobody includes these but the layer itself.
PRIVATE = ["server/*", "tools/*"]

SYSTEM = r"^(sys/|netinet/|arpa/|net/|linux/)|^(unistd|fcntl|netdb|poll|signal)\.h$"
FORBIDDEN_SYSTEM = {
    "base": (SYSTEM, "base knows no sockets and no system calls"),
    "mqtt": (SYSTEM + r"|^(ctime|fstream|iostream|thread|mutex|atomic)$",
             "mqtt is pure: no sockets, clocks, files or threads"),
    "broker": (SYSTEM + r"|^(ctime|fstream|iostream|thread|mutex|atomic)$",
               "broker is a function of its inputs: no sockets, clocks, files or threads"),
}
# One file includes each of these libraries: (header pattern, file pattern below src/).
ONE_FILE = [
    ("nats.h", "cluster/nats_cluster*.cc"),
    ("nats/*", "cluster/nats_cluster*.cc"),
    ("rocksdb/*", "store/rocks_*"),
]


def matches(patterns, path):
    """fnmatch, but `*.h` does not reach into folders below."""
    return any(fnmatch.fnmatch(path, pattern)
               and ("*." not in pattern or path.count("/") == pattern.count("/"))
               for pattern in patterns)


def layer_of(path):
    """The layer of a path below src/; None for a folder the table does not know."""
    parts = path.split("/")[:-1]
    while parts:
        if "/".join(parts) in ALLOWED:
            return "/".join(parts)
        parts.pop()
    return None


def project_include_problem(path, included):
    layer, target = layer_of(path), layer_of(included)
    if layer is None:
        return f"folder of {path} is no layer: give it a line in the table and in ARCHITECTURE.md"
    if included.startswith("tombo/"):  # The headers of include/, which see none of ours.
        return None if layer in PUBLIC_USERS else f'{layer} must not include "{included}"'
    if target is None:
        return None if included.startswith(("support/",)) and path.endswith("_test.cc") else \
            f'"{included}" is not below src/: write the path from src/'
    if target == layer or matches(ALLOWED_FILES.get(path, []), included):
        return None
    if matches(PRIVATE, included):
        return f'{layer} includes "{included}": {target} is included by nobody'
    if not matches(ALLOWED[layer], included):
        return f'{layer} must not include "{included}"; it may: {", ".join(ALLOWED[layer]) or "std and libraries"}'
    return None


def system_include_problem(path, included):
    for header, owner in ONE_FILE:
        if fnmatch.fnmatch(included, header) and not fnmatch.fnmatch(path, owner):
            return f"<{included}> is included by {owner} alone"
    pattern, reason = FORBIDDEN_SYSTEM.get(layer_of(path), (None, None))
    if pattern and re.search(pattern, included) and not path.endswith("_test.cc"):
        return f"<{included}>: {reason}"
    return None


def check(root):
    problems = tree.Problems()
    for full in tree.files_below(root, ("src",), tree.SOURCE_SUFFIXES):
        path = full.removeprefix("src/")
        text = tree.code_of(tree.read(root, full))
        for match in INCLUDE.finditer(text):
            ask = project_include_problem if match[1] == '"' else system_include_problem
            problem = ask(path, match[2])
            if problem:
                problems.add(full, text.count("\n", 0, match.start(1)) + 1, problem)
    return problems


def syntax_command(entry):
    """The compile command of entry, turned into one that only parses standard input."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    if os.path.basename(words[0]) == "ccache":
        words = words[1:]
    kept = []
    skip = False
    for word in words:
        if skip or word in ("-c", "-MD") or word == entry["file"]:
            skip = False
        elif word in ("-o", "-MT", "-MF"):
            skip = True
        else:
            kept.append(word)
    return kept + ["-fsyntax-only", "-x", "c++", "-"]


def compiles(entry, header):
    done = subprocess.run(syntax_command(entry), input=f'#include "{header}"\n', text=True,
                          capture_output=True, cwd=entry["directory"], check=False)
    return done.returncode == 0, done.stderr


def forbidden_headers(root, layer):
    """One header of each folder that `layer` must not see."""
    forbidden = {}
    for full in tree.files_below(root, ("src",), (".h",)):
        path = full.removeprefix("src/")
        if project_include_problem(f"{layer}/x.cc", path):
            forbidden.setdefault(os.path.dirname(path), path)
    return sorted(forbidden.values())


def check_compile(root, build):
    """For each layer with sources: forbidden headers are not found, an own header compiles."""
    problems = tree.Problems()
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    tried = 0
    seen = set()
    for entry in entries:
        path = os.path.relpath(os.path.realpath(entry["file"]), os.path.realpath(root))
        own = os.path.splitext(path.removeprefix("src/"))[0] + ".h"
        layer = layer_of(own) if path.startswith("src/") else None
        if layer in (None, "server", *seen) or not os.path.exists(os.path.join(root, "src", own)):
            continue
        seen.add(layer)
        fine, errors = compiles(entry, own)
        if not fine:
            problems.add(path, 1, f'control: "{own}" does not compile here: {errors[:300]}')
        for header in forbidden_headers(root, layer):
            tried += 1
            fine, errors = compiles(entry, header)
            if fine or f"{header}: No such file" not in errors:
                problems.add(path, 1, f'layer {layer} can include "{header}": its target links too much')
    if not tried:
        problems.add(build, 1, "nothing was tried")
    print(f"check_layers: tried {tried} forbidden includes in {len(seen)} layers")
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as root:
        tree.write_tree(root, {
            "src/base/a.h": "#include <vector>\n",
            "src/base/up.h": '#include "mqtt/topic.h"\n#include <sys/socket.h>\n',
            "src/base/sync/mailbox.h": '#include "base/a.h"\n#include <atomic>\n',
            "src/mqtt/topic.h": '#include "base/a.h"\n#include "base/sync/shared_ref.h"\n',
            "src/mqtt/bad.cc": '// #include "net/loop.h"\n#include "broker/broker.h"\n#include <ctime>\n',
            "src/broker/broker.h": '#include "mqtt/topic.h"\n#include "config/config.h"\n',
            "src/broker/bad.cc": '#include "base/sync/mailbox.h"\n#include "config/parser.h"\n'
                                 '#include "server/shard.h"\n',
            "src/broker/ports/store.h": '#include "broker/broker.h"\n',
            "src/store/memory_store.cc": '#include "broker/ports/store.h"\n#include "broker/mail.h"\n',
            "src/store/bad.cc": '#include "broker/broker.h"\n#include "auth/acl.h"\n'
                                '#include <rocksdb/db.h>\n',
            "src/net/bad.cc": '\n#include "mqtt/topic.h"\n#include <sys/epoll.h>\n',
            "src/client/client.cc": '#include "net/loop.h"\n',
            "src/client/machine.cc": '#include "broker/broker.h"\n',
            "src/server/main.cc": '#include "broker/broker.h"\n#include "net/loop.h"\n',
            "src/odd/x.cc": '#include "base/a.h"\n',
            "src/mqtt/short.cc": '#include "topic.h"\n',
        })
        return tree.expect(check(root), [
            ("src/base/up.h", 1, "base must not include"), ("src/base/up.h", 2, "sys/socket.h"),
            ("src/mqtt/bad.cc", 2, "broker/broker.h"), ("src/mqtt/bad.cc", 3, "<ctime>"),
            ("src/broker/bad.cc", 1, "base/sync/mailbox.h"), ("src/broker/bad.cc", 2, "config/parser.h"),
            ("src/broker/bad.cc", 3, "included by nobody"),
            ("src/store/bad.cc", 1, "broker/broker.h"), ("src/store/bad.cc", 2, "auth/acl.h"),
            ("src/store/bad.cc", 3, "rocks_*"), ("src/net/bad.cc", 2, "mqtt/topic.h"),
            ("src/client/machine.cc", 1, "broker/broker.h"), ("src/odd/x.cc", 1, "no layer"),
            ("src/mqtt/short.cc", 1, "path from src/"),
        ])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=tree.project_root())
    parser.add_argument("--compile", metavar="BUILD_DIR")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if options.compile:
        return check_compile(options.root, options.compile).report("check_layers --compile")
    return check(options.root).report("check_layers")


if __name__ == "__main__":
    sys.exit(main())
