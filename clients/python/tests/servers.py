"""Servers that the repository's fixtures don't start: one that is killed and comes back, and one with TLS."""

import datetime
import ipaddress
import os
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sidecar import clean_environment, free_ports


class Server:
    """A server on a port and a store of its own, which can be killed and started again."""

    def __init__(self, binary: str, model_folder: str, folder: Path, *options: str) -> None:
        [port] = free_ports(1)
        self.target = f"127.0.0.1:{port}"
        self._command = [binary, "serve", "--model", model_folder, "--listen", self.target, "--metrics-listen", "none"]
        self._command += ["--store-dir", str(folder / "store"), *options]
        self._log = folder / "log"
        self._process: subprocess.Popen | None = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self) -> None:
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=clean_environment())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class TlsServer(Server):
    """A server with a certificate of its own and one token. With `clients`, theirs must be signed by this authority."""

    def __init__(self, binary: str, model_folder: str, folder: Path, clients: Path | None = None) -> None:
        self.ca, key, tokens, self.token = folder / "tls.crt", folder / "tls.key", folder / "tokens", "t" * 32
        Certificate("localhost").write(self.ca, key)
        tokens.write_text(self.token + "\n")
        os.chmod(tokens, 0o600)
        files = ["--tls-cert", str(self.ca), "--tls-key", str(key), "--auth-tokens", str(tokens)]
        files += ["--tls-client-ca", str(clients)] if clients else []
        super().__init__(binary, model_folder, folder, *files)


class Certificate:
    """A certificate for 127.0.0.1 and its key, signed by an `authority`, or else by itself."""

    def __init__(self, name: str, authority: "Certificate | None" = None, is_authority: bool = False) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = authority or self
        now = datetime.datetime.now(datetime.timezone.utc)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        self.made = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(issuer.key, hashes.SHA256())
        )

    def write(self, cert_file: Path, key_file: Path) -> None:
        """Writes both, as PEM."""
        cert_file.write_bytes(self.made.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        key_file.write_bytes(self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        os.chmod(key_file, 0o600)
