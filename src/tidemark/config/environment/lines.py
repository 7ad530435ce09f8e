"""Lines that are open: what would carry credentials, or rows, past everybody on the way. None leads off this machine.

Stand-ins on this machine speak HTTP; whatever is elsewhere is reached by TLS, and its certificate is looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tidemark.aws.settings import AwsSettings
    from tidemark.config.environment.settings import PrefectSettings
    from tidemark.config.environment.systems import AlertSpec, ConnectionSpec
    from tidemark.config.environment.telling import LineageSettings

_UNCHECKED: Mapping[str, tuple[object, ...]] = {
    "insecure_mode": (True,),
    "disable_ocsp_checks": (True,),
    "verify": (False,),
    "verify_ssl": (False,),
    "ssl_verify": (False,),
    "tls_verify": (False,),
    "sslmode": ("disable", "allow", "prefer", "require"),
    "ssl.endpoint.identification.algorithm": ("",),
    "enable.ssl.certificate.verification": (False, "false"),
}
"""Settings of clients by which a certificate is not looked at, with the values that say so."""


def open_connections(connections: Mapping[str, ConnectionSpec]) -> Iterator[str]:
    """Which connections would go over an open line, or past a certificate: a sentence each."""
    for name, spec in connections.items():
        told = _open_connection(spec.kind, spec.settings)
        if told:
            yield f"connection {name} {told}"
        yield from (f"connection {name} has `{key}`: certificates are checked" for key in _unchecked(spec.settings))


def open_addresses(
    aws: AwsSettings | None, lineage: LineageSettings, prefect: PrefectSettings | None, alerts: Sequence[AlertSpec]
) -> Iterator[str]:
    """Which addresses of an environment's file are open, a sentence each. Events of lineage are no secret."""
    addresses = {
        "aws.endpoint_url": aws.endpoint_url if aws else None,
        "lineage.url": lineage.url if lineage.secret else None,
        "prefect.api_url": prefect.api_url if prefect else None,
    }
    targets = {f"alerts[{number}].target": each.target for number, each in enumerate(alerts, start=1)}
    for where, url in (addresses | targets).items():
        if is_open(url):
            yield f"{where} is {url}"


def is_open(url: object) -> bool:
    """Whether an address leads off this machine by HTTP without TLS."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url.strip())
        return parts.scheme.lower() == "http" and not is_here(parts.hostname)
    except ValueError:
        return True


def is_here(host: object) -> bool:
    """Whether a name or address is this machine's own."""
    name = str(host or "").strip().strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _open_connection(kind: str, settings: Mapping[str, Any]) -> str | None:
    match kind:
        case "rest" if is_open(settings.get("base_url")):
            return f"has the base_url {settings['base_url']}"
        case "snowflake" if str(settings.get("protocol") or "https").lower() != "https" and not _settings_here(
            settings
        ):
            return f"has the protocol {settings['protocol']}"
        case "redshift" if not settings.get("ssl", True) and not _settings_here(settings):
            return "has ssl turned off"
        case "kafka" if _is_plain(settings.get("security_protocol")) and not _brokers_here(settings):
            return f"has the security_protocol {settings['security_protocol']}"
        case _:
            return None


def _settings_here(settings: Mapping[str, Any]) -> bool:
    return is_here(settings.get("host"))


def _is_plain(protocol: object) -> bool:
    return "PLAINTEXT" in str(protocol or "").upper()


def _brokers_here(settings: Mapping[str, Any]) -> bool:
    brokers = str(settings.get("bootstrap_servers") or "").split(",")
    return all(is_here(broker.strip().rpartition(":")[0]) for broker in brokers)


def _unchecked(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        if value in _UNCHECKED.get(key.lower(), ()):
            yield f"{key}: {str(value).lower() if isinstance(value, bool) else value}"
