"""Who signs: the user's own certificate, or a development one made here and called so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateBuilder, KeyUsage, Name

DEVELOPMENT_ORGANISATION = "personalab_core development certificate"
"""Organisation in the certificates made here; readers of the mark recognise them by it."""

CERTIFICATE_FILE = "development_certificate.pem"
KEY_FILE = "development_key.pem"

_VALID_DAYS = 3650


@dataclass(frozen=True, slots=True)
class SigningCredentials:
    """A certificate chain and its key, as C2PA wants them.

    Attributes:
        certificate_pem: PEM, leaf first, then whoever signed it.
        key_pem: PKCS8 PEM; never shown.
        algorithm: C2PA's name: ``es256``, ``es384``, ``ps256``, ``ed25519``.
        development: Whether it was made here and is on nobody's trust list.
    """

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    algorithm: str = "es256"
    development: bool = False


def own_credentials(certificate: Path, private_key: Path, algorithm: str) -> SigningCredentials:
    """Return the user's own certificate.

    Raises:
        ConfigError: A file cannot be read or is not PEM.
    """
    return SigningCredentials(
        _pem(certificate, "CERTIFICATE", "publishing.certificate"),
        _pem(private_key, "PRIVATE KEY", "publishing.private_key"),
        algorithm,
    )


def development_credentials(folder: Path, *, now: Callable[[], datetime] | None = None) -> SigningCredentials:
    """Return the workspace's development certificate; it is made at the first call and kept.

    Args:
        folder: Where the two PEM files are; the key is readable by its owner only.
        now: Current time with zone.

    Raises:
        MissingDependencyError: The package ``cryptography`` is not installed.
        WorkspaceError: The folder cannot be written.
    """
    certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
    if not (certificate.is_file() and key.is_file()):
        chain, secret = _make((now or _utc_now)())
        write_atomic(key, secret)
        with workspace_errors("protect", key):
            key.chmod(0o600)
        write_atomic(certificate, chain)
    with workspace_errors("read", folder):
        return SigningCredentials(certificate.read_bytes(), key.read_bytes(), development=True)


def _pem(path: Path, what: str, key: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read: {(error.strerror or 'unknown reason').lower()}.") from None
    if f"{what}-----".encode() not in data:
        raise ConfigError(f"{key}: {path} is not a PEM file with a '{what}' block.")
    return data


def _make(now: datetime) -> tuple[bytes, bytes]:
    """Return chain and key: an EC P-256 root and a leaf that may sign, as the C2PA library accepts them."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    except ImportError:
        raise MissingDependencyError(
            "A signed C2PA manifest needs a package that is not installed: pip install c2pa-python cryptography"
        ) from None
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, leaf_name = _name("development root"), _name("development signer")
    root = _signed(_builder(root_name, root_name, root_key, now), root_key, root_key, authority=True)
    leaf = _signed(_builder(leaf_name, root_name, leaf_key, now), leaf_key, root_key, authority=False)
    chain = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in (leaf, root))
    return chain, leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _builder(subject: Name, issuer: Name, key: Any, now: datetime) -> CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A clock that is a little slow must not find its own certificate invalid.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
    )


def _signed(builder: CertificateBuilder, key: Any, signer: Any, *, authority: bool) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID

    builder = (
        builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(signer, SHA256())


def _usage(*, authority: bool) -> KeyUsage:
    from cryptography.x509 import KeyUsage

    return KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> Name:
    from cryptography.x509 import Name, NameAttribute
    from cryptography.x509.oid import NameOID

    return Name(
        [
            NameAttribute(NameOID.COUNTRY_NAME, "ZZ"),
            NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT_ORGANISATION),
            NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
