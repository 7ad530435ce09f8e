"""Mails by SMTP: one message to several people, over an encrypted line unless the environment says otherwise."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from tidemark.errors import ConfigError
from tidemark.shown import header, visible

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

_TIMEOUT_SECONDS = 20
_SUBJECT_LENGTH = 200


def send(environment: Environment, to: Sequence[str], subject: str, text: str) -> None:
    """Sends a mail by the environment's server; raises what the server, or the way there, has against it."""
    settings = environment.smtp
    if settings is None:
        raise ConfigError(
            "no mail server is named", next_step=f"add smtp: {{host: …, sender: …}} to env/{environment.name}.yaml"
        )
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.sender, ", ".join(to)
    mail["Subject"] = header(subject, _SUBJECT_LENGTH)
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=settings.sender.rpartition("@")[2])
    mail.set_content(visible(text))
    with _server(settings.host, settings.port, implicit_tls=settings.security == "tls") as server:
        if settings.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.secret is not None:
            from tidemark.aws.secrets import fetch

            login = fetch(settings.secret, environment.secrets, environment.aws)
            server.login(str(login["username"]), str(login["password"]))
        server.send_message(mail)


def _server(host: str, port: int, *, implicit_tls: bool) -> smtplib.SMTP:
    if implicit_tls:
        return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
