"""What the checkers share: the files of the project, exemptions, C++ without comments, reporting."""
import fnmatch
import os
import re
import sys

SOURCE_SUFFIXES = (".h", ".cc", ".cpp")
SKIPPED_FOLDERS = {"build", ".git", ".cache", "__pycache__", "node_modules", ".pytest_cache"}
LITERAL_OR_COMMENT = re.compile(
    r"""(?P<line>//[^\n]*)"""
    r"""|(?P<block>/\*.*?\*/)"""
    r'''|(?P<raw>R"(?P<mark>[^ ()\\\t\n]{0,16})\(.*?\)(?P=mark)")'''
    r'''|(?P<string>"(?:[^"\\\n]|\\.)*")'''
    r"""|(?P<char>(?<![0-9A-Za-z_])'(?:[^'\\\n]|\\.)+')""",
    re.DOTALL,
)


def project_root():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files_below(root, folders, suffixes):
    """Paths relative to root, sorted."""
    found = []
    for folder in folders:
        for parent, below, names in os.walk(os.path.join(root, folder)):
            below[:] = [name for name in below if name not in SKIPPED_FOLDERS]
            found += [os.path.relpath(os.path.join(parent, name), root)
                      for name in names if name.endswith(suffixes)]
    return sorted(found)


def sources(root):
    return files_below(root, ("src", "tests"), SOURCE_SUFFIXES)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def listed(root, name):
    """The entries of tests/tidy/NAME as {pattern: (line, reason)}; a line is `PATTERN  # reason`."""
    result = {}
    try:
        lines = read(root, os.path.join("tests", "tidy", name)).splitlines()
    except FileNotFoundError:
        return result
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            pattern, _, reason = line.partition("#")
            result[pattern.strip()] = (number, reason.strip())
    return result


def exempt(patterns, path):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def code_of(text):
    """text with comments and the insides of literals blanked; lines stay where they are.

    The text behind #include stays, although it looks like a literal.
    """

    def blank(match):
        start = text.rfind("\n", 0, match.start()) + 1
        if match.lastgroup == "string" and re.match(r"\s*#\s*include\b", text[start:match.start()]):
            return match.group()
        inside = re.sub(r"[^\n]", " ", match.group())
        if match["string"] or match["raw"]:
            return '"' + inside[1:-1] + '"'
        return inside

    return LITERAL_OR_COMMENT.sub(blank, text)


class Problems:
    """Collects what a checker found and prints it as file:line: text."""

    def __init__(self):
        self.found = []

    def add(self, path, line, text):
        self.found.append((path, line, text))

    def has(self, path, line, part):
        return any(p == path and n == line and part in text for p, n, text in self.found)

    def report(self, what):
        for path, line, text in self.found:
            print(f"{path}:{line}: {text}")
        print(f"{what}: {len(self.found)} problems" if self.found else f"{what}: no problems")
        return 1 if self.found else 0


def write_tree(root, files):
    """For self-tests: writes {path: text} below root."""
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def expect(problems, planted):
    """For self-tests: every planted (path, line, part of text) is found, and nothing else."""
    for path, line, part in planted:
        if not problems.has(path, line, part):
            problems.report("found")
            sys.exit(f"self-test: did not find the planted {part!r} at {path}:{line}")
    extra = [found for found in problems.found
             if not any(found[0] == p and found[1] == n and part in found[2]
                        for p, n, part in planted)]
    if extra:
        sys.exit(f"self-test: found what is none: {extra}")
    print(f"self-test: all {len(planted)} planted problems found, nothing else")
    return 0
