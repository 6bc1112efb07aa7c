#!/usr/bin/env python3
"""Checks that documents are true where a program can tell. Needs only python3 and bash.

  tests/tidy/check_documents.py [--root DIR]
  tests/tidy/check_documents.py --self-test

Every file of the project that README.md, the other documents at the top and docs/ name exists;
docs/DEPENDENCIES.md shows the table of scripts/packages.txt as it is.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

import tree

PATH_ROOTS = ("src", "tests", "docs", "cmake", "scripts", "include", "web", "examples", "python", ".ci")
DOC_PATH = re.compile(r"`([^`\s]+)`|\]\(([^)\s]+)\)")


def expand(path):
    """x.{h,cc} and x.* as glob patterns; None for what is not a path of the project."""
    path = path.split("#")[0].rstrip("/").removeprefix("./")
    path = re.sub(r":\d+(-\d+)?$", "", path)
    if re.search(r"[<>$…()=]|[A-Z]{4,}(?![A-Z]*\.md)", path.replace("CMakeLists", "")):
        return None
    match = re.search(r"\{([^{}]+)\}", path)
    if match:
        return [part for option in match[1].split(",")
                for part in expand(path[:match.start()] + option + path[match.end():]) or []]
    return [path]


def check_paths(root, problems):
    documents = [name for name in sorted(os.listdir(root)) if name.endswith(".md")]
    documents += tree.files_below(root, ("docs",), (".md",))
    for document in documents:
        folder = os.path.dirname(document)
        for number, line in enumerate(tree.read(root, document).splitlines(), 1):
            for quoted, link in DOC_PATH.findall(line):
                if link and re.match(r"[a-z]+:|#", link):
                    continue
                base = folder if link else ""
                if quoted and quoted.split("/")[0] not in PATH_ROOTS or quoted and "/" not in quoted:
                    continue
                for pattern in expand(quoted or link) or []:
                    full = os.path.normpath(os.path.join(root, base, pattern))
                    if not glob.glob(full):
                        problems.add(document, number, f"names {pattern}, which does not exist")


def check_dependencies(root, problems):
    document = "docs/DEPENDENCIES.md"
    script = os.path.join(root, "scripts", "install-packages")
    table = subprocess.run(["bash", script, "--markdown"], capture_output=True, text=True,
                           check=True).stdout
    if table not in tree.read(root, document):
        problems.add(document, 1, "its table is not what scripts/install-packages --markdown prints")


def check(root):
    problems = tree.Problems()
    check_paths(root, problems)
    check_dependencies(root, problems)
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as root:
        tree.write_tree(root, {
            "README.md": "See `src/base/a.{h,cc}`, `src/base/good.cc:12`, [this](docs/OK.md), `src/NAME/x`.\n",
            "docs/OK.md": "[up](../README.md) `src/base/` `src/*/good.cc` [gone](gone.md) "
                          "[far](https://example.org/) `cmake/no.cmake` `build/release/x` `a/b`\n",
            "docs/DEPENDENCIES.md": "| old |\n",
            "src/base/a.h": "",
            "src/base/good.cc": "",
            "scripts/install-packages": "echo '| new |'\n",
        })
        return tree.expect(check(root), [
            ("README.md", 1, "src/base/a.cc"), ("docs/OK.md", 1, "gone.md"),
            ("docs/OK.md", 1, "cmake/no.cmake"), ("docs/DEPENDENCIES.md", 1, "table"),
        ])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=tree.project_root())
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    return check(options.root).report("check_documents")


if __name__ == "__main__":
    sys.exit(main())
