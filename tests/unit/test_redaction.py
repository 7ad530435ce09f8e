"""Secrets stay out of log records, whatever handler takes them."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tidemark import redaction
from tidemark.redaction import MARK, protect, redact

CANARY = "sup3r-c4nary-pw"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What a handler without any filter of ours writes."""
    factory = logging.getLogRecordFactory()
    redaction.install()
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = logging.getLogger("somebody.else")
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)
    logging.setLogRecordFactory(factory)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=6, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_a_protected_value_never_stays(value: str, before: str, after: str) -> None:
    assume(value not in MARK)
    protect({"password": value})
    assert value not in redact(before + value + after) or value in before + MARK + after


def test_public_fields_and_short_values_stay_readable() -> None:
    protect({"user": "LOADER_ROLE", "port": 12345678, "password": "abc"})
    protect({"engine": "redshift", "dbClusterIdentifier": "shop-cluster"})
    text = "LOADER_ROLE on 12345678 abc of redshift shop-cluster"
    assert redact(text) == text


SECRETS = ("p@ss/w+rd=1", 'quo"te\\and\nline', "blank & percent % <tag>", "ünïcode-Ω-geheim", "plain0secret")


def _ways(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield secret
    yield json.dumps({"a": secret})
    yield json.dumps({"a": secret}, ensure_ascii=False)
    yield json.dumps({"a": json.dumps({"b": [secret]})})
    yield repr({"a": secret})
    yield repr(raw)
    yield f"/x?q={quote(secret)}&r={quote(secret, safe='')}&s={quote_plus(secret)}"
    yield quote(f"/x?q={quote(secret, safe='')}", safe="")
    yield quote(secret, safe="").lower() if secret.islower() else secret
    yield raw.hex()
    yield raw.hex().upper()
    yield html.escape(secret)
    for before in ("", "u", "us", "user:", "longer-user:"):
        for after in ("", ":x", "yz"):
            whole = f"{before}{secret}{after}".encode()
            yield base64.b64encode(whole).decode()
            yield base64.urlsafe_b64encode(whole).decode().rstrip("=")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_known_value_is_found_in_its_disguises(secret: str) -> None:
    protect({"password": secret})
    for text in _ways(secret):
        told = redact(f"it said {text} there")
        assert MARK in told, text
        assert not any(way in told for way in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""))), text
        assert told.startswith("it said ")
        assert told.endswith(" there")


def test_lines_of_a_key_are_found_and_its_frame_is_not() -> None:
    lines = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "Qx1mSo4kYrU9zA=="]
    protect({"private_key": "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])})
    for line in lines:
        assert line not in redact(f"at {line} of")
        assert redact(line.encode().hex()) == MARK
    assert redact("-----BEGIN CERTIFICATE-----") == "-----BEGIN CERTIFICATE-----"


def test_values_inside_of_values_are_known() -> None:
    protect({"login": {"user": "LOADER_ROLE", "keys": ["first-c4nary", {"deep": "second-c4nary"}]}})
    protect({"document": json.dumps({"private": "third-c4nary", "n": 12345678}), "raw": b"fourth-c4nary"})
    told = redact("LOADER_ROLE first-c4nary second-c4nary third-c4nary fourth-c4nary")
    assert told == f"LOADER_ROLE {MARK} {MARK} {MARK} {MARK}"


def test_redacting_is_quick() -> None:
    for number in range(30):
        protect({"password": f"secret-number-{number}-of-many"})
    began = time.process_time()
    for _ in range(100):
        redact("bronze.orders committed · 4 790 in, 4 551 changed · checks 7/7 · 2.4 s")
    assert (time.process_time() - began) / 100 < 0.002


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("password=hunter22 host=x", f"password={MARK} host=x"),
        ("{'client_secret': 'abc', 'a': 1}", f"{{'client_secret': '{MARK}', 'a': 1}}"),
        ("aws_secret_access_key=AbC/123;next", f"aws_secret_access_key={MARK};next"),
        ("Authorization: Bearer abcdefgh12345", f"Authorization: Bearer {MARK}"),
        ("postgresql://loader:pw@host/db", f"postgresql://loader:{MARK}@host/db"),
        ("https://hooks.slack.com/services/T0/B0/xyz", f"https://hooks.slack.com/services/{MARK}"),
        ("https://hooks.slack.com/workflows/T0/A0/1/xyz then", f"https://hooks.slack.com/workflows/{MARK} then"),
        ("redis://:pw@host/0 and amqp://u:p@ss@host/v", f"redis://:{MARK}@host/0 and amqp://u:{MARK}@host/v"),
        ("next=https%3A%2F%2Fu%3Apw%40host", f"next=https%3A%2F%2Fu%3A{MARK}%40host"),
        ('{"password": "my long secret, with blanks"}', f'{{"password": "{MARK}"}}'),
        (r"{\"api_key\": \"a b\", \"n\": 1}", rf"{{\"api_key\": \"{MARK}\", \"n\": 1}}"),
        ("passphrase: 'it''s'", f"passphrase: '{MARK}''s'"),
        ("PWD=ab,cd;USER=x", f"PWD={MARK};USER=x"),
        ("GET /f?token=abc&page=2", f"GET /f?token={MARK}&page=2"),
        ("/cb#access_token=abc&refresh_token=def", f"/cb#access_token={MARK}&refresh_token={MARK}"),
        (
            "s3?X-Amz-Credential=AK%2F1&X-Amz-Signature=0a1b&X-Amz-Security-Token=Fwo%2B&x-id=GetObject",
            f"s3?X-Amz-Credential={MARK}&X-Amz-Signature={MARK}&X-Amz-Security-Token={MARK}&x-id=GetObject",
        ),
        ("u=https%3A%2F%2Fb%3FX-Amz-Signature%3D0a1b%26x%3D1", f"u=https%3A%2F%2Fb%3FX-Amz-Signature%3D{MARK}%26x%3D1"),
        ("https://blob/c?sv=1&sig=ab%2Bc&se=2", f"https://blob/c?sv=1&sig={MARK}&se=2"),
        ("{'x-api-key': 'k123'}", f"{{'x-api-key': '{MARK}'}}"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", f"Authorization: Basic {MARK}"),
        ("'authorization': 'token abc'", f"'authorization': 'token {MARK}'"),
        (
            "authorization: AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=0a1b",
            f"authorization: AWS4-HMAC-SHA256 {MARK}",
        ),
        ("it was eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_D here", f"it was {MARK} here"),
        ("key AKIAIOSFODNN7EXAMPLE and ASIAIOSFODNN7EXAMPLE", f"key {MARK} and {MARK}"),
        ("xoxb-123456789012-abcdef ghp_0123456789abcdefghijABCDEFGHIJ", f"{MARK} {MARK}"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
            f"-----BEGIN RSA PRIVATE KEY-----{MARK}-----END RSA PRIVATE KEY-----",
        ),
        ("-----BEGIN PRIVATE KEY-----MIIE cut off", f"-----BEGIN PRIVATE KEY-----{MARK}"),
        ("Set-Cookie: session=abc", f"Set-Cookie: {MARK}"),
        ("the secret tidemark/snowflake was not found", "the secret tidemark/snowflake was not found"),
        ("keys: customer_id, sort_key=order_date", "keys: customer_id, sort_key=order_date"),
        ("https://host:8080/path?page=2#a@b", "https://host:8080/path?page=2#a@b"),
        ("duplicate key: order_id in a table of tokens", "duplicate key: order_id in a table of tokens"),
        ("basic checks passed; significant: 3", "basic checks passed; significant: 3"),
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text: str, clean: str) -> None:
    assert redact(text) == clean


def test_records_of_any_logger_are_clean(stream: io.StringIO) -> None:
    protect({"password": CANARY})
    logging.getLogger("somebody.else").warning("login with %s failed", CANARY)
    assert stream.getvalue() == f"login with {MARK} failed\n"


def test_tracebacks_are_clean(stream: io.StringIO) -> None:
    protect({"password": CANARY})
    try:
        int(CANARY)
    except ValueError:
        logging.getLogger("somebody.else").exception("it failed")
    assert "ValueError: invalid literal" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_a_message_whose_arguments_do_not_fit_is_left_to_logging(stream: io.StringIO) -> None:
    record = logging.makeLogRecord({"msg": "%d rows", "args": ("many",)})
    assert record.msg == "%d rows"
    made = logging.getLogRecordFactory()("n", logging.INFO, "f", 1, "%d rows", ("many",), None)
    assert made.args == ("many",)


def test_installing_twice_wraps_once(stream: io.StringIO) -> None:
    factory = logging.getLogRecordFactory()
    redaction.install()
    assert logging.getLogRecordFactory() is factory
