"""tombo_passwd: its files in the broker, beside Debian's mosquitto_passwd, and at a terminal."""
import os
import pty
import re
import signal
import subprocess
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker import wait_until
from clients import mosquitto_pub, tool

pytestmark = pytest.mark.tombo

PBKDF2_2_0 = r"\$7\$101\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}=="
PBKDF2_2_1 = r"\$7\$1000\$[A-Za-z0-9+/]{86}==\$[A-Za-z0-9+/]{86}=="
ARGON2 = r"\$argon2id\$v=19\$m=47104,t=1,p=1\$[A-Za-z0-9+/]{86}\$[A-Za-z0-9+/]{86}"


class Passwd:
    """tombo_passwd in a folder, as one generation of mosquitto_passwd."""

    def __init__(self, program, folder, generation):
        self.path = str(Path(program.path).resolve().with_name("tombo_passwd"))
        self.folder, self.generation = folder, generation
        self.file = folder / "passwords"

    def environment(self, **more):
        return {**os.environ, "TOMBO_COMPATIBILITY": self.generation, **more}

    def run(self, *words, stdin="", status=0, program=None, **environment):
        done = subprocess.run([program or self.path, *map(str, words)], input=stdin, text=True,
                              capture_output=True, timeout=60, cwd=self.folder,
                              env=self.environment(**environment), check=False)
        if status is not None:
            assert done.returncode == status, f"{words}: {done.stdout!r} {done.stderr!r}"
        return done

    def debian(self, *words, **options):
        return self.run(*words, program=tool("mosquitto_passwd"), **options)

    def lines(self):
        return self.file.read_text().splitlines()


@pytest.fixture(params=["2.0", "2.1"])
def passwd(program, tmp_path, request):
    return Passwd(program, tmp_path, request.param)


@pytest.fixture
def passwd_2_1(program, tmp_path):
    return Passwd(program, tmp_path, "2.1")


def assert_logs_in(make_broker, file, user, password, generation="2.1"):
    broker = make_broker("allow_anonymous false", "password_file {folder}/passwords",
                         f"compatibility {generation}")
    copy = broker.folder / "passwords"
    copy.write_bytes(file.read_bytes())
    copy.chmod(0o644)  # A broker started by root drops to a user of its own.
    broker.start()
    words = ["-t", "x", "-m", "x", "-q", "1", "-u", user]
    mosquitto_pub(broker, *words, "-P", password)
    mosquitto_pub(broker, *words, "-P", password + "x", status=5)


@pytest.mark.parametrize("kind", ["sha512", "sha512-pbkdf2", "argon2id", None])
def test_what_it_writes_lets_in(passwd, make_broker, kind):
    if kind == "argon2id" and passwd.generation == "2.0":
        pytest.skip("Mosquitto 2.0 has no argon2id")
    passwd.run(*(["-H", kind] if kind else []), "-c", "-b", passwd.file, "anna", "of anna")
    assert_logs_in(make_broker, passwd.file, "anna", "of anna", passwd.generation)


def test_the_hash_is_that_of_its_generation(passwd):
    passwd.run("-c", "-b", passwd.file, "a", "p")
    passwd.run("-H", "sha512-pbkdf2", "-b", passwd.file, "b", "p")
    passwd.run("-H", "sha512-pbkdf2", "-I", "7", "-b", passwd.file, "c", "p")
    a, b, c = passwd.lines()
    default, pbkdf2 = ((PBKDF2_2_0, PBKDF2_2_0) if passwd.generation == "2.0" else
                       (ARGON2, PBKDF2_2_1))
    assert re.fullmatch("a:" + default, a)
    assert re.fullmatch("b:" + pbkdf2, b)
    assert c.startswith("c:$7$7$")


def test_what_debians_tool_writes_is_changed(passwd, make_broker):
    passwd.debian("-c", "-b", passwd.file, "anna", "of anna")
    passwd.debian("-b", passwd.file, "bob", "of bob")
    passwd.run("-b", passwd.file, "bob", "changed")
    passwd.run("-b", passwd.file, "eve", "of eve")
    passwd.run("-D", passwd.file, "anna")
    assert [line.split(":")[0] for line in passwd.lines()] == ["bob", "eve"]
    assert_logs_in(make_broker, passwd.file, "bob", "changed")


def test_debians_tool_and_broker_take_what_it_writes(program, tmp_path):
    passwd = Passwd(program, tmp_path, "2.0")
    passwd.run("-c", "-b", passwd.file, "anna", "of anna")
    passwd.run("-H", "sha512", "-b", passwd.file, "bob", "of bob")
    passwd.debian("-b", passwd.file, "eve", "of eve")
    passwd.debian("-D", passwd.file, "bob")
    assert [line.split(":")[0] for line in passwd.lines()] == ["anna", "eve"]


@pytest.fixture
def debians_broker(program, make_broker):
    path = "/usr/sbin/mosquitto"
    if not os.access(path, os.X_OK):
        pytest.skip("Debian's broker is not installed")

    def start(*lines):
        broker = make_broker(conf="listener {port} 127.0.0.1\n" + "\n".join(lines) + "\n")
        broker.program = type(program).examine(path, None, None)
        return broker
    return start


def test_debians_broker_lets_in_who_is_in_its_file(program, tmp_path, debians_broker):
    passwd = Passwd(program, tmp_path, "2.0")
    broker = debians_broker("allow_anonymous false", "password_file {folder}/passwords")
    passwd.run("-c", "-b", passwd.file, "anna", "of anna")
    passwd.run("-H", "sha512", "-b", passwd.file, "bob", "of bob")
    passwd.run("-b", passwd.file, "eve", "of eve")
    passwd.run("-D", passwd.file, "eve")
    copy = broker.folder / "passwords"
    copy.write_bytes(passwd.file.read_bytes())
    copy.chmod(0o644)
    broker.start()
    words = ["-t", "x", "-m", "x"]
    mosquitto_pub(broker, *words, "-u", "anna", "-P", "of anna")
    mosquitto_pub(broker, *words, "-u", "bob", "-P", "of bob")
    mosquitto_pub(broker, *words, "-u", "bob", "-P", "of anna", status=5)
    mosquitto_pub(broker, *words, "-u", "eve", "-P", "of eve", status=5)


@pytest.mark.parametrize("words", [
    ["-c", "-D", "pw", "u"], ["-c", "-U", "pw"], ["-D", "-U", "pw"], ["-b", "-D", "pw", "u"],
    ["-b"], ["-c"], [], ["pw"], ["-b", "pw", "a"], ["-c", "-b", "pw", "u"], ["-D", "pw"], ["-U"],
    ["-U", "a", "b"], ["-x", "pw", "u"], ["-cb", "pw", "u", "p"], ["--help"], ["-h"], ["-H"],
    ["-H", "md5", "pw", "u"], ["-H", "argon2id", "pw", "u"], ["-I"], ["-I", "0", "pw", "u"],
    ["-I", "abc", "-b", "pw", "u", "p"], ["-b", "known", "u:", "p"], ["-b", "known", "a\nb", "p"],
    ["-b", "missing", "u", "p"], ["-D", "missing", "u"], ["-U", "missing"],
    ["-c", "-b", "no/folder", "u", "p"], ["-D", "known", "nobody"], ["-D", "known", "u"],
    ["-b", "known", "x" * 65536, "p"], ["-b", "known", "u", "p" * 65536], ["known", "new"],
    ["-b", "known", "-u", "p"],
], ids=lambda words: " ".join(word[:12] for word in words).replace("\n", "\\n") or "nothing")
def test_status_and_errors_are_those_of_debians_tool(program, tmp_path, words):
    outcomes = []
    for name in ("theirs", "ours"):
        folder = tmp_path / name
        folder.mkdir()
        passwd = Passwd(program, folder, "2.0")
        passwd.debian("-c", "-b", "known", "u", "p")
        done = (passwd.debian if name == "theirs" else passwd.run)(*words, status=None)
        users = [line.split(":")[0] for line in (folder / "known").read_text().splitlines()]
        outcomes.append((done.returncode, done.stderr.splitlines(), users, sorted(os.listdir(folder))))
    assert outcomes[0] == outcomes[1]


def test_a_file_that_exists_is_made_again_in_2_0_alone(passwd):
    passwd.run("-c", "-b", passwd.file, "anna", "p")
    done = passwd.run("-c", "-b", passwd.file, "bob", "p", status=None)
    users = [line.split(":")[0] for line in passwd.lines()]
    if passwd.generation == "2.0":
        assert (done.returncode, done.stdout, done.stderr, users) == (0, "", "", ["bob"])
    else:
        assert (done.returncode, users) == (1, ["anna"])
        assert done.stderr == (f"Error: Unable to open file {passwd.file} for writing. "
                               "File exists.\n")


def test_2_1_says_what_it_does(passwd_2_1):
    passwd = passwd_2_1
    added = passwd.run("-c", "-b", passwd.file, "anna", "p").stdout
    updated = passwd.run("-b", passwd.file, "anna", "q").stdout
    assert added == "Adding password for user anna\n"
    assert updated == "Updating password for user anna\n"


def test_a_dash_is_standard_output_in_2_1(passwd_2_1):
    done = passwd_2_1.run("-c", "-b", "-", "anna", "p")
    assert re.fullmatch("anna:" + ARGON2 + "\n", done.stdout)
    asked = passwd_2_1.run("-c", "-", "anna", stdin="p\np\n")
    assert re.fullmatch("anna:" + ARGON2 + "\n", asked.stdout)
    assert os.listdir(passwd_2_1.folder) == []


def test_plain_passwords_become_hashed_and_hashed_ones_stay(passwd, make_broker):
    passwd.run("-c", "-b", passwd.file, "anna", "of anna")
    hashed = passwd.lines()[0]
    passwd.file.write_text(f"# people\n\n{hashed}\nbob:of:bob\n")
    passwd.run("-U", passwd.file)
    lines = passwd.lines()
    assert lines[:3] == ["# people", "", hashed]
    assert "of:bob" not in lines[3]
    assert_logs_in(make_broker, passwd.file, "bob", "of:bob")


def test_lines_that_cannot_be_read_are_told_and_kept(passwd):
    odd = "# comment\n\nno colon\n"
    passwd.file.write_text(odd)
    done = passwd.run("-b", passwd.file, "anna", "p")
    assert done.stderr == "Error: Corrupt password file at line 3.\n"
    done = passwd.run("-U", passwd.file, status=1)
    assert done.stderr == "Error: Corrupt password file at line 3.\n"
    passwd.run("-D", passwd.file, "anna")
    assert passwd.file.read_text() == odd


def test_owner_and_mode_stay(passwd):
    passwd.run("-c", "-b", passwd.file, "anna", "p")
    assert passwd.file.stat().st_mode & 0o777 == 0o600
    passwd.file.chmod(0o640)
    owner = (1, 2) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(passwd.file, *owner)
    passwd.run("-b", passwd.file, "bob", "p")
    about = passwd.file.stat()
    assert (about.st_mode & 0o777, about.st_uid, about.st_gid) == (0o640, *owner)
    assert os.listdir(passwd.folder) == ["passwords"]


def test_a_link_is_followed_in_2_0_or_when_allowed(passwd):
    passwd.run("-c", "-b", "real", "anna", "p")
    passwd.file.symlink_to("real")
    done = passwd.run("-b", passwd.file, "bob", "p", status=None)
    if passwd.generation == "2.1":
        assert done.returncode == 1
        assert "It is a symbolic link" in done.stderr
        passwd.run("-b", passwd.file, "bob", "p", MOSQUITTO_UNSAFE_ALLOW_SYMLINKS="1")
    assert passwd.file.is_symlink()
    assert [line.split(":")[0] for line in passwd.lines()] == ["anna", "bob"]


def test_many_at_once_lose_no_user(passwd):
    passwd.run("-c", "-b", passwd.file, "first", "p")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: passwd.run("-H", "sha512", "-b", passwd.file,
                                                f"user-{number}", "p"), range(40)))
    users = sorted(line.split(":")[0] for line in passwd.lines())
    assert users == sorted(["first", *(f"user-{number}" for number in range(40))])
    assert os.listdir(passwd.folder) == ["passwords"]


@pytest.mark.parametrize("stdin, status, error", [
    ("p\np\n", 0, ""),
    ("p\np", 0, ""),
    ("", 1, "Error: Empty password.\n"),
    ("\n\n", 1, "Error: Empty password.\n"),
    ("p\n", 1, "Error: Empty password.\n"),
    ("p\nq\n", 2, "Error: Passwords do not match.\n"),
])
def test_passwords_from_a_pipe(program, tmp_path, stdin, status, error):
    passwd = Passwd(program, tmp_path, "2.0")
    passwd.run("-c", "-b", passwd.file, "first", "p")
    done = passwd.run(passwd.file, "anna", stdin=stdin, status=status)
    theirs = passwd.debian(passwd.file, "anna", stdin=stdin, status=status)
    assert done.stderr == error == theirs.stderr
    assert done.stdout.startswith("Password: ")
    assert (len(passwd.lines()) == 2) == (status == 0)


class Terminal:
    """tombo_passwd at a pseudo terminal."""

    def __init__(self, passwd, *words):
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            # Who runs tests in the background of a script has these ignored, and would pass it on.
            for number in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM:
                signal.signal(number, signal.SIG_DFL)
            os.execve(passwd.path, [passwd.path, *map(str, words)], passwd.environment())
        self.seen = ""

    def wait(self, text):
        while text not in self.seen:
            try:
                part = os.read(self.descriptor, 4096).decode()
            except OSError:  # The end: EIO.
                part = ""
            assert part, f"no {text!r} in {self.seen!r}"
            self.seen += part

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.descriptor)[3] & termios.ECHO)

    def status(self):
        status = os.waitpid(self.pid, 0)[1]
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def close(self):
        os.close(self.descriptor)


@pytest.fixture
def terminal(passwd_2_1):
    passwd_2_1.run("-c", "-b", passwd_2_1.file, "first", "p")
    terminals = []

    def start(*words):
        terminals.append(Terminal(passwd_2_1, *words))
        return terminals[-1]
    yield start
    for one in terminals:
        one.close()


def test_a_terminal_shows_no_password(passwd_2_1, terminal, make_broker):
    one = terminal(passwd_2_1.file, "anna")
    one.wait("Password: ")
    wait_until(lambda: not one.echoes(), what="the echo going off")
    one.type("of anna\n")
    one.wait("Reenter password: ")
    one.type("of anna\n")
    one.wait("Adding password for user anna")
    assert one.status() == 0
    assert one.echoes()
    assert "of anna" not in one.seen
    assert_logs_in(make_broker, passwd_2_1.file, "anna", "of anna")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was(passwd_2_1, terminal, number):
    one = terminal(passwd_2_1.file, "anna")
    one.wait("Password: ")
    wait_until(lambda: not one.echoes(), what="the echo going off")
    one.type("half a passw")
    os.kill(one.pid, number)
    assert one.status() == -number
    assert one.echoes()
    assert len(passwd_2_1.lines()) == 1


def test_it_asks_again_when_it_goes_on_after_a_stop(passwd_2_1, terminal):
    one = terminal(passwd_2_1.file, "anna")
    one.wait("Password: ")
    one.type("half a passw")
    # No shell would continue it, so the system does not stop it; the rest is the same.
    os.kill(one.pid, signal.SIGTSTP)
    one.wait("Password: Password: ")
    wait_until(lambda: not one.echoes(), what="the echo going off")
    one.type("\x15p\n")  # Ctrl-U: what was typed before is gone.
    one.wait("Reenter password: ")
    one.type("p\n")
    assert one.status() == 0


@pytest.mark.parametrize("answer, users", [("y", ["anna"]), ("n", ["first"]), ("", ["first"])])
def test_a_terminal_is_asked_before_a_file_is_overwritten(passwd_2_1, terminal, answer, users):
    one = terminal("-c", "-b", passwd_2_1.file, "anna", "p")
    one.wait("Overwrite it? [y/N] ")
    one.type(answer + "\n")
    assert one.status() == (0 if answer == "y" else 1)
    assert [line.split(":")[0] for line in passwd_2_1.lines()] == users


def test_an_unknown_generation_is_an_error(passwd_2_1):
    done = passwd_2_1.run("pw", "u", status=1, TOMBO_COMPATIBILITY="3")
    assert done.stderr == "Error: Invalid TOMBO_COMPATIBILITY value (3).\n"
