import json
from dataclasses import replace

import pytest

from fdm_platform.errors import ParameterError, SqlError
from fdm_platform.model.plan import LaunchProfile, Parameter, Setting
from fdm_platform.model.settings import SECRET_NAMES
from fdm_platform.planning.secrets import MASK, Secrets, masked, refuse_in_sql


def parameter(name: str, value: str | int | None) -> Parameter:
    return Parameter(name, value, "string", f"sys_params[DEV, ALL].{name}")


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("db_password", "x", True),
        ("DB_PASSWORD", "x", True),
        ("spark.hadoop.fs.s3a.secret.key", "x", True),
        ("spark.hadoop.fs.s3a.access.key", "x", True),
        ("refresh_token", "x", True),
        ("db_password", None, False),
        ("anything", "env:HOME", True),
        ("anything", "file:/run/secrets/x", True),
        ("anything", "file:relative", False),
        ("anything", "env:NOT A NAME", False),
        ("region", "token ring", False),
        ("tokens", 3, True),
        ("db", '{"host": "x", "logins": [{"password": "x"}]}', True),
        ("db", '{"host": "x", "logins": [{"password": null}]}', False),
        ("spark.eventLog.dir", "file:/var/log/spark", False),
        ("spark.hadoop.fs.s3a.secret.key", "file:/run/secrets/s3", True),
        ("spark.eventLog.dir", "env:EVENTS", True),
    ],
)
def test_a_secret_is_told_by_its_name_or_its_form(
    name: str, value: str | int | None, is_secret: bool
) -> None:
    assert Secrets(SECRET_NAMES).is_secret(name, value) is is_secret


def test_names_are_configurable() -> None:
    secrets = Secrets(["*.pin", "badge"])
    assert [n for n in ("a.pin", "pin", "BADGE", "x.badge", "password") if secrets.is_secret(n, "1")] == [
        "a.pin",
        "BADGE",
        "x.badge",
    ]


def test_what_is_concealed_is_kept_by_name_and_not_shown() -> None:
    secrets = Secrets(SECRET_NAMES)
    (password, user) = secrets.conceal_parameters(
        [parameter("db_password", "canary"), parameter("db_user", "etl")]
    )
    assert (password.value, password.is_secret) == ("secret:db_password", True)
    assert (user.value, user.is_secret) == ("etl", False)
    assert secrets.conceal_setting("spark.x.token", Setting("canary", "here")) == Setting(
        "secret:spark.x.token", "here"
    )
    assert secrets.found == {"db_password": "canary", "spark.x.token": "canary"}
    assert "canary" not in repr(secrets)


def test_an_option_of_a_secret_parameter_stands_for_the_same_secret() -> None:
    secrets = Secrets(SECRET_NAMES)
    secrets.conceal("db_password", "canary")
    assert secrets.conceal("sources.row1.password", "secret:db_password") == "secret:db_password"
    assert secrets.conceal("sources.row1.password", "secret:unknown") == "secret:sources.row1.password"


@pytest.mark.parametrize(
    "launch",
    [
        LaunchProfile(Setting("local", "default"), queue=Setting("env:QUEUE", "here")),
        LaunchProfile(
            Setting("local", "default"),
            conf={"spark.driver.extraJavaOptions": Setting("env:OPTIONS", "here")},
        ),
    ],
    ids=["key of spark_config", "Java's options"],
)
def test_a_secret_on_a_command_line_is_refused(launch: LaunchProfile) -> None:
    with pytest.raises(ParameterError, match="would stand on a command line") as caught:
        Secrets(SECRET_NAMES).conceal_launch(launch)
    assert caught.value.field == "here"


def test_a_launch_keeps_places_of_files_and_conceals_secrets() -> None:
    launch = LaunchProfile(
        Setting("local", "default"),
        archives=Setting("file:/env.tar.gz", "here"),
        conf={"spark.eventLog.dir": Setting("file:/events", "x"), "spark.a.token": Setting("canary", "y")},
    )
    secrets = Secrets(SECRET_NAMES)
    assert secrets.conceal_launch(launch) == replace(
        launch, conf={**launch.conf, "spark.a.token": Setting("secret:spark.a.token", "y")}
    )
    assert secrets.found == {"spark.a.token": "canary"}


def test_a_secret_in_sql_is_refused_with_its_place() -> None:
    secrets = Secrets(SECRET_NAMES)
    known = secrets.conceal_parameters([parameter("db_password", "x"), parameter("run_id", "1")])
    refuse_in_sql("SELECT '${run_id}'", known, "a.hql")
    with pytest.raises(SqlError, match=r"DB_PASSWORD is a secret \(sys_params") as caught:
        refuse_in_sql("SELECT 1,\n  '${DB_PASSWORD}'", known, "a.hql")
    assert (caught.value.file, caught.value.line) == ("a.hql", 2)


def test_rows_as_they_are_stored_are_masked_in_their_json_too() -> None:
    secrets = Secrets(SECRET_NAMES)
    row = {
        "job_id": "1",
        "context_params": '{"db": {"password": "canary", "port": 1}}',
        "comments": "{no json",
    }
    shown = masked(row, secrets)
    assert json.loads(shown["context_params"]) == {"db": {"password": MASK, "port": 1}}
    assert (shown["job_id"], shown["comments"]) == ("1", "{no json")
    in_list = masked({"context_params": '{"dbs": [{"password": "canary", "port": 1}]}'}, secrets)
    assert json.loads(in_list["context_params"]) == {"dbs": [{"password": MASK, "port": 1}]}
    plain = '{ "a" : 1 }'
    assert masked({"context_params": plain}, secrets)["context_params"] == plain
    assert masked({"param_key": "api_key", "param_value": "canary"}, secrets)["param_value"] == MASK
    assert masked({"param_key": "region", "param_value": "SG"}, secrets)["param_value"] == "SG"
