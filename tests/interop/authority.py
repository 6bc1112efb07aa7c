"""A certificate authority of the tests: the command openssl in a folder of its own."""
import subprocess
from pathlib import Path

CONF = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
organizationName = optional
commonName = optional
"""


class Authority:
    """Issues certificates; `path("ca.crt")` is what others trust."""

    def __init__(self, folder, name="Test authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.conf = self.folder / "ca.conf"
        self.conf.write_text(CONF.format(folder=self.folder))
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("1000\n")
        self.openssl("req", "-x509", "-new", *self.key_words("ca"), "-subj", f"/CN={name}",
                     "-days", "30", "-out", self.path("ca.crt"))

    def path(self, name):
        return str(self.folder / name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)

    def key_words(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.path(name + ".key")]

    def issue(self, name, subject=None, end="351231235959Z"):
        """Makes NAME.crt and NAME.key and returns the options of a client that has them."""
        request = self.path(name + ".csr")
        self.openssl("req", "-new", *self.key_words(name), "-subj", subject or f"/CN={name}",
                     "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-out", request)
        self.openssl("ca", "-batch", "-notext", "-config", str(self.conf), "-in", request,
                     "-startdate", "200101000000Z", "-enddate", end,
                     "-out", self.path(name + ".crt"))
        Path(self.path(name + ".key")).chmod(0o644)  # A broker started by root drops to a user.
        return self.client(name)

    def client(self, name=None):
        words = ["--cafile", self.path("ca.crt")]
        if name:
            words += ["--cert", self.path(name + ".crt"), "--key", self.path(name + ".key")]
        return words

    def revoke(self, *names):
        """Makes crl.pem with all that were revoked so far."""
        for name in names:
            self.openssl("ca", "-config", str(self.conf), "-revoke", self.path(name + ".crt"))
        self.openssl("ca", "-config", str(self.conf), "-gencrl", "-out", self.path("crl.pem"))
