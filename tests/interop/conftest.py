"""Options, markers and fixtures. The broker under test is chosen by `run --broker`."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import raw  # noqa: E402
from broker import Broker, Program, running  # noqa: E402
from clients import Paho  # noqa: E402

DEFAULT_BROKER = Path(__file__).resolve().parents[2] / "build/release/bin/tombo"


def pytest_addoption(parser):
    group = parser.getgroup("broker")
    group.addoption("--broker", default=str(DEFAULT_BROKER), help="binary under test")
    group.addoption("--compatibility", choices=["2.0", "2.1"], help="default of the run, for tombo")
    group.addoption("--threads", type=int, help="shards of the run, for tombo")
    group.addoption("--all", action="store_true", help="do not skip tests marked tombo")


def pytest_configure(config):
    path = os.path.abspath(config.getoption("--broker"))
    if not os.access(path, os.X_OK):
        raise pytest.UsageError(f"no broker to test at {path}")
    config.program = Program.examine(path, config.getoption("--compatibility"),
                                     config.getoption("--threads"))


def pytest_report_header(config):
    program = config.program
    generation = f"compatibility {program.compatibility}" if program.is_tombo else "not tombo"
    return f"broker: {program.path} ({generation})"


def pytest_collection_modifyitems(config, items):
    if config.program.is_tombo or config.getoption("--all"):
        return
    for item in items:
        if item.get_closest_marker("tombo"):
            item.add_marker(pytest.mark.skip(reason="tombo differs here on purpose"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for broker in getattr(item, "brokers", []):
            if broker.log:
                log = broker.log.text()[-20000:]
                report.sections.append((f"log of the broker on port {broker.port}", log))


@pytest.fixture(scope="session")
def program(pytestconfig):
    return pytestconfig.program


@pytest.fixture
def make_broker(program, request):
    """Makes brokers that the test starts itself; those that still run at the end are stopped."""
    brokers = request.node.brokers = []

    def make(*lines, **options):
        broker = Broker(program, lines, **options)
        brokers.append(broker)
        return broker
    yield make
    try:
        for broker in brokers:
            if broker.process and broker.process.returncode is None:
                broker.stop()
    finally:
        for broker in brokers:
            broker.kill()
            broker.remove_folder()


@pytest.fixture
def start_broker(make_broker):
    """Starts brokers; each is stopped with SIGTERM at the end and must end with status 0."""
    return lambda *lines, **options: make_broker(*lines, **options).start()


@pytest.fixture
def broker(start_broker, request):
    """A running broker; lines of @pytest.mark.conf(...) are added to its configuration."""
    marker = request.node.get_closest_marker("conf")
    return start_broker(*(marker.args if marker else ()))


class Target:
    """A broker that a module shares, and two clients who must never notice what happens there."""

    def __init__(self, broker, generation):
        self.broker, self.port, self.generation = broker, broker.port, generation
        self.is_tombo = broker.is_tombo
        self.listener, self.speaker = raw.RawClient(broker.port), raw.RawClient(broker.port, raw.V5)
        self.listener.connect("bystander-1", keep_alive_s=0)
        self.speaker.connect("bystander-2", keep_alive_s=0)
        self.listener.subscribe("bystander", qos=1)
        self.count = 0

    def undisturbed(self):
        self.count += 1
        self.speaker.publish("bystander", str(self.count), qos=1)
        assert self.listener.payloads(1) == [str(self.count)]
        return True

    def connected(self, level, client_id="bad", **options):
        client = raw.RawClient(self.port, level)
        client.connect(client_id, **options)
        return client


@pytest.fixture(scope="module", params=["2.0", "2.1"])
def target(program, request):
    """One broker for each generation; Debian's Mosquitto is of generation 2.0."""
    if request.param == "2.1" and not program.is_tombo:
        pytest.skip("a generation of tombo's")
    with running(program, f"compatibility {request.param}") as broker:
        target = Target(broker, request.param)
        yield target
        assert target.undisturbed()
        assert broker.process.poll() is None


@pytest.fixture(params=list(raw.LEVELS))
def version(request):
    """The protocol version as mosquitto_pub and mosquitto_sub spell it."""
    return request.param


@pytest.fixture
def level(version):
    """The protocol version as a number on the wire."""
    return raw.LEVELS[version]


@pytest.fixture
def raw_client(broker):
    """Makes raw clients; connected at once unless `connect=False`."""
    clients = []

    def make(client_id=None, version=raw.V311, connect=True, **options):
        client = raw.RawClient(broker.port, version)
        clients.append(client)
        if connect:
            client_id = f"raw-{len(clients)}" if client_id is None else client_id
            client.connack = client.connect(client_id, **options)
        return client
    yield make
    for client in clients:
        client.close()


@pytest.fixture
def v5_client(raw_client):
    """Makes raw clients of MQTT 5."""
    return lambda client_id=None, **options: raw_client(client_id, raw.V5, **options)


@pytest.fixture
def paho(broker):
    """Makes paho clients."""
    clients = []

    def make(version="mqttv5", client_id="", **options):
        client = Paho(broker, version, client_id, **options)
        clients.append(client)
        return client
    yield make
    for client in clients:
        client.__exit__()
