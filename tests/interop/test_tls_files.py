"""TLS: a folder of Let's Encrypt's kind, OCSP stapling, keys with a passphrase, engines."""
import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from authority import Authority
from broker import Stream, accepts, free_port, wait_until
from clients import mosquitto_pub, mosquitto_sub, lines_of, tool
from test_tls import open_to_all, tls_lines


@pytest.fixture
def authority(tmp_path):
    open_to_all(tmp_path)
    made = Authority(tmp_path / "ca")
    made.issue("server")
    return made


# --- the lines of the documents that people follow ---

def lets_encrypt_folder(base, host):
    """live/HOST with links into archive/HOST, as certbot makes them; the root is base/root."""
    root = Authority(base / "root", "Root")
    request = root.path("between.csr")
    root.openssl("req", "-new", *root.key_words("between"), "-subj", "/CN=Between",
                 "-addext", "basicConstraints=critical,CA:TRUE",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", request)
    root.openssl("ca", "-batch", "-notext", "-config", str(root.conf), "-in", request,
                 "-startdate", "200101000000Z", "-enddate", "351231235959Z",
                 "-out", root.path("between.crt"))
    between = Authority(base / "between", "Unused")
    for suffix in ("crt", "key"):
        Path(between.path(f"ca.{suffix}")).write_text(
            Path(root.path(f"between.{suffix}")).read_text())
    between.issue("server", subject=f"/CN={host}")
    archive, live = base / "archive" / host, base / "live" / host
    archive.mkdir(parents=True)
    live.mkdir(parents=True)
    leaf, chain = (Path(between.path(name)).read_text() for name in ("server.crt", "ca.crt"))
    for name, text in (("cert", leaf), ("chain", chain), ("fullchain", leaf + chain),
                       ("privkey", Path(between.path("server.key")).read_text())):
        (archive / f"{name}1.pem").write_text(text)
        (live / f"{name}.pem").symlink_to(f"../../archive/{host}/{name}1.pem")
    return live, root.path("ca.crt")


SUBSCRIBER = """
import sys
import paho.mqtt.client as mqtt

port, cafile = int(sys.argv[1]), sys.argv[2]

def on_connect(client, userdata, flags, rc):
    print("Connected with result code", rc, flush=True)
    client.subscribe("test/topic")

def on_subscribe(client, userdata, mid, granted_qos):
    print("subscribed", flush=True)

def on_message(client, userdata, message):
    print(message.topic, message.payload.decode(), flush=True)
    client.disconnect()

client = mqtt.Client()
client.on_connect, client.on_message = on_connect, on_message
client.on_subscribe = on_subscribe
client.username_pw_set("mqtt", "test")
client.tls_set(cafile)
client.connect("localhost", port, 60)
client.loop_forever()
"""

PUBLISHER = """
import sys
import paho.mqtt.client as mqtt

port, cafile = int(sys.argv[1]), sys.argv[2]
client = mqtt.Client()
client.username_pw_set("mqtt", "test")
client.tls_set(cafile)
client.connect("localhost", port, 60)
client.loop_start()
client.publish("test/topic", "Hello from Python", qos=1).wait_for_publish()
client.disconnect()
client.loop_stop()
"""


def type_password(broker, name, path):
    """`NAME -c PATH mqtt` at a terminal; -c makes the file for its owner alone."""
    program = tool(name) if name == "mosquitto_passwd" else str(
        Path(broker.program.path).resolve().with_name(name))
    master, slave = os.openpty()
    with subprocess.Popen([program, "-c", str(path), "mqtt"], stdin=slave, stdout=slave,
                          stderr=slave, start_new_session=True) as process:
        os.close(slave)
        screen = b""
        for count in (1, 2):
            while len(re.findall(b"assword: ", screen)) < count:
                screen += os.read(master, 1024)
            os.write(master, b"test\n")
        try:
            while os.read(master, 1024):
                pass
        except OSError:  # It has closed its terminal.
            pass
        assert process.wait(20) == 0
    os.close(master)


@pytest.mark.parametrize("certfile, passwd", [("cert.pem", "tombo_passwd"),
                                              ("fullchain.pem", "mosquitto_passwd")])
def test_a_folder_of_lets_encrypts_works_word_by_word(make_broker, tmp_path, certfile, passwd):
    open_to_all(tmp_path)
    live, root = lets_encrypt_folder(tmp_path, "mqtt.example.org")
    plain = free_port()
    broker = make_broker(conf=f"""allow_anonymous false
password_file {{folder}}/passwd

listener {plain} localhost

listener {{port}}
certfile {live}/{certfile}
cafile {live}/chain.pem
keyfile {live}/privkey.pem
tls_version tlsv1.2
""")
    if broker.is_tombo and os.geteuid() == 0:  # As certbot leaves it: root's alone.
        (tmp_path / "archive").chmod(0o700)
        (live / "privkey.pem").chmod(0o600)
    type_password(broker, passwd if broker.is_tombo else "mosquitto_passwd",
                  broker.folder / "passwd")
    if not broker.is_tombo:
        (broker.folder / "passwd").chmod(0o644)
    broker.start()
    at_home = ["-h", "localhost", "-p", str(plain), "-t", "home"]
    mosquitto_pub(broker, *at_home, "-m", "x", "-r", "-u", "mqtt", "-P", "test")
    assert mosquitto_pub(broker, *at_home, "-m", "x", status=None).returncode == 5
    assert accepts(broker.port, "127.0.0.2") and not accepts(plain, "127.0.0.2")
    # Without the intermediate certificate in certfile the broker takes it from cafile.
    login = ["-h", "localhost", "-p", str(broker.port), "-u", "mqtt", "--cafile", root]
    mosquitto_pub(broker, *login, "-P", "test", "-t", "test", "-m", "in the clear? no", "-r")
    done = mosquitto_sub(broker, "-h", "localhost", "-t", "test", "-p", str(broker.port), "-u",
                         "mqtt", "-P", "test", "--cafile", root, "-C", "1")
    assert lines_of(done) == ["in the clear? no"]
    done = mosquitto_sub(broker, *login, "-P", "test", "-t", "home", "-C", "1")
    assert lines_of(done) == ["x"]  # The other listener's.
    assert mosquitto_pub(broker, *login, "-P", "wrong", "-t", "t", "-m", "x",
                         status=None).returncode != 0
    # A name that is not in the certificate: the client refuses.
    since = len(broker.log.lines)
    assert mosquitto_pub(broker, "-h", "127.0.0.2", *login[2:], "-P", "test", "-t", "t", "-m", "x",
                         status=None).returncode != 0
    if broker.is_tombo:
        broker.log.wait('the client refused with "internal error": mosquitto\'s clients say so when '
                        "the host name they connect to is not in certfile", since=since)

    def script(text):
        return subprocess.Popen([sys.executable, "-W", "ignore", "-c", text, str(broker.port),
                                 root], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with script(SUBSCRIBER) as subscriber:
        try:
            assert subscriber.stdout.readline() == "Connected with result code 0\n"
            assert subscriber.stdout.readline() == "subscribed\n"
            with script(PUBLISHER) as publisher:
                assert publisher.wait(20) == 0, publisher.stdout.read()
            assert subscriber.stdout.readline() == "test/topic Hello from Python\n"
            assert subscriber.wait(20) == 0
        finally:
            subscriber.kill()


@pytest.mark.tombo
def test_what_was_agreed_on_is_logged(start_broker, authority):
    broker = start_broker(*tls_lines(authority))
    mosquitto_pub(broker, *authority.client(), "--tls-version", "tlsv1.3", "-t", "t", "-m", "x")
    line = (r"Connection from 127\.0\.0\.1:\d+ negotiated TLSv1\.3 cipher "
            r"TLS_AES_256_GCM_SHA384$")
    if broker.program.compatibility == "2.1":
        broker.log.wait(line)
    else:
        broker.log.wait("New client connected")
        assert not re.search(line, broker.log.text(), re.MULTILINE)


# --- OCSP stapling ---

def respond(authority, *words, subject="server"):
    """An answer of the authority about a certificate, as a file in DER."""
    path = authority.path("ocsp.der")
    authority.openssl("ocsp", "-index", authority.path("index.txt"), "-CA",
                      authority.path("ca.crt"), "-rsigner", authority.path("ca.crt"), "-rkey",
                      authority.path("ca.key"), "-issuer", authority.path("ca.crt"), "-cert",
                      authority.path(f"{subject}.crt"), "-respout", path, "-noverify", *words)
    os.chmod(path, 0o644)
    return path


def stapled(broker, authority):
    """What a client gets that asks for the status of the certificate."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{broker.port}",
                           "-status", "-CAfile", authority.path("ca.crt")],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                          check=False)
    if "OCSP response: no response sent" in done.stdout:
        return None
    return re.search(r"Cert Status: (\w+)", done.stdout).group(1)


@pytest.mark.tombo
def test_the_status_of_the_certificate_is_stapled_and_reloaded(start_broker, authority):
    broker = start_broker(*tls_lines(authority,
                                     f"ocsp_file {respond(authority, '-ndays', '7')}"))
    assert stapled(broker, authority) == "good"
    mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x", "-q", "1")
    authority.revoke("server")
    respond(authority, "-ndays", "7")
    since = len(broker.log.lines)
    broker.reload()
    broker.log.wait(r"Warning: The OCSP response .* says that the certificate is revoked: clients "
                    r"are not sent it\.", since=since)
    wait_until(lambda: stapled(broker, authority) is None, what="the end of the stapling")


@pytest.mark.tombo
def test_without_ocsp_file_nothing_is_stapled(start_broker, authority):
    assert stapled(start_broker(*tls_lines(authority)), authority) is None


@pytest.mark.tombo
def test_a_status_of_another_certificate_ends_the_start(make_broker, authority):
    authority.issue("other")
    path = respond(authority, "-ndays", "7", subject="other")
    broker = make_broker(*tls_lines(authority, f"ocsp_file {path}")).launch()
    assert broker.wait_exit() == 1
    assert f'Unable to use OCSP response "{path}". Check ocsp_file.' in broker.log.text()
    assert "It is not about the certificate in certfile." in broker.log.text()


# --- keys with a passphrase ---

def lock(authority, passphrase):
    """Puts a passphrase on the key of the server."""
    locked = authority.path("locked.key")
    authority.openssl("pkey", "-in", authority.path("server.key"), "-aes256", "-passout",
                      f"pass:{passphrase}", "-out", locked)
    os.replace(locked, authority.path("server.key"))
    os.chmod(authority.path("server.key"), 0o644)


class Terminal:
    """The controlling terminal of a broker: what it prints there, and what is typed."""

    def __init__(self, broker, *shell):
        master, slave = os.openpty()

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        words = [*shell, broker.program.path, "-c", str(broker.conf_path)]
        # pylint: disable-next=subprocess-popen-preexec-fn
        broker.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave,
                                          preexec_fn=take_terminal)
        os.close(slave)
        self.master = os.dup(master)
        broker.log = broker.stdout = self.screen = Stream(master)

    def type(self, text):
        os.write(self.master, text.encode())


def prompted(terminal):
    """The prompt has no line feed, so no line holds it until the answer comes: look at the echo."""
    return not termios.tcgetattr(terminal.master)[3] & termios.ECHO


@pytest.mark.tombo
def test_a_passphrase_is_asked_for_once_at_the_terminal(make_broker, authority):
    lock(authority, "open sesame")
    broker = make_broker(*tls_lines(authority))
    terminal = Terminal(broker)
    wait_until(lambda: prompted(terminal), what="the prompt")
    terminal.type("open sesame\n")
    terminal.screen.wait(rf"Enter PEM pass phrase of {re.escape(authority.path('server.key'))}:")
    terminal.screen.wait(r"mosquitto version .* running")
    broker.reload()
    mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x", "-q", "1")
    assert "open sesame" not in terminal.screen.text()
    assert "not reloaded" not in terminal.screen.text()
    broker.stop()


@pytest.mark.tombo
def test_a_passphrase_is_asked_for_before_it_goes_to_the_background(make_broker, authority):
    lock(authority, "open sesame")
    broker = make_broker("pid_file {folder}/pid", *tls_lines(authority))
    # A shell, as it is on a real terminal, so that the terminal outlives the broker's parent.
    terminal = Terminal(broker, "sh", "-c", '"$@" -d; echo "status $?"; read line', "sh")
    wait_until(lambda: prompted(terminal), what="the prompt")
    terminal.type("open sesame\n")
    terminal.screen.wait("status 0")
    pid_path = broker.folder / "pid"
    wait_until(lambda: pid_path.exists() and pid_path.read_text(), what="the pid file")
    try:
        wait_until(lambda: accepts(broker.port), what="the daemon accepting connections")
        mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x", "-q", "1")
    finally:
        os.kill(int(pid_path.read_text()), signal.SIGTERM)
    terminal.type("\n")
    assert broker.wait_exit() == 0


@pytest.mark.tombo
def test_a_wrong_passphrase_ends_the_start(make_broker, authority):
    lock(authority, "open sesame")
    broker = make_broker(*tls_lines(authority))
    terminal = Terminal(broker)
    wait_until(lambda: prompted(terminal), what="the prompt")
    terminal.type("wrong\n")
    assert broker.wait_exit() == 1
    assert "Unable to load server key file" in terminal.screen.text()


@pytest.mark.tombo
def test_without_a_terminal_an_encrypted_key_is_an_error(make_broker, authority):
    lock(authority, "open sesame")
    broker = make_broker(*tls_lines(authority))
    done = subprocess.run([broker.program.path, "-c", str(broker.conf_path)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                          start_new_session=True, check=False)
    assert done.returncode == 1
    assert "It needs a passphrase, and there is no terminal to ask for it." in done.stderr


# --- engines ---

@pytest.mark.tombo
@pytest.mark.parametrize("lines, text, status", [
    (["tls_engine no-such"], 'Unable to load engine "no-such". Check tls_engine.', 1),
    (["tls_engine loader_attic", "tls_keyform engine"], "Unable to load engine private key", 1),
    (["tls_keyform engine"], "has tls_keyform engine, but no tls_engine.", 3),
    (["tls_engine a", "tls_engine_kpass_sha1 12"], "it is 40 digits of hexadecimal.", 3),
])
def test_an_engine_that_is_not_right_ends_the_start(make_broker, authority, lines, text, status):
    broker = make_broker(*tls_lines(authority, *lines)).launch()
    assert broker.wait_exit() == status
    assert text in broker.log.text()


@pytest.mark.tombo
def test_an_engine_is_loaded(start_broker, authority):
    broker = start_broker(*tls_lines(authority, "tls_engine loader_attic"))
    mosquitto_pub(broker, *authority.client(), "-t", "t", "-m", "x", "-q", "1")
    assert any("loader_attic" in line
               for line in Path(f"/proc/{broker.pid}/maps").read_text().splitlines())
