"""Started as root: what is opened as root, who the broker is then, and that there is no way back."""
import os
import pwd
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from authority import Authority
from broker import accepts, wait_until
from clients import mosquitto_pub, mosquitto_sub, tool
from test_passwords import set_password
from test_tls import open_to_all

pytestmark = [pytest.mark.tombo,
              pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")]

NOBODY = pwd.getpwnam("nobody")


def default_user():
    """Mosquitto's own user where its package is installed."""
    try:
        return pwd.getpwnam("mosquitto")
    except KeyError:
        return NOBODY


def statuses(pid):
    """What the kernel says of each thread, by name of the field."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def assert_is(broker, user, group, groups):
    broker.log.wait(r"mosquitto version \S+ running$")
    threads = list(statuses(broker.pid))
    assert len(threads) > 2
    for status in threads:
        assert status["Uid"] == [str(user)] * 4
        assert status["Gid"] == [str(group)] * 4
        assert sorted(map(int, status["Groups"])) == sorted(groups)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name][0], 16) == 0, name
        assert status["NoNewPrivs"] == ["1"]


def groups_of(entry):
    return os.getgrouplist(entry.pw_name, entry.pw_gid)


def only_for_root(path):
    os.chown(path, 0, 0)
    os.chmod(path, 0o600)


def test_the_broker_is_the_default_user_and_nothing_more(start_broker):
    broker = start_broker("threads 3")
    user = default_user()
    assert_is(broker, user.pw_uid, user.pw_gid, groups_of(user))


def test_supplementary_groups_are_those_of_the_user_alone(make_broker):
    # Whoever starts the broker may be in groups that the user is not in.
    before = os.getgroups()
    os.setgroups([0, 4, 27])
    try:
        broker = make_broker("user nobody").start()
    finally:
        os.setgroups(before)
    assert_is(broker, NOBODY.pw_uid, NOBODY.pw_gid, groups_of(NOBODY))


def test_others_of_the_user_cannot_look_into_its_memory(start_broker):
    broker = start_broker("user nobody")
    assert os.stat(f"/proc/{broker.pid}/mem").st_uid == 0


def test_files_only_for_root_are_read_at_the_start(make_broker, tmp_path):
    open_to_all(tmp_path)
    authority = Authority(tmp_path / "ca")
    authority.issue("server")
    broker = make_broker("allow_anonymous false", "password_file {folder}/passwords",
                         "acl_file {folder}/acl", "listener:",
                         f"certfile {authority.path('server.crt')}",
                         f"keyfile {authority.path('server.key')}")
    set_password(broker.folder / "passwords", "anna", "secret")
    (broker.folder / "acl").write_text("topic readwrite a/#\nuser anna\ntopic readwrite a/#\n")
    secrets = {"password_file": broker.folder / "passwords", "acl_file": broker.folder / "acl",
               "keyfile": Path(authority.path("server.key"))}
    for path in secrets.values():
        only_for_root(path)
    broker.start()
    login = ["-u", "anna", "-P", "secret", *authority.client(), "-t", "a/b"]
    mosquitto_pub(broker, *login, "-m", "hello", "-r")
    assert mosquitto_sub(broker, *login, "-C", "1").stdout == b"hello\n"
    name = default_user().pw_name
    for option, path in secrets.items():
        broker.log.wait(f"Warning: {option} {path} cannot be read by user {name}, so the "
                        r"configuration cannot be reloaded\.$")

    broker.reload()
    for option, path in secrets.items():
        broker.log.wait(f"Error: {option} {path} cannot be read by user {name}, as whom the broker "
                        r"runs since its start\.$")
    broker.log.wait(r"Error: The configuration was not reloaded, the old one stays\.$")
    assert mosquitto_sub(broker, *login, "-C", "1").stdout == b"hello\n"

    # As soon as the user may read them, all is well.
    for path in secrets.values():
        os.chown(path, default_user().pw_uid, -1)
    since = len(broker.log.lines)
    broker.reload()
    mosquitto_pub(broker, *login, "-m", "x")
    assert "not reloaded" not in "\n".join(broker.log.lines[since:])


def test_a_configuration_that_may_not_be_read_again(make_broker):
    broker = make_broker()
    only_for_root(broker.conf_path)
    broker.start()
    broker.reload()
    name = default_user().pw_name
    broker.log.wait(f"Error: Configuration file {broker.conf_path} cannot be read by user {name}, ")
    broker.log.wait(r"Error: The configuration was not reloaded, the old one stays\.$")
    mosquitto_pub(broker, "-t", "a", "-m", "x")


def test_a_folder_of_root_has_log_pid_and_socket(make_broker, tmp_path):
    """As /run and /var/log are: made as root, given to the user."""
    user = default_user()
    open_to_all(tmp_path)
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    broker = make_broker(f"pid_file {folder}/pid", f"log_dest file {folder}/log",
                         "log_dest stderr", "listener:", f"listener 0 {folder}/socket")
    broker.start()
    for name, mode in (("pid", 0o644), ("log", 0o600), ("socket", 0o770)):
        about = (folder / name).stat()
        assert (about.st_uid, about.st_gid) == (user.pw_uid, user.pw_gid), name
        assert about.st_mode & 0o777 == mode, name
    assert (folder / "pid").read_text() == str(broker.pid)
    subprocess.run([tool("mosquitto_pub"), "--unix", str(folder / "socket"), "-t", "a", "-m", "x"],
                   check=True, timeout=20)
    # The file is the user's, so a rotation that leaves it there can open it again.
    broker.send_signal(signal.SIGRTMIN)
    broker.reload()
    wait_until(lambda: "Reloading config." in (folder / "log").read_text(), what="the line")
    broker.stop()
    # It could not be removed, but must not point to a later process.
    assert (folder / "pid").read_text() == ""
    broker.start()
    assert (folder / "pid").read_text() == str(broker.pid)


def test_links_in_a_folder_of_the_user_do_not_lead_root_astray(make_broker, tmp_path):
    open_to_all(tmp_path)
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    only_for_root(precious)
    folder = tmp_path / "log"
    folder.mkdir()
    os.chown(folder, default_user().pw_uid, -1)
    (folder / "log").symlink_to(precious)
    broker = make_broker(f"log_dest file {folder}/log").launch()
    assert broker.wait_exit() == 1
    broker.log.wait(r"Error: Unable to open log file .* for writing: Too many levels")
    about = precious.stat()
    assert precious.read_text() == "mine\n" and about.st_uid == 0


def test_a_log_that_is_a_link_of_the_user_is_followed(make_broker, tmp_path):
    open_to_all(tmp_path)
    user = default_user()
    target = tmp_path / "target"
    target.touch()
    os.chown(target, user.pw_uid, user.pw_gid)
    (tmp_path / "log").symlink_to(target)
    make_broker(f"log_dest file {tmp_path}/log", "log_dest stderr").start()
    wait_until(lambda: "running" in target.read_text(), what="the line")


def test_a_port_below_1024(make_broker):
    for port in range(1000, 1024):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                break
            except OSError:
                continue
    broker = make_broker("listener:", f"listener {port} 127.0.0.1").start()
    assert accepts(port)
    assert_is(broker, default_user().pw_uid, default_user().pw_gid, groups_of(default_user()))


def test_root_stays_root_when_told_so(start_broker):
    broker = start_broker("user root")
    assert next(statuses(broker.pid))["Uid"] == ["0"] * 4
    broker.log.wait(r"Warning: Mosquitto should not be run as root/administrator\.$")


def test_numbers_of_the_environment_win_in_2_1(make_broker):
    broker = make_broker("compatibility 2.1", "user no-such-user")
    broker.environment = {"PUID": "20001", "PGID": "20002"}
    broker.start()
    assert_is(broker, 20001, 20002, [20002])
    broker.log.wait(r"Info: running mosquitto as user: 20001:20002\.$")


def test_numbers_of_the_environment_are_unknown_to_2_0(make_broker):
    broker = make_broker("compatibility 2.0", "user nobody")
    broker.environment = {"PUID": "20001", "PGID": "20002"}
    broker.start()
    assert_is(broker, NOBODY.pw_uid, NOBODY.pw_gid, groups_of(NOBODY))


def test_the_umask_of_the_environment(make_broker, tmp_path):
    open_to_all(tmp_path)
    broker = make_broker("compatibility 2.1", "pid_file {folder}/pid")
    broker.environment = {"UMASK_SET": "077"}
    broker.start()
    assert (broker.folder / "pid").stat().st_mode & 0o777 == 0o600


def test_a_snap_keeps_its_user(make_broker):
    broker = make_broker("user nobody")
    broker.environment = {"SNAP_NAME": "mosquitto"}
    broker.start()
    assert next(statuses(broker.pid))["Uid"] == ["0"] * 4


@pytest.mark.parametrize("line, environment, text", [
    ("user no-such-user", {}, "Error: Unable to drop privileges to 'no-such-user' because this user"
                              " does not exist."),
    ("user nobody", {"PUID": "many"}, 'Error: PUID is not a number: "many".'),
    ("user nobody", {"UMASK_SET": "9"}, 'Error: UMASK_SET is not a number: "9".'),
])
def test_what_is_no_user(make_broker, line, environment, text):
    broker = make_broker("compatibility 2.1", line)
    broker.environment = environment
    assert broker.launch().wait_exit() == 1
    assert [re.sub(r"^\d+: ", "", each) for each in broker.log.lines] == [text]


def test_a_daemon_drops_them_too(make_broker, tmp_path):
    open_to_all(tmp_path)
    authority = Authority(tmp_path / "ca")
    authority.issue("server")
    only_for_root(authority.path("server.key"))
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    broker = make_broker(f"pid_file {folder}/pid", "listener:",
                         f"certfile {authority.path('server.crt')}",
                         f"keyfile {authority.path('server.key')}",
                         arguments=["-c", "{conf}", "-d"])
    assert broker.launch().wait_exit() == 0
    pid = int(wait_until(lambda: (folder / "pid").read_text(), what="the pid file"))
    try:
        wait_until(lambda: accepts(broker.port), what="the daemon accepting connections")
        mosquitto_pub(broker, *authority.client(), "-t", "a", "-m", "x")
        user = default_user()
        wait_until(lambda: len(list(statuses(pid))) > 2, what="its threads")
        for status in statuses(pid):
            assert status["Uid"] == [str(user.pw_uid)] * 4
            assert int(status["CapEff"][0], 16) == 0
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{pid}/exe").is_symlink(), what="its end")


def test_a_daemon_that_cannot_start_says_so_in_front(make_broker):
    broker = make_broker("password_file {folder}/none", arguments=["-c", "{conf}", "-d"])
    assert broker.launch().wait_exit() != 0
    broker.log.wait(r'Error: Unable to open pwfile ".*none"')


@pytest.mark.parametrize("persisted", [True, False])
def test_the_folder_of_the_store_is_used_as_the_user(make_broker, tmp_path, persisted):
    open_to_all(tmp_path)
    folder = tmp_path / "store"
    folder.mkdir(mode=0o755)
    user = default_user()
    if persisted:
        os.chown(folder, user.pw_uid, user.pw_gid)
    broker = make_broker("persistence true", f"persistence_location {folder}/")
    if persisted:
        broker.start()
        mosquitto_pub(broker, "-t", "a", "-m", "kept", "-r", "-q", "1")
        broker.restart()
        assert mosquitto_sub(broker, "-t", "a", "-C", "1").stdout == b"kept\n"
        assert all(path.stat().st_uid == user.pw_uid for path in folder.rglob("*"))
    else:
        assert broker.launch().wait_exit() == 1
        broker.log.wait(f"Error: Unable to use {folder} for persistence as user {user.pw_name}: "
                        r"Permission denied\. It has to be a folder of that user\.$")
