from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.config.environment import Environment, load_environment, read_env_file
from tidemark.errors import ConfigError

MINIMAL = "name: test\nhome: ${TEST_HOME:-somewhere}\nexchange: s3a://exchange/runs/\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder with nothing but `env/`, as the working directory."""
    (tmp_path / "env").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEST_HOME", raising=False)
    return tmp_path


def load(folder: Path, text: str) -> Environment:
    (folder / "env" / "test.yaml").write_text(text, encoding="utf-8")
    return load_environment(folder, "test")


def test_what_is_not_named_lies_under_home(folder: Path) -> None:
    environment = load(folder, MINIMAL)
    home = f"{folder}/somewhere"
    assert environment.home == home
    assert environment.roots.model_dump() == {
        "lake": f"{home}/lake",
        "errors": f"{home}/lake/_errors",
        "staging": f"{home}/lake/_staging",
        "dq_results": f"{home}/dq_results",
        "runs": f"{home}/runs",
        "logs": f"{home}/logs",
        "snapshots": f"{home}/snapshots",
        "lineage": f"{home}/lineage",
    }
    assert (environment.state.kind, environment.state.location) == ("sqlite", f"{home}/state/state.db")
    assert environment.exchange == "s3a://exchange/runs"
    assert (environment.secrets, environment.aws, environment.prefect) == (("aws",), None, None)
    assert (environment.compute.master, environment.compute.concurrency) == ("local[*]", 2)


def test_roots_elsewhere_are_kept_and_the_lake_moves_what_lies_beside_it(folder: Path) -> None:
    text = "roots: {lake: s3a://lake/x/, errors: s3a://errors}\nstate: {kind: dynamodb, location: control}\n"
    environment = load(folder, MINIMAL + text)
    assert environment.roots.lake == "s3a://lake/x"
    assert environment.roots.errors == "s3a://errors"
    assert environment.roots.staging == "s3a://lake/x/_staging"
    assert environment.roots.runs == f"{folder}/somewhere/runs"
    assert environment.state.location == "control"


def test_everything_an_environment_can_say_is_read(folder: Path) -> None:
    environment = load(
        folder,
        MINIMAL
        + """\
aws: {region: eu-central-1, endpoint_url: "http://127.0.0.1:1", profile: p, credentials_file: keys}
secrets: env
prefect: {api_url: "http://127.0.0.1:2/api"}
compute: {master: null, concurrency: 8, conf: {spark.a: true, spark.b: 3, spark.c: x}}
alerts: [{channel: sns, target: "arn:x", on: [error]}, {channel: log}]
connections:
  store: {kind: snowflake, block: b, secret: s, settings: {port: 1, deep: {x: [1]}}}
targets:
  store: {connection: store, schema: GOLD}
""",
    )
    assert environment.aws is not None
    assert environment.aws.credentials_file == f"{folder}/keys"
    assert environment.compute.master is None
    assert environment.compute.conf == {"spark.a": "true", "spark.b": "3", "spark.c": "x"}
    assert [(alert.channel, alert.on) for alert in environment.alerts] == [
        ("sns", ("error",)),
        ("log", ("warning", "error")),
    ]
    assert environment.connections["store"].settings == {"port": 1, "deep": {"x": [1]}}
    assert environment.targets["store"].schema_name == "GOLD"


def test_variables_come_from_the_process_then_from_the_env_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ports.env").write_text("# ports\n\nTEST_A=1\nTEST_B = 2 \nTEST_C='3'\n")
    monkeypatch.setenv("TEST_A", "from process")
    text = "env_file: ${TEST_PLACE:-.}/ports.env\nsecrets: env\nconnections:\n  x: {kind: rest, settings: {%s}}\n"
    settings = "a: ${TEST_A}, b: ${TEST_B:-9}, c: '${TEST_C}', d: ${TEST_D:-4}"
    environment = load(folder, MINIMAL + text % settings)
    assert environment.connections["x"].settings == {"a": "from process", "b": 2, "c": "3", "d": 4}


def test_an_env_file_may_be_absent(folder: Path) -> None:
    assert load(folder, MINIMAL + "env_file: nowhere.env\n").env_file == "nowhere.env"


def test_an_env_file_of_other_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text("A=1\nexport B=2\n")
    with pytest.raises(ConfigError) as caught:
        read_env_file(path)
    assert [(each.line, each.message) for each in caught.value.findings] == [(2, "is not KEY=VALUE")]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            MINIMAL + "connections:\n  x: {kind: rest, settings: {a: ${UNSET_FOR_SURE}}}\n",
            5,
            "variable UNSET_FOR_SURE is not set",
        ),
        (MINIMAL.replace("name: test", "name: other"), 1, "name is `other`, the file is that of `test`"),
        (MINIMAL.replace("exchange: s3a://exchange/runs/\n", ""), 1, "`exchange` is missing"),
        (MINIMAL + "roots: {lakes: x}\n", 4, "unknown key `lakes`"),
        (MINIMAL + "secrets: vault\n", 4, "secrets are looked for in some of aws, ssm, env"),
        (MINIMAL + "secrets: [env, aws]\n", 4, "each once and in this order"),
        (
            MINIMAL + "compute: {concurrency: 0}\n",
            4,
            "`compute.concurrency`: Input should be greater than or equal to 1",
        ),
        (
            MINIMAL + "targets:\n  x: {connection: y, schema: G}\n",
            1,
            "target x uses connection `y`, which is not there",
        ),
        (MINIMAL + "connections:\n  Vendor files: {kind: files}\n", 1, "needs a name of small letters"),
        (MINIMAL + "connections:\n  a_b: {kind: files}\n  a-b: {kind: files}\n", 1, "would be one block in Prefect"),
    ],
)
def test_what_does_not_fit_is_a_finding_on_its_line(folder: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError, match="environment test is not valid") as caught:
        load(folder, text)
    (finding,) = caught.value.findings
    assert finding.line == line
    assert message in finding.message


def test_an_environment_that_does_not_exist_is_refused_with_a_close_one(folder: Path) -> None:
    load(folder, MINIMAL)
    with pytest.raises(ConfigError, match="did you mean `test`"):
        load_environment(folder, "tset")
    with pytest.raises(ConfigError, match="not a configuration folder"):
        load_environment(folder / "env", "test")


def test_nobody_turns_wrapped_sums_and_silent_nulls_on(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(folder, MINIMAL + "compute:\n  conf:\n    spark.sql.ansi.enabled: false\n")
    assert "`compute.conf`: spark.sql.ansi.enabled stays true" in str(raised.value)
    assert load(folder, MINIMAL + "compute: {conf: {spark.sql.ansi.enabled: true}}\n").compute.conf


def test_an_outage_is_waited_out_for_minutes_unless_the_environment_or_a_connection_says_else(folder: Path) -> None:
    text = (
        f"{MINIMAL}retry: {{for: 12m}}\nconnections:\n  files: {{kind: files}}\n"
        "  crm: {kind: rest, retry: {for: 30s, longest_wait: 5s}}\n"
    )
    environment = load(folder, text)
    assert load(folder, MINIMAL).patience("crm").lasting == 300
    assert [environment.patience(name).lasting for name in ("files", "crm", "unknown")] == [720, 30, 720]
    assert environment.patience("crm").longest_wait == 5
    with pytest.raises(ConfigError, match="retry"):
        load(folder, f"{MINIMAL}retry: {{lasting: soon}}\n")


def test_connections_may_share_a_block_of_their_own_and_be_called_so(folder: Path) -> None:
    text = MINIMAL + "connections:\n  vendor_files: {kind: files}\n  My Files: {kind: files, block: mine}\n"
    assert set(load(folder, text).connections) == {"vendor_files", "My Files"}
