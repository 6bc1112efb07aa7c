#!/usr/bin/env python3
"""Checks properties of the sources that no compiler sees. Needs only python3.

  tests/tidy/check_tidy.py [--build BUILD_DIR] [--root DIR]
  tests/tidy/check_tidy.py --self-test

Sizes of files and lines, banned words and what to use instead, use of threads outside base/sync, files
that no target builds (needs --build: reads its compile_commands.json).
Exceptions stand in exempt.txt and allow_sync.txt beside this file, each with its reason.
"""
import argparse
import glob
import json
import os
import re
import sys
import tempfile

import tree

FILE_LINES_MAX = 600
LINE_COLUMNS_MAX = 100

# (pattern in code, beginnings or ends of paths where it is allowed, what to use instead)
BANNED = [
    (r"\bstd::w?regex\b", (), "write a small parser: std::regex is slow and recursive"),
    (r"\bsleep_(for|until)\b", (), "wait for the event itself; nothing sleeps"),
    (r"\b(u|nano)?sleep\s*\(", (), "wait for the event itself; nothing sleeps"),
    (r"\b(system|steady|high_resolution)_clock\b", ("src/net/", "src/server/", "src/tools/", "src/client/waiting.", "tests/bench/"),
     "take the time as an argument (base/time.h); clocks are read in net, server and tools"),
    (r"\b(clock_gettime|gettimeofday)\b|\btime\s*\(\s*(nullptr|NULL|0|&)",
     ("src/net/", "src/server/", "src/tools/", "src/client/waiting.", "tests/bench/"),
     "take the time as an argument (base/time.h); clocks are read in net, server and tools"),
    (r"\b(rand|drand48)\s*\(\s*\)|\bsrand\s*\(", (), "take base/random.h as an argument"),
    (r"\b(secure_)?getenv\b", ("src/server/", "src/config/", "src/tools/", "tests/", "_test.cc"),
     "read the environment at start and pass the value"),
    (r"\busing\s+namespace\b", (), "name what is used: using std::chrono::milliseconds;"),
    (r"#\s*include\s*<iostream>", ("src/tools/", "tests/"), "base/log.h, or fmt::print in tools"),
    (r"\bmalloc_trim\b", (), "bounds, not trimming"),
]
SYNC = re.compile(
    r"\bstd::(atomic\w*|\w*mutex|j?thread|condition_variable\w*|lock_guard|unique_lock|scoped_lock"
    r"|shared_lock|call_once|once_flag|promise|(shared_)?future|async|latch|barrier"
    r"|\w+_semaphore)\b|\bpthread_\w+|\bthread_local\b")
TEXT_SUFFIXES = (".h", ".cc", ".cpp", ".py", ".cmake", ".txt", ".sh", ".md")
# In every text: a mark that nobody will find again.
UNTRACKED = re.compile(r"\bFIXME\b|\bXXX\b|\bTODO\b(?![^\n]{0,40}#\d+)")
FOLDERS = ("src", "tests", "docs", "cmake", "scripts", "include", "web", ".ci")


def check_sizes(root, path, text, problems):
    lines = text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        problems.add(path, FILE_LINES_MAX + 1, f"file has {len(lines)} lines, at most {FILE_LINES_MAX}")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            problems.add(path, number, f"line has {len(line)} columns, at most {LINE_COLUMNS_MAX}")


def check_banned(path, code, problems):
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, allowed, instead in BANNED:
            match = re.search(pattern, line)
            if match and not path.startswith(allowed) and not path.endswith(allowed):
                problems.add(path, number, f"banned here: {match.group().strip()} ({instead})")


def check_sync(path, code, allowed, problems):
    if path.startswith("src/base/sync/") or not path.startswith("src/") or path in allowed:
        return
    for number, line in enumerate(code.splitlines(), 1):
        match = SYNC.search(line)
        if match:
            problems.add(path, number, f"{match.group()} outside src/base/sync/ "
                                       "(tests/tidy/allow_sync.txt lists exceptions)")


def check_lists(root, name, problems):
    """An exception names a file that exists and says why."""
    path = f"tests/tidy/{name}"
    for pattern, (number, reason) in tree.listed(root, name).items():
        if not glob.glob(os.path.join(root, pattern)):
            problems.add(path, number, f"{pattern} does not exist")
        if not reason:
            problems.add(path, number, f"{pattern} needs a reason: PATH  # why")


def check_untracked(root, problems):
    names = tree.files_below(root, FOLDERS, TEXT_SUFFIXES)
    names += [name for name in os.listdir(root) if name.endswith(".md")]
    for path in names:
        if path.startswith("tests/tidy/"):
            continue  # speaks of the marks themselves
        for number, line in enumerate(tree.read(root, path).splitlines(), 1):
            match = UNTRACKED.search(line)
            if match and not ("`" + match.group() in line):
                problems.add(path, number, f"{match.group()} without the number of an issue (#N)")


def check_dead(root, build, problems):
    """Every .cc is compiled by some target, every .h is included by some file."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    built = {os.path.realpath(os.path.join(entry["directory"], entry["file"])) for entry in entries}
    names = tree.sources(root)
    included = set()
    for path in names:
        included.update(re.findall(r'#\s*include\s*"([^"]+)"', tree.read(root, path)))
    exemptions = tree.listed(root, "exempt.txt")
    for path in names:
        if tree.exempt(exemptions, path):
            continue
        if path.endswith(".h"):
            short = path.split("/", 1)[1]
            if short not in included and not any(short.endswith("/" + name) for name in included):
                problems.add(path, 1, "no file includes this header")
        elif os.path.realpath(os.path.join(root, path)) not in built:
            problems.add(path, 1, "no CMake target builds this file")


def check(root, build=None):
    problems = tree.Problems()
    exemptions = tree.listed(root, "exempt.txt")
    allowed_sync = tree.listed(root, "allow_sync.txt")
    for path in tree.sources(root):
        if tree.exempt(exemptions, path):
            continue
        text = tree.read(root, path)
        code = tree.code_of(text)
        check_sizes(root, path, text, problems)
        check_banned(path, code, problems)
        check_sync(path, code, allowed_sync, problems)
    check_lists(root, "exempt.txt", problems)
    check_lists(root, "allow_sync.txt", problems)
    check_untracked(root, problems)
    if build:
        check_dead(root, build, problems)
    return problems


def self_test():
    good = ('#include "base/a.h"\n// std::regex in a comment, system_clock too.\n'
            'const char* kText = "std::regex";\nconst int kBig = 1\'000\'000;\n'
            'int waiting = 0;  // TODO(#12) say more\n')
    planted = {
        "src/base/a.h": "#pragma once\n",
        "src/base/good.cc": good,
        "src/base/sync/queue.h": "#pragma once\nstd::atomic<int> head;\n",
        "src/base/sync/queue_test.cc": '#include "base/sync/queue.h"\n',
        "src/base/long.cc": "\n" * 601,
        "src/base/wide.cc": "//" + "x" * 99 + "\n",
        "src/base/words.cc": "\nstd::regex r;\nsleep_for(1ms);\nusleep(3);\nsystem_clock::now();\n"
                             "int x = rand();\nusing namespace std;\n#include <iostream>\n",
        "src/net/clock.cc": "std::chrono::steady_clock::now();\n",
        "src/base/marks.cc": "// FIXME\n// TODO later\n",
        "src/broker/threads.cc": "std::mutex m;\nstd::condition_variable_any c;\n",
        "src/server/shard.cc": "std::thread t;\n",
        "src/base/dead.cc": "int dead;\n",
        "src/base/dead.h": "#pragma once\n",
        "tests/bench/load/exempt.cpp": "using namespace std;\n",
        "tests/tidy/allow_sync.txt": "# comment\nsrc/server/shard.cc  # owns its thread\nsrc/gone.cc  # x\n",
        "tests/tidy/exempt.txt": "tests/bench/load/*.cpp\n",
    }
    with tempfile.TemporaryDirectory() as root:
        tree.write_tree(root, planted)
        build = os.path.join(root, "build")
        entries = [{"directory": root, "file": os.path.join(root, path)}
                   for path in planted if path.endswith(".cc") and "dead" not in path]
        tree.write_tree(build, {"compile_commands.json": json.dumps(entries)})
        return tree.expect(check(root, build), [
            ("src/base/long.cc", 601, "lines"), ("src/base/wide.cc", 1, "columns"),
            *(("src/base/words.cc", number, "banned") for number in range(2, 9)),
            ("src/base/marks.cc", 1, "FIXME"), ("src/base/marks.cc", 2, "TODO"),
            ("src/broker/threads.cc", 1, "std::mutex"), ("src/broker/threads.cc", 2, "condition"),
            ("src/base/dead.cc", 1, "no CMake target"), ("src/base/dead.h", 1, "no file includes"),
            ("tests/tidy/allow_sync.txt", 3, "does not exist"),
            ("tests/tidy/exempt.txt", 1, "needs a reason"),
        ])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", help="a configured build folder")
    parser.add_argument("--root", default=tree.project_root())
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    return check(options.root, options.build).report("check_tidy")


if __name__ == "__main__":
    sys.exit(main())
