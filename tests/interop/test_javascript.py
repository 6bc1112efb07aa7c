"""MQTT.js over WebSocket: in Node.js and in a headless Chromium."""
import pytest

from authority import Authority
from javascript import Page, run_node, run_page
from test_passwords import set_password

pytestmark = pytest.mark.tombo  # Debian's Mosquitto answers in its own way where it matters here.

EXPECTED = [("0", 0, 10), ("1", 1, 200), ("2", 2, 70000), ("3", 1, 1000000), ("4", 0, 0)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    base = tmp_path_factory.mktemp("authority")
    for each in (base, *list(base.parents)[:2]):
        each.chmod(0o755)
    made = Authority(base / "ca")
    made.issue("server")
    return made


@pytest.fixture
def start_websockets(start_broker, authority):
    def start(secure, *lines):
        tls = [f"certfile {authority.path('server.crt')}", f"keyfile {authority.path('server.key')}"]
        return start_broker("log_type all", "listener:", "protocol websockets", *lines,
                            *(tls if secure else []))
    return start


def check(report):
    assert set(report) == {"4", "5"}, report
    for version, found in report.items():
        assert found["granted"] == [2]
        messages = sorted((message["topic"], message["qos"], message["size"])
                          for message in found["messages"])
        assert messages == [(f"js/{version}/{name}", qos, size) for name, qos, size in EXPECTED]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_node(start_websockets, authority, scheme):
    broker = start_websockets(scheme == "wss")
    check(run_node(f"{scheme}://127.0.0.1:{broker.port}/mqtt", authority.path("ca.crt")))


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_browser(start_websockets, scheme):
    """Without `secure` certificates of the machine's own: Chromium is told to accept the test's."""
    with Page() as page:
        broker = start_websockets(scheme == "wss", f"websockets_origin {page.origin}")
        check(run_page(page, f"{scheme}://localhost:{broker.port}", "--ignore-certificate-errors"))
    assert any(" as js-5-" in line for line in broker.log.lines)


def test_a_page_logs_in_over_wss(start_broker, authority, tmp_path):
    set_password(tmp_path / "passwords", "mqtt", "test")
    for each in (tmp_path, *list(tmp_path.parents)[:2]):
        each.chmod(0o755)
    broker = start_broker("log_type all", "allow_anonymous false",
                          f"password_file {tmp_path}/passwords", "listener:",
                          "protocol websockets", f"certfile {authority.path('server.crt')}",
                          f"keyfile {authority.path('server.key')}")
    url = f"wss://localhost:{broker.port}"
    with Page() as page:
        check(run_page(page, f"{url}&mqtt&test", "--ignore-certificate-errors"))
    broker.log.wait(r"as js-5-\w+ \(p5, c1, k60, u'mqtt'\)")
    with Page() as page:
        report = run_page(page, f"{url}&mqtt&wrong", "--ignore-certificate-errors")
        assert "Not authorized" in report["error"], report
    broker.log.wait("CONNECT from .* refused: password_file .*: wrong password of user 'mqtt'")


def test_a_page_of_another_origin_does_not_get_in(start_websockets):
    with Page() as page:
        broker = start_websockets(False, "websockets_origin https://a.example")
        assert "error" in run_page(page, f"ws://127.0.0.1:{broker.port}")
    broker.log.wait(f'non-matching http origin "{page.origin}"')
