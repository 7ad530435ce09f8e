from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from moto import mock_aws

from cli.main import main
from tests.support.lakes.config_folder import FILES, ConfigFolder
from tidemark.aws import clients
from tidemark.config.files.source import PREFIXES, digest, local_folder
from tidemark.config.project import load_project
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIXES, "s3://shelf s3a://attic/config/")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """A client whose account holds the bucket `shelf`."""
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    clients.client.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="shelf")
        yield client
    clients.client.cache_clear()


def test_a_local_folder_is_used_in_place(tmp_path: Path) -> None:
    assert local_folder(tmp_path) == tmp_path
    assert local_folder(str(tmp_path)) == tmp_path


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not exist\n.*--config"):
        local_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("uri", ["s3://shelf/team/config", "s3a://shelf/team/config/"])
def test_a_prefix_on_s3_is_mirrored(bucket: S3Client, tmp_path: Path, uri: str) -> None:
    for path, text in FILES.items():
        bucket.put_object(Bucket="shelf", Key=f"team/config/{path}", Body=text.encode())
    bucket.put_object(Bucket="shelf", Key="team/config/gold/", Body=b"")
    bucket.put_object(Bucket="shelf", Key="team/config-old/gold/x.sql", Body=b"old")
    project = load_project(uri, "local")
    assert project.order() == load_project(ConfigFolder(tmp_path / "config").root, "local").order()
    mirrored = {str(path.relative_to(project.config_dir)) for path in project.config_dir.rglob("*") if path.is_file()}
    assert mirrored == set(FILES)


@pytest.mark.slow
def test_many_files_are_all_mirrored(bucket: S3Client) -> None:
    for number in range(1005):
        bucket.put_object(Bucket="shelf", Key=f"many/silver/t{number}.sql", Body=b"SELECT 1")
    assert len(list(local_folder("s3://shelf/many").rglob("*.sql"))) == 1005


@pytest.mark.parametrize(
    ("uri", "message"),
    [("s3://shelf/empty", "holds no files"), ("s3://attic/config", "cannot be read: NoSuchBucket")],
)
def test_a_prefix_that_holds_nothing_is_refused(bucket: S3Client, uri: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        local_folder(uri)


def test_a_name_that_leads_out_of_the_folder_is_refused(bucket: S3Client) -> None:
    bucket.put_object(Bucket="shelf", Key="config/../../evil.yaml", Body=b"x")
    with pytest.raises(ConfigError, match="leaves the folder"):
        local_folder("s3://shelf/config")


def test_a_machine_without_credentials_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    clients.client.cache_clear()
    with pytest.raises(ConfigError, match=r"s3://shelf/config cannot be read: .*credentials"):
        local_folder("s3://shelf/config")
    clients.client.cache_clear()


def test_a_profile_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")
    clients.client.cache_clear()
    with pytest.raises(ConfigError, match=r"s3://shelf/config cannot be read: .*\(nope\)"):
        local_folder("s3://shelf/config")
    clients.client.cache_clear()


def _shelve(bucket: S3Client, **files: str) -> None:
    for name, text in files.items():
        bucket.put_object(Bucket="shelf", Key=f"config/{name}.yaml", Body=text.encode())


@pytest.mark.parametrize(
    ("named", "uri"),
    [
        ("s3://shelf/config", "s3://shelf/config"),
        ("s3://shelf/config", "s3a://shelf/config/"),
        ("s3a://shelf/config/", "s3://shelf/config"),
        ("s3://other/x s3://shelf", "s3://shelf/config"),
    ],
)
def test_a_prefix_that_is_named_is_taken(
    bucket: S3Client, monkeypatch: pytest.MonkeyPatch, named: str, uri: str
) -> None:
    _shelve(bucket, a="1")
    monkeypatch.setenv(PREFIXES, named)
    assert (local_folder(uri) / "a.yaml").read_text() == "1"


@pytest.mark.parametrize(
    ("named", "uri"),
    [
        ("", "s3://shelf/config"),
        ("s3://shelf/conf", "s3://shelf/config"),
        ("s3://shelf/config/prod", "s3://shelf/config"),
        ("s3://shelf-a", "s3://shelf/config"),
        ("s3://shelf", "s3://shelf-a/config"),
        ("s3://shelf/config", "s3://SHELF/config"),
        (f"s3://shelf/config#sha256={'0' * 64}", "s3://shelf/config/below"),
    ],
)
def test_a_prefix_that_is_not_named_is_not_even_asked_for(
    monkeypatch: pytest.MonkeyPatch, named: str, uri: str
) -> None:
    """There is no account here: whoever asked would fail in another way."""
    monkeypatch.setenv(PREFIXES, named)
    with pytest.raises(ConfigError, match="no configuration that this process may take; nothing was read of it"):
        local_folder(uri)


@pytest.mark.parametrize(
    "named", ["/etc", "https://shelf/config", "s3://", "s3://shelf#", "s3://shelf#sha256=12", "s3://shelf#v=1"]
)
def test_a_list_of_prefixes_that_cannot_be_read_lets_nothing_through(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv(PREFIXES, f"s3://shelf {named}")
    with pytest.raises(ConfigError, match=PREFIXES):
        local_folder("s3://shelf/config")


def test_a_prefix_can_be_held_to_its_content(bucket: S3Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _shelve(bucket, a="1", b="2")
    for name, text in {"a": "1", "b": "2"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.setenv(PREFIXES, f"s3://shelf/config#sha256={digest(tmp_path)}")
    assert local_folder("s3://shelf/config").is_dir()
    for changed in ({"a": "2", "b": "1"}, {"a": "1", "b": "2", "c": ""}, {"a": "12", "b": ""}):
        _shelve(bucket, **changed)
        with pytest.raises(ConfigError, match=r"is not what TIDEMARK_CONFIG_PREFIXES says it is"):
            local_folder("s3://shelf/config")
        bucket.delete_object(Bucket="shelf", Key="config/c.yaml")
    _shelve(bucket, a="1", b="2")
    assert local_folder("s3://shelf/config").is_dir()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key, as openssl makes it."""
    path = tmp_path / "key.pem"
    made = Ed25519PrivateKey.generate()
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def _signed(key: Path, folder: Path, capsys: pytest.CaptureFixture[str], **files: str) -> dict[str, str]:
    """The files with their signature, by their names; the public half of the key under `public`."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    assert main(["config", "sign", "--key", str(key), "--config", str(folder)]) == 0
    return {"public": capsys.readouterr().out.strip(), "signature": (folder / "config.sig").read_text()}


def _sync(bucket: S3Client, signature: str, **files: str) -> None:
    _shelve(bucket, **files)
    bucket.put_object(Bucket="shelf", Key="config/config.sig", Body=signature.encode())


def test_a_prefix_can_be_held_to_who_signs_it(
    bucket: S3Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _signed(key, tmp_path / "1", capsys, a="1", b="2")
    second = _signed(key, tmp_path / "2", capsys, a="1", b="3")
    assert first["public"] == second["public"]
    monkeypatch.setenv(PREFIXES, f"s3://shelf/config#{first['public']}")
    _sync(bucket, first["signature"], a="1", b="2")
    assert (local_folder("s3://shelf/config") / "b.yaml").read_text() == "2"
    _sync(bucket, second["signature"], b="3")
    assert (local_folder("s3://shelf/config") / "b.yaml").read_text() == "3"


@pytest.mark.parametrize("change", ["file", "another", "signature", "none", "key", "nonsense"])
def test_what_nobody_has_signed_is_refused(
    bucket: S3Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    key: Path,
    capsys: pytest.CaptureFixture[str],
    change: str,
) -> None:
    made = _signed(key, tmp_path / "1", capsys, a="1")
    other = _signed(key, tmp_path / "2", capsys, a="2")["signature"]
    public = f"ed25519={'0' * 64}" if change == "key" else made["public"]
    monkeypatch.setenv(PREFIXES, f"s3://shelf/config#{public}")
    signature = {"signature": other, "nonsense": "none"}.get(change, made["signature"])
    _sync(bucket, signature, a="2" if change == "file" else "1")
    if change == "another":
        _shelve(bucket, b="")
    if change == "none":
        bucket.delete_object(Bucket="shelf", Key="config/config.sig")
    with pytest.raises(ConfigError, match="is not signed as TIDEMARK_CONFIG_PREFIXES says"):
        local_folder("s3://shelf/config")


def test_what_is_no_key_signs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----")
    arguments = ["config", "sign", "--config", str(tmp_path / "config"), "--key"]
    assert main([*arguments, str(tmp_path / "key.pem")]) == 2
    assert "no private key of Ed25519" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "none.pem")]) == 2
    assert main(["config", "sign", "--key", str(tmp_path / "key.pem"), "--config", "s3://shelf/config"]) == 2
    assert not (tmp_path / "config" / "config.sig").exists()
