"""Servers besides those of the repository's fixtures: a server that is killed and restarted, and one with TLS."""

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
    """A server with its own port and store, which can be killed and restarted."""

    def __init__(self, binary: str, model_dir: str, directory: Path, *options: str) -> None:
        [port] = free_ports(1)
        self.target = f"127.0.0.1:{port}"
        self._command = [binary, "serve", "--model", model_dir, "--listen", self.target, "--metrics-listen", "none"]
        self._command += ["--store-dir", str(directory / "store"), *options]
        self._log = directory / "log"
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
    """A server with TLS and one token. `client_ca` enables mutual TLS with certificates of this authority."""

    def __init__(self, binary: str, model_dir: str, directory: Path, client_ca: Path | None = None) -> None:
        self.ca, key, tokens = directory / "tls.crt", directory / "tls.key", directory / "tokens"
        self.token = "t" * 32
        Certificate("localhost").write(self.ca, key)
        tokens.write_text(self.token + "\n")
        os.chmod(tokens, 0o600)
        files = ["--tls-cert", str(self.ca), "--tls-key", str(key), "--auth-tokens", str(tokens)]
        files += ["--tls-client-ca", str(client_ca)] if client_ca else []
        super().__init__(binary, model_dir, directory, *files)


class Certificate:
    """A certificate for 127.0.0.1 with its key, signed by `authority` or self-signed."""

    def __init__(self, name: str, authority: "Certificate | None" = None, is_authority: bool = False) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = authority or self
        now = datetime.datetime.now(datetime.timezone.utc)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        self.certificate = (
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
        """Writes certificate and key as PEM."""
        cert_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        key_file.write_bytes(self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        os.chmod(key_file, 0o600)
