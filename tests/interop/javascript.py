"""MQTT.js from npm, with Node.js and in a headless Chromium. Installed once into the build folder."""
import fcntl
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "node"
INSTALLED = Path(__file__).resolve().parents[2] / "build/interop-node"
NPM_TIMEOUT_S = 300
PAGE_TIMEOUT_S = 90


def program(name, package):
    path = shutil.which(name)
    assert path, f"{name} is missing: install {package}"
    return path


def install():
    """The folder with node_modules, exactly as package-lock.json says."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    # ./test runs the tests for both generations at the same time.
    with open(INSTALLED / "lock", "w") as only_one:
        fcntl.flock(only_one, fcntl.LOCK_EX)
        return install_alone()


def install_alone():
    lock = (SOURCES / "package-lock.json").read_bytes()
    stamp = INSTALLED / "installed"
    wanted = hashlib.sha256(lock).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return INSTALLED
    stamp.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCES / name, INSTALLED)
    done = subprocess.run([program("npm", "npm"), "ci", "--ignore-scripts", "--no-audit",
                           "--no-fund"], cwd=INSTALLED, capture_output=True, text=True,
                          timeout=NPM_TIMEOUT_S, check=False)
    assert done.returncode == 0, f"npm ci failed:\n{done.stdout}\n{done.stderr}"
    stamp.write_text(wanted)
    return INSTALLED


def run_node(url, authority=None):
    """Runs exchange.js against a listener; returns what it reports."""
    words = [program("node", "nodejs"), str(SOURCES / "run.js"), str(install()), url]
    environment = dict(os.environ, NODE_EXTRA_CA_CERTS=authority) if authority else None
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                          env=environment)
    assert done.returncode == 0, f"node ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


class Page:
    """A web server on loopback with page.html and what it needs; `report` is what the page sends."""

    def __init__(self):
        files = {"/": ("text/html", SOURCES / "page.html"),
                 "/exchange.js": ("text/javascript", SOURCES / "exchange.js"),
                 "/mqtt.js": ("text/javascript", install() / "node_modules/mqtt/dist/mqtt.min.js")}
        self.report, self.done = None, threading.Event()
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                kind, path = files.get(self.path.partition("?")[0], (None, None))
                self.send_response(200 if path else 404)
                if path:
                    self.send_header("Content-Type", kind)
                self.end_headers()
                if path:
                    self.wfile.write(path.read_bytes())

            def do_POST(self):
                page.report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                page.done.set()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def run_page(page, url, *options):
    """Opens the page in a headless Chromium; returns what it reports about a listener."""
    with tempfile.TemporaryDirectory(prefix="interop-chromium-") as profile:
        words = [program("chromium", "chromium"), "--headless=new", "--disable-gpu", "--no-first-run",
                 "--disable-dev-shm-usage", "--no-proxy-server", "--disable-background-networking",
                 "--remote-debugging-port=0", f"--user-data-dir={profile}", *options,
                 *(["--no-sandbox"] if os.geteuid() == 0 else []), f"{page.origin}/?{url}"]
        environment = dict(os.environ, HOME=profile, XDG_CONFIG_HOME=profile)
        with open(os.path.join(profile, "log"), "w+", encoding="utf-8") as log:
            browser = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       env=environment, start_new_session=True)
            try:
                reported = page.done.wait(PAGE_TIMEOUT_S)
            finally:
                end_group(browser)
            log.seek(0)
            assert reported, f"the page reported nothing within {PAGE_TIMEOUT_S} s:\n{log.read()[-4000:]}"
    return page.report


def end_group(browser):
    """Chromium's children are in its process group, which is of our own making."""
    os.killpg(browser.pid, 15)
    try:
        browser.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(browser.pid, 9)
        browser.wait()
