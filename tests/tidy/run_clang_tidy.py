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

Sources of one folder and one kind are read together, as one source that includes BATCH of them: most of the
time goes into the headers, which are then read once. A source that does not compile behind the others of its
batch is read alone.
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
BATCH = 8
TEST_CHECKS = ("-clang-analyzer-*,-performance-*,-bugprone-*,bugprone-use-after-move,"
               "-cppcoreguidelines-*,-misc-*")
QUOTED = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
PER_SOURCE = re.compile(r" (-o \S+ )?-c \S+")
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


def tidy(root, database, path, checks):
    """The problems of one source, of the project or of a batch, as (path, line, text)."""
    words = ["-w", "-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={ANALYZER_NODES}"]
    command = [CLANG_TIDY, "--quiet", "-p", database, f"--checks={checks}",
               f"--config-file={os.path.join(root, '.clang-tidy')}",
               *(f"--extra-arg={word}" for word in words), os.path.join(root, path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = []
    for match in FOUND.finditer(done.stdout):
        where = os.path.realpath(match["path"])
        found.append((os.path.relpath(where, os.path.realpath(root)), int(match["line"]), match["text"]))
    if done.returncode and not found:
        found.append((path, 1, f"{CLANG_TIDY} failed: {(done.stdout + done.stderr).strip()[-600:]}"))
    return found


def write_batch(root, name, paths):
    with open(name, "w", encoding="utf-8") as file:
        file.writelines(f'#include "{os.path.join(root, path)}"\n' for path in paths)


def take_apart(root, database, name, paths):
    """What compiles together, left in the batch, and what has to be read alone."""
    together, alone = list(paths), []
    while len(together) > 1:
        clashing = {where for where, _, text in tidy(root, database, name, "-*,misc-definitions-in-headers")
                    if "clang-diagnostic-error" in text}
        if not clashing:
            return together, alone
        clashing = clashing & set(together) or set(together)
        alone += sorted(clashing)
        together = [path for path in together if path not in clashing]
        write_batch(root, name, together)
    return [], alone + together


def tidy_batch(root, database, name, paths):
    """The problems of the sources of a batch, and how long it took."""
    start = time.monotonic()
    checks = TEST_CHECKS if paths[0].endswith("_test.cc") else ""
    together, alone = take_apart(root, database, name, paths) if len(paths) > 1 else ([], paths)
    found = tidy(root, database, name, f"{checks},-bugprone-suspicious-include") if together else []
    for path in alone:
        found += tidy(root, database, path, checks)
    return found, time.monotonic() - start


def batches_of(root, build, paths, commands):
    """[(what to read, its sources)] and the folder of the compile commands: a batch of one is read as it is."""
    kinds = {}
    for path in paths:
        flags = PER_SOURCE.sub("", commands[path])
        kinds.setdefault((os.path.dirname(path), flags, path.endswith("_test.cc")), []).append(path)
    database = os.path.join(build, "tidy-batches")
    os.makedirs(database, exist_ok=True)
    batches, entries = [], []
    for (_, flags, _), sources in sorted(kinds.items()):
        count = -(-len(sources) // BATCH)
        batches += [(flags, sources[i::count]) for i in range(count)]
    named = []
    for number, (flags, sources) in enumerate(batches):
        name = sources[0]
        if len(sources) > 1:
            name = os.path.join(database, f"{number}.cc")
            write_batch(root, name, sources)
        named.append((name, sources))
        entries += [{"directory": build, "file": os.path.join(root, path),
                     "command": f"{flags} -c {os.path.join(root, path)}"} for path in {name, *sources}]
    with open(os.path.join(database, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(entries, file)
    return named, database


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
    batches, database = batches_of(root, build, todo, commands)
    # The largest first, so that no long one is left alone at the end.
    batches.sort(key=lambda batch: -sum(len(keys.text(path)) for path in batch[1]))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (_, sources), (found, seconds) in zip(
                batches, pool.map(lambda batch: tidy_batch(root, database, *batch), batches)):
            if times:
                print(f"{seconds:6.1f} s  {' '.join(sources)}", flush=True)
            for problem in found:
                if problem not in seen:
                    seen.add(problem)
                    problems.add(*problem)
            for path in sources:
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
        if os.listdir(os.path.join(build, "tidy-cache")):
            sys.exit("self-test: the cache should hold no source of a batch with problems")
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
