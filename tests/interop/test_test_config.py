"""--test-config, which tries what a start would, and --check-migration."""
import os
import pwd
import re
import socket
import subprocess

import pytest

from authority import Authority
from test_passwords import set_password
from test_tls import open_to_all

pytestmark = pytest.mark.tombo


def checked(broker, option="--test-config"):
    return subprocess.run([broker.program.path, "-c", str(broker.conf_path), option],
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
                          start_new_session=True, check=False)


def problems(broker):
    """The lines of the errors that a test of the configuration finds."""
    done = checked(broker)
    assert done.returncode == 3, done.stderr
    assert "Configuration file is OK." not in done.stderr
    return [re.sub(r"^\d+: ", "", line) for line in done.stderr.splitlines() if "Error" in line]


def test_a_good_configuration_with_all_its_files(make_broker, tmp_path):
    open_to_all(tmp_path)
    authority = Authority(tmp_path / "ca")
    authority.issue("server")
    broker = make_broker("password_file {folder}/passwords", "acl_file {folder}/acl",
                         "pid_file {folder}/pid", "log_dest file {folder}/log", "listener:",
                         f"certfile {authority.path('server.crt')}",
                         f"keyfile {authority.path('server.key')}")
    set_password(broker.folder / "passwords", "anna", "x")
    (broker.folder / "acl").write_text("topic a/#\n")
    os.chmod(broker.folder / "acl", 0o644)
    done = checked(broker)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].endswith(": Configuration file is OK.")
    assert not (broker.folder / "pid").exists() and not (broker.folder / "log").exists()


def test_a_running_broker_is_no_problem(start_broker):
    broker = start_broker()
    done = checked(broker)
    assert done.returncode == 0, done.stderr
    assert (f"Note: The port of the listener on port {broker.port} (127.0.0.1:{broker.port}) is in "
            "use, perhaps by the broker that is running.") in done.stderr
    assert done.stderr.splitlines()[-1].endswith(": Configuration file is OK.")


def test_the_port_stays_free(make_broker):
    broker = make_broker()
    done = checked(broker)
    assert done.returncode == 0 and "in use" not in done.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", broker.port))


def test_all_problems_are_told_at_once(make_broker, tmp_path):
    open_to_all(tmp_path)
    authority = Authority(tmp_path / "ca")
    authority.issue("server")
    authority.issue("other")
    broker = make_broker("password_file {folder}/passwords", "acl_file {folder}/acl",
                         "pid_file /no/such/pid", "log_dest file {folder}", "listener:",
                         f"certfile {authority.path('server.crt')}",
                         f"keyfile {authority.path('other.key')}")
    (broker.folder / "passwords").write_text("anna\n")
    (broker.folder / "acl").write_text("topic a/#\nnonsense\n")
    found = "\n".join(problems(broker))
    # In 2.0 the user of a bad line is left out, with a warning.
    bad_password = [f"{broker.folder}/passwords:1"] if broker.program.compatibility == "2.1" else []
    for text in (*bad_password, f"{broker.folder}/acl:2",
                 'Unable to write "/no/such/pid": No such file or directory. Check pid_file.',
                 f'Unable to write "{broker.folder}": Is a directory. Check log_dest.',
                 f"The listener on port {broker.port} cannot use TLS."):
        assert text in found, text


@pytest.mark.parametrize("line, text", [
    ("listener 0 /no/such/socket", 'Unable to write "/no/such/socket": No such file or directory. '
                                   "Check listener."),
    ("listener {other} 192.0.2.1", "(192.0.2.1:{other}): Cannot assign requested address."),
    ("listener {other} no-such-host.invalid", 'of "no-such-host.invalid":'),
])
def test_an_address_that_is_not_here(make_broker, line, text):
    broker = make_broker()
    other = str(broker.port + 1)
    with open(broker.conf_path, "a", encoding="ascii") as conf:
        conf.write(line.replace("{other}", other) + "\n")
    assert text.replace("{other}", other) in "\n".join(problems(broker))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_files_only_for_root_are_enough_for_a_start(make_broker):
    broker = make_broker("user nobody", "password_file {folder}/passwords",
                         "log_dest file {folder}/log")
    set_password(broker.folder / "passwords", "anna", "x")
    (broker.folder / "log").touch(mode=0o600)
    assert "Warning" in checked(broker).stderr  # The log.
    for path in (broker.folder / "passwords", broker.conf_path):
        os.chmod(path, 0o600)
    done = checked(broker)
    assert done.returncode == 0
    for text in (f"Warning: password_file {broker.folder}/passwords cannot be read by user nobody, "
                 "so the configuration could not be reloaded.",
                 f"Warning: Configuration file {broker.conf_path} cannot be read by user nobody, "
                 "so the configuration could not be reloaded.",
                 f"Warning: log_dest {broker.folder}/log cannot be written by user nobody, so it "
                 "could not be opened again after a rotation."):
        assert text in done.stderr
    for name in ("passwords", "log", "mosquitto.conf"):
        os.chown(broker.folder / name, pwd.getpwnam("nobody").pw_uid, -1)
    done = checked(broker)
    assert done.returncode == 0 and "Warning" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_the_folder_of_the_store_must_be_the_users(make_broker, tmp_path):
    open_to_all(tmp_path)
    os.chmod(tmp_path, 0o755)
    broker = make_broker("user nobody", "persistence true", f"persistence_location {tmp_path}/")
    assert problems(broker) == [
        f"Error: Unable to use {tmp_path} for persistence as user nobody: Permission denied. "
        "It has to be a folder of that user."]
    os.chown(tmp_path, pwd.getpwnam("nobody").pw_uid, -1)
    assert checked(broker).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_a_user_that_does_not_exist(make_broker):
    assert problems(make_broker("user no-such-user")) == [
        "Error: Unable to drop privileges to 'no-such-user' because this user does not exist."]


# --- --check-migration ---

def test_a_migration_is_told_with_places(make_broker):
    broker = make_broker("acl_file /etc/mosquitto/acl", "autosave_interval 60")
    done = checked(broker, "--check-migration")
    assert done.returncode == 0, done.stderr
    numbers = {line.split()[0]: number
               for number, line in enumerate(broker.conf_path.read_text().splitlines(), 1)}
    for title, option in (("Not quite as in Mosquitto", "acl_file"),
                          ("Without effect", "autosave_interval")):
        part = done.stdout.split(f"\n{title}:\n")[1].split("\n\n")[0]
        assert f"  {broker.conf_path}:{numbers[option]}  {option}\n" in part
    assert "tombo starts with it" in done.stdout


def test_what_keeps_it_from_starting_has_status_3(make_broker):
    broker = make_broker("plugin /usr/lib/some.so", "max_keepalive 70000")
    done = checked(broker, "--check-migration")
    assert done.returncode == 3
    assert "tombo DOES NOT START with it" in done.stdout
    assert re.search(r"Not supported yet:\n  \S+:\d+  plugin\n", done.stdout)
    assert re.search(r"Errors:\n  \S+:\d+\n      Error: Invalid max_keepalive value", done.stdout)


def test_a_migration_needs_a_file(program):
    done = subprocess.run([program.path, "--check-migration"], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 3
    assert "Please provide a configuration file to check." in done.stderr
