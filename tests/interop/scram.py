"""The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), by hashlib and hmac, over raw packets."""
import base64
import hashlib
import hmac
import os

import raw

METHOD = "SCRAM-SHA-256"


def hmac_sha256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Scram:
    """One exchange. What is right by default can be said otherwise by the arguments and members."""

    def __init__(self, user, password, header="n,,", nonce=None):
        name = user.replace("=", "=3D").replace(",", "=2C")
        self.password, self.header = password, header
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        self.first_bare = f"n={name},r={self.nonce}"
        self.first = header + self.first_bare
        self.salt = self.iterations = self.server_signature = None

    def read_challenge(self, data):
        """server-first-message."""
        self.server_first = data.decode()
        fields = dict(part.split("=", 1) for part in self.server_first.split(","))
        assert fields["r"].startswith(self.nonce) and len(fields["r"]) > len(self.nonce)
        self.whole_nonce, self.iterations = fields["r"], int(fields["i"])
        self.salt = base64.b64decode(fields["s"], validate=True)

    def final(self, binding=None, nonce=None):
        """client-final-message, with a proof that fits whatever it says."""
        header = base64.b64encode((binding or self.header).encode()).decode()
        without_proof = f"c={header},r={nonce or self.whole_nonce}"
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), self.salt, self.iterations)
        client_key = hmac_sha256(salted, "Client Key")
        conversation = f"{self.first_bare},{self.server_first},{without_proof}"
        signature = hmac_sha256(hashlib.sha256(client_key).digest(), conversation)
        proof = bytes(one ^ other for one, other in zip(client_key, signature))
        self.server_signature = hmac_sha256(hmac_sha256(salted, "Server Key"), conversation)
        return f"{without_proof},p={base64.b64encode(proof).decode()}"

    def server_is_right(self, data):
        return data.decode() == "v=" + base64.b64encode(self.server_signature).decode()


def properties(data=None, method=METHOD):
    both = [("authentication_method", method)] if method is not None else []
    if data is not None:
        both.append(("authentication_data", data.encode() if isinstance(data, str) else data))
    return both


def auth(data=None, reason=0x18, method=METHOD):
    return raw.packet(raw.AUTH, bytes([reason]) + raw.encode_properties(properties(data, method)))


def begin(client, scram, client_id="", **options):
    """CONNECT and the challenge; returns the AUTH packet."""
    client.send(raw.connect(client_id, raw.V5, properties=properties(scram.first), **options))
    return challenge(client, scram)


def begin_again(client, scram):
    client.send(auth(scram.first, reason=0x19))
    return challenge(client, scram)


def challenge(client, scram):
    answer = client.wait_for(raw.AUTH)
    assert answer.reason == 0x18
    assert answer.property("authentication_method") == METHOD
    scram.read_challenge(answer.property("authentication_data"))
    return answer


def login(broker, user, password, client_id="", header="n,,", **options):
    """A whole login; returns the client and the CONNACK."""
    client = raw.RawClient(broker.port, raw.V5)
    scram = Scram(user, password, header)
    begin(client, scram, client_id, **options)
    client.send(auth(scram.final()))
    answer = client.receive()
    assert answer.kind == raw.CONNACK
    if answer.reason == 0:
        assert answer.property("authentication_method") == METHOD
        assert scram.server_is_right(answer.property("authentication_data"))
    return client, answer


def reason(broker, user, password, **options):
    client, answer = login(broker, user, password, **options)
    client.close()
    return answer.reason
