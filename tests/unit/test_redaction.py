"""Secrets stay out of log records, whatever handler takes them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

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
    assert redact("LOADER_ROLE on 12345678 abc") == "LOADER_ROLE on 12345678 abc"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("password=hunter22 host=x", f"password={MARK} host=x"),
        ("{'client_secret': 'abc', 'a': 1}", f"{{'client_secret': '{MARK}', 'a': 1}}"),
        ("aws_secret_access_key=AbC/123;next", f"aws_secret_access_key={MARK};next"),
        ("Authorization: Bearer abcdefgh12345", f"Authorization: Bearer {MARK}"),
        ("postgresql://loader:pw@host/db", f"postgresql://loader:{MARK}@host/db"),
        ("https://hooks.slack.com/services/T0/B0/xyz", f"https://hooks.slack.com/services/{MARK}"),
        ("the secret tidemark/snowflake was not found", "the secret tidemark/snowflake was not found"),
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
