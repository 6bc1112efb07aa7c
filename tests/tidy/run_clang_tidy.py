#!/usr/bin/env python3
"""Runs clang-tidy 14 over every source of a build folder; what passed before is not read again.

  tests/tidy/run_clang_tidy.py --build BUILD_DIR [--jobs N] [--times] [FILE...]
  tests/tidy/run_clang_tidy.py --self-test

A source passes for as long as its own text, the text of every header of the project that it includes,
its compile command, .clang-tidy and the version of clang-tidy stay the same: then its key stands in
BUILD_DIR/tidy-cache/. FILE limits the run to sources whose path ends like it.

Unit tests are read for names, sizes and the like only: they run under sanitizers, and the path-sensitive
checks take ten times as long on what GoogleTest's macros expand to as all others together. In other sources
those checks give a function up after ANALYZER_NODES states instead of 225,000, which halves their time.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import tree

CLANG_TIDY = "clang-tidy-14"
ANALYZER_NODES = 20000
TEST_CHECKS = ("-clang-analyzer-*,-performance-*,-bugprone-*,bugprone-use-after-move,"
               "-cppcoreguidelines-*,-misc-*")
QUOTED = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
FOUND = re.compile(r"^(?P<path>/[^:\n]+):(?P<line>\d+):\d+: (error|warning): (?P<text>.+)$",
                   re.MULTILINE)


class Keys:
    """Content keys of sources: a hash over everything of the project that goes into them."""

    def __init__(self, root):
        self.root = root
        self.texts = {}
        version = subprocess.run([CLANG_TIDY, "--version"], capture_output=True, text=True,
                                 check=True).stdout
        self.common = version + tree.read(root, ".clang-tidy") + tree.read(
            os.path.dirname(os.path.abspath(__file__)), "run_clang_tidy.py")

    def text(self, path):
        if path not in self.texts:
            self.texts[path] = tree.read(self.root, path)
        return self.texts[path]

    def headers(self, path, seen):
        for name in QUOTED.findall(self.text(path)):
            near = os.path.normpath(os.path.join(os.path.dirname(path), name))
            for found in (os.path.join("src", name), os.path.join("tests", name), near):
                if found not in seen and os.path.exists(os.path.join(self.root, found)):
                    seen.add(found)
                    self.headers(found, seen)
        return seen

    def key(self, path, command):
        digest = hashlib.sha256((self.common + command).encode())
        for name in [path, *sorted(self.headers(path, set()))]:
            digest.update(f"{name}\0{self.text(name)}\0".encode())
        return digest.hexdigest()


def tidy(root, build, path):
    """The problems of one source as (path, line, text), and how long it took."""
    start = time.monotonic()
    words = ["-w", "-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={ANALYZER_NODES}"]
    command = [CLANG_TIDY, "--quiet", "-p", build, *(f"--extra-arg={word}" for word in words),
               os.path.join(root, path)]
    if path.endswith("_test.cc"):
        command.insert(1, f"--checks={TEST_CHECKS}")
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = []
    for match in FOUND.finditer(done.stdout):
        where = os.path.realpath(match["path"])
        found.append((os.path.relpath(where, os.path.realpath(root)), int(match["line"]), match["text"]))
    if done.returncode and not found:
        found.append((path, 1, f"{CLANG_TIDY} failed: {(done.stdout + done.stderr).strip()[-600:]}"))
    return found, time.monotonic() - start


def sources_of(root, build, exemptions, endings):
    """{path relative to root: compile command} of what build compiles and is not exempt."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    found = {}
    for entry in entries:
        full = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        path = os.path.relpath(full, os.path.realpath(root))
        if path.startswith(("src/", "tests/")) and not tree.exempt(exemptions, path) \
                and (not endings or path.endswith(tuple(endings))):
            found[path] = entry.get("command") or " ".join(entry["arguments"])
    return found


def check(root, build, jobs, endings=(), times=False):
    problems = tree.Problems()
    commands = sources_of(root, build, tree.listed(root, "exempt.txt"), endings)
    cache = os.path.join(build, "tidy-cache")
    os.makedirs(cache, exist_ok=True)
    keys = Keys(root)
    wanted = {path: keys.key(path, command) for path, command in sorted(commands.items())}
    stale = set(os.listdir(cache)) - set(wanted.values())
    if not endings:
        for key in stale:
            os.remove(os.path.join(cache, key))
    todo = [path for path, key in wanted.items() if not os.path.exists(os.path.join(cache, key))]
    seen = set()
    # The largest first, so that no long one is left alone at the end.
    todo.sort(key=lambda path: -len(keys.text(path)))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, (found, seconds) in zip(todo, pool.map(lambda p: tidy(root, build, p), todo)):
            if times:
                print(f"{seconds:6.1f} s  {path}", flush=True)
            for problem in found:
                if problem not in seen:
                    seen.add(problem)
                    problems.add(*problem)
            if not found:
                with open(os.path.join(cache, wanted[path]), "w", encoding="utf-8") as file:
                    file.write(path + "\n")
    spent = os.times()
    print(f"run_clang_tidy: {len(wanted)} sources, {len(todo)} of them changed since they passed; "
          f"{spent.children_user + spent.children_system:.0f} s of CPU time")
    if not wanted:
        problems.add(build, 1, "no sources")
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(os.path.join(tree.project_root(), ".clang-tidy"), root)
        tree.write_tree(root, {
            "src/base/good.cc": '#include "base/good.h"\n\nnamespace tombo {\nint Good::value() const {\n'
                                "  return value_;\n}\n}  // namespace tombo\n",
            "src/base/good.h": "#pragma once\n\nnamespace tombo {\nclass Good {\n public:\n"
                               "  [[nodiscard]] int value() const;\n\n private:\n  int value_ = 0;\n};\n"
                               "}  // namespace tombo\n",
            "src/base/bad.cc": '#include "base/bad.h"\n\nint WrongName() { return 0; }\n'
                               "int* nothing() { return 0; }\n",
            "src/base/bad.h": "#pragma once\n\nstruct lower_type {};\n",
        })
        build = os.path.join(root, "build")
        os.makedirs(os.path.join(build, "layers", "base"))
        os.symlink(os.path.join(root, "src", "base"), os.path.join(build, "layers", "base", "base"))
        tree.write_tree(build, {"compile_commands.json": json.dumps([
            {"directory": build, "file": f"{root}/src/base/{name}.cc",
             "command": f"g++ -std=c++20 -I{build}/layers/base -c {root}/src/base/{name}.cc"}
            for name in ("good", "bad")])})
        planted = [("src/base/bad.cc", 3, "WrongName"), ("src/base/bad.cc", 4, "nullptr"),
                   ("src/base/bad.h", 3, "lower_type")]
        tree.expect(check(root, build, 2), planted)
        tree.expect(check(root, build, 2), planted)  # the bad one is read again, the good one is not
        if len(os.listdir(os.path.join(build, "tidy-cache"))) != 1:
            sys.exit("self-test: the cache should hold the good source alone")
        header = os.path.join(root, "src/base/good.h")
        with open(header, "a", encoding="utf-8") as file:
            file.write("struct also_lower {};\n")
        return tree.expect(check(root, build, 2), [*planted, ("src/base/good.h", 12, "also_lower")])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=tree.project_root())
    parser.add_argument("--build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--times", action="store_true", help="print the time of each source")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if not shutil.which(CLANG_TIDY):
        sys.exit(f"{CLANG_TIDY} is missing: scripts/install-packages test")
    if options.self_test:
        return self_test()
    if not options.build:
        parser.error("--build is needed")
    return check(options.root, os.path.abspath(options.build), options.jobs, options.files,
                 options.times).report("run_clang_tidy")


if __name__ == "__main__":
    sys.exit(main())
