#!/usr/bin/env python3
"""Checks the layout of every source with clang-format 14 and .clang-format.

  tests/tidy/check_format.py [--root DIR] [--fix] [FILE...]
  tests/tidy/check_format.py --self-test

--fix rewrites the files. Files of exempt.txt are left alone.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import tree

CLANG_FORMAT = "clang-format-14"


def run(root, paths, mode):
    """Runs clang-format in chunks over paths; returns its messages."""
    messages = []
    for start in range(0, len(paths), 50):
        command = [CLANG_FORMAT, "--style=file", *mode, *paths[start:start + 50]]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        messages += [line for line in done.stderr.splitlines() if ": error:" in line]
        if done.returncode and not messages:
            messages.append(f"{CLANG_FORMAT}:1: error: {done.stderr.strip()}")
    return messages


def check(root, paths):
    problems = tree.Problems()
    places = {}
    for message in run(root, paths, ["--dry-run", "-Werror"]):
        path, line = message.split(":")[:2]
        places.setdefault(path, []).append(int(line))
    for path, lines in places.items():
        problems.add(path, lines[0], f"layout differs from clang-format's in {len(lines)} places "
                                     "(tests/tidy/check_format.py --fix FILE mends it)")
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(os.path.join(tree.project_root(), ".clang-format"), root)
        tree.write_tree(root, {
            "src/good.cc": '#include "good.h"\n\n#include <vector>\n\nint f(int x) {\n  if (x) return 1;\n'
                           "  return 0;\n}\n",
            "src/bad.cc": "int  f();\n",
        })
        return tree.expect(check(root, ["src/good.cc", "src/bad.cc"]), [("src/bad.cc", 1, "layout")])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=tree.project_root())
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if not shutil.which(CLANG_FORMAT):
        sys.exit(f"{CLANG_FORMAT} is missing: scripts/install-packages test")
    if options.self_test:
        return self_test()
    exemptions = tree.listed(options.root, "exempt.txt")
    paths = [os.path.relpath(name, options.root) for name in options.files] or [
        path for path in tree.sources(options.root) if not tree.exempt(exemptions, path)]
    if options.fix:
        for message in run(options.root, paths, ["-i"]):
            print(message)
        return 0
    return check(options.root, paths).report("check_format")


if __name__ == "__main__":
    sys.exit(main())
