from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fdm_platform.errors import DeclarationError, UnknownTableError
from fdm_platform.model.codec import from_plain, to_plain
from fdm_platform.model.parity import ParitySpec
from fdm_platform.model.table import CheckSpec, ColumnSpec, SourceSpec, TableSpec
from fdm_platform.planning.catalog import load_catalog, read_table

MINIMAL = """\
entity: GELS
source_system: FPMS
table: t_contract_master
sources:
  row1: {path: "customer_contract_{biz_dt:%Y%m%d}.csv"}
  row2: {path: "customer_contract_fallback_lkp.csv"}
steps: [tMap_1_out1.hql]
partition_by: [biz_dt, biz_status]
"""
SQL = "SELECT * FROM row1\n"


def declare(root: Path, text: str = MINIMAL, folder: str = "gels/fpms/t_contract_master") -> Path:
    place = root / folder
    place.mkdir(parents=True)
    (place / "tMap_1_out1.hql").write_text(SQL)
    file = place / "table.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def named(table: str, *parents: str, entity: str = "GELS", source_system: str = "FPMS") -> str:
    sources = {f"p{i}": {"table": p} for i, p in enumerate(parents)} or {"row1": {"path": "a.csv"}}
    return yaml.safe_dump(
        {
            "entity": entity,
            "source_system": source_system,
            "table": table,
            "sources": sources,
            "steps": ["tMap_1_out1.hql"],
        }
    )


def errors_of(root: Path) -> list[DeclarationError]:
    return list(load_catalog(root).errors)


def test_the_minimal_declaration_gets_every_default(tmp_path: Path) -> None:
    file = declare(tmp_path)
    spec = read_table(file)
    assert spec.name == "gels_fpms_t_contract_master"
    assert spec.sources == (
        SourceSpec("row1", "csv", "customer_contract_{biz_dt:%Y%m%d}.csv"),
        SourceSpec("row2", "csv", "customer_contract_fallback_lkp.csv"),
    )
    assert [(s.view, s.sql) for s in spec.steps] == [("tMap_1_out1", SQL)]
    assert spec.steps[0].file == str(file.parent / "tMap_1_out1.hql")
    assert spec.partition_by == ("biz_dt", "biz_status")
    assert spec.job_name == "etl_lnd_gels_fpms_t_contract_master"
    bare = TableSpec("GELS", "FPMS", "t_contract_master", str(file), spec.sources, spec.steps)
    same = {"partition_by", "job_name", "code_version"}
    assert {f.name: getattr(spec, f.name) for f in fields(spec) if f.name not in same} == {
        f.name: getattr(bare, f.name) for f in fields(bare) if f.name not in same
    }


def test_every_key_reaches_the_spec(tmp_path: Path) -> None:
    file = declare(
        tmp_path,
        """\
entity: GELS
source_system: FPMS
table: t_full
sources:
  a:
    path: in/a.dat
    format: csv
    options: {sep: ";", header: true, maxColumns: 20}
    columns: {id: string, no: int}
    allow_empty: true
    match: position
  b: {format: jdbc, options: {url: "jdbc:x", dbtable: t}}
  c: {path: "c.json.gz"}
transform: package.module:load
columns:
  - {name: id, type: string, nullable: false, key: true, sensitivity: restricted, description: The id.}
  - {name: biz_dt, type: date}
business_keys: [id]
compare_cols: [ID]
checks:
  - {name: ids, severity: warn, not_null: [id], description: All have one.}
  - {name: positive, expect: "id > 0"}
  - {name: some, min_rows: 1}
  - {name: few, max_rows: 9}
compression: zstd
target_file_mb: 64
keep_versions: 3
allow_empty: true
max_rejected: 1%
on_conflict: refuse
timeout_s: 90
folder_date_format: yyyy-MM-dd
retries: 2
dates_per_run: 10
launch:
  driver_memory: 4g
  py_files: [x.zip]
  additional_conf: {spark.sql.ansi.enabled: false, spark.sql.shuffle.partitions: 8}
job_name: etl_old
parity:
  keys: [id]
  tolerance: {biz_dt: 0.01, ID: "2"}
  ignore: [biz_dt, only_in_the_old_output]
  against: "/old/{biz_dt:%Y%m%d}.csv"
  format: csv
  options: {sep: ";", header: true}
  renamed: {OLD_ID: id}
owner: someone@bank.com
description: Everything.
tags: {domain: x, level: 3}
""",
    )
    spec = read_table(file)
    assert spec.sources[0].options == {"sep": ";", "header": "true", "maxColumns": "20"}
    assert spec.sources[0].columns == (ColumnSpec("id", "string"), ColumnSpec("no", "int"))
    assert [(s.format, s.allow_empty, s.match) for s in spec.sources] == [
        ("csv", True, "position"),
        ("jdbc", False, "name"),
        ("json", False, "name"),
    ]
    assert spec.parity == ParitySpec(
        keys=("id",),
        tolerance={"biz_dt": Decimal("0.01"), "ID": Decimal(2)},
        ignore=("biz_dt", "only_in_the_old_output"),
        against="/old/{biz_dt:%Y%m%d}.csv",
        format="csv",
        options={"sep": ";", "header": "true"},
        renamed={"OLD_ID": "id"},
    )
    assert from_plain(ParitySpec, json.loads(json.dumps(to_plain(spec.parity)))) == spec.parity
    assert spec.columns[0] == ColumnSpec("id", "string", False, True, "restricted", "The id.")
    assert spec.checks == (
        CheckSpec("ids", "warn", not_null=("id",), description="All have one."),
        CheckSpec("positive", expect="id > 0"),
        CheckSpec("some", min_rows=1),
        CheckSpec("few", max_rows=9),
    )
    assert spec.launch == {
        "driver_memory": "4g",
        "py_files": ["x.zip"],
        "additional_conf": {"spark.sql.ansi.enabled": "false", "spark.sql.shuffle.partitions": "8"},
    }
    plain = to_plain(spec)
    others = {"file", "sources", "columns", "checks", "launch", "code_version", "parity"}
    read = {k: plain[k] for k in plain if k not in others}
    assert read == {
        "entity": "GELS",
        "source_system": "FPMS",
        "table": "t_full",
        "steps": [],
        "transform": "package.module:load",
        "partition_by": ["biz_dt"],
        "business_keys": ["id"],
        "compare_cols": ["ID"],
        "compression": "zstd",
        "target_file_mb": 64,
        "keep_versions": 3,
        "allow_empty": True,
        "max_rejected": "1%",
        "on_conflict": "refuse",
        "timeout_s": 90.0,
        "folder_date_format": "yyyy-MM-dd",
        "retries": {"limit": 2, "delay_s": None, "longest_s": None},
        "dates_per_run": 10,
        "job_name": "etl_old",
        "legacy": None,
        "owner": "someone@bank.com",
        "description": "Everything.",
        "tags": {"domain": "x", "level": "3"},
    }


def replaced(old: str, new: str) -> str:
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


WRONG: dict[str, tuple[str, int | None, str | None, str, str]] = {
    "broken YAML": (
        replaced("[tMap_1_out1.hql]", "[tMap_1_out1.hql"),
        8, None, "not YAML: ", "close every bracket",
    ),
    "a tab": (replaced("  row1", "\trow1"), 5, None, "cannot start any token", "indent by spaces"),
    "empty": ("", 1, None, "is empty", "begin with entity"),
    "a list": ("- a\n", 1, None, "holds no keys", "begin with entity"),
    "a key twice": (
        MINIMAL + "table: t_other\n",
        9, "table", "'table' is declared twice, first on line 3", "remove or rename",
    ),
    "a view twice": (
        replaced("row2", "row1"),
        6, "sources.row1", "'row1' is declared twice, first on line 5", "remove or rename",
    ),
    "a view in two letter cases": (
        replaced("row2", "ROW1"),
        6, "sources.ROW1", "two views are called 'ROW1', see sources.row1 on line 5", "rename",
    ),
    "a step's view hides a source": (
        replaced("row2", "tmap_1_OUT1"),
        7, "steps[0]", "two views are called 'tMap_1_out1', see sources.tmap_1_OUT1 on line 6", "rename",
    ),
    "unknown key": (
        replaced("partition_by", "partitoin_by"),
        8, "partitoin_by", "unknown key 'partitoin_by'", "did you mean partition_by?",
    ),
    "unknown key of a source": (
        replaced('fallback_lkp.csv"', 'fallback_lkp.csv", formt: csv'),
        6, "sources.row2.formt", "unknown key 'formt'", "did you mean format? known: allow_empty, biz_dt, columns,",
    ),
    "misspelt dates of a parent": (
        replaced('path: "customer_contract_fallback_lkp.csv"', "table: t_up, biz_dt: previuos"),
        6, "sources.row2.biz_dt", "'previuos' says no dates of t_up", "did you mean previous? write one of same,",
    ),
    "a window without dates": (
        replaced('path: "customer_contract_fallback_lkp.csv"', "table: t_up, biz_dt: {window: 0}"),
        6, "sources.row2.biz_dt", "{'window': 0} is no window", "write {window: 5} for the newest five",
    ),
    "a window beyond a cell of the ledger": (
        replaced('path: "customer_contract_fallback_lkp.csv"', "table: t_up, biz_dt: {window: 1001}"),
        6, "sources.row2.biz_dt", "{'window': 1001} is no window", "at most 1000",
    ),
    "a window of truth": (
        replaced('path: "customer_contract_fallback_lkp.csv"', "table: t_up, biz_dt: {window: yes}"),
        6, "sources.row2.biz_dt", "{'window': True} is no window", "write {window: 5} for the newest five",
    ),
    "a misspelt window": (
        replaced('path: "customer_contract_fallback_lkp.csv"', "table: t_up, biz_dt: {windw: 5}"),
        6, "sources.row2.biz_dt", "{'windw': 5} says no dates of t_up", "or {window: 5} for the newest five",
    ),
    "dates of a file": (
        replaced('fallback_lkp.csv"', 'fallback_lkp.csv", biz_dt: latest'),
        6, "sources.row2.biz_dt", "biz_dt is for landing tables", "a path has its date in it: {biz_dt:%Y%m%d}",
    ),
    "unknown launch key": (
        MINIMAL + "launch:\n  executor_memry: 4g\n",
        10, "launch.executor_memry", "unknown key 'executor_memry'", "did you mean executor_memory?",
    ),
    "unknown key of a column": (
        MINIMAL + "columns:\n  - {name: biz_dt, type: date}\n  - {name: biz_status, type: string, nul: no}\n",
        11, "columns.biz_status.nul", "unknown key 'nul'", "did you mean nullable?",
    ),
    "missing key": (replaced("entity: GELS\n", ""), 1, "entity", "'entity' is missing", "add `entity: …`"),
    "number for text": (
        replaced("GELS", "12"), 1, "entity", "number 12 where text is expected", "put it in quotes",
    ),
    "Norway": (
        replaced("GELS", "NO"), 1, "entity", "truth value false where text is expected", "put it in quotes",
    ),
    "text for number": (
        MINIMAL + 'retries: "3"\n',
        9, "retries", "text '3' where a whole number is expected", "write a whole number",
    ),
    "text for list": (
        replaced("[tMap_1_out1.hql]", "tMap_1_out1.hql"),
        7, "steps", "text 'tMap_1_out1.hql' where a list, like [a, b] is expected", "write a list",
    ),
    "nothing for a mapping": (
        replaced('row2: {path: "customer_contract_fallback_lkp.csv"}', "row2:"),
        6, "sources.row2", "is empty; keys with values", "give a value or remove the key",
    ),
    "a list for an option": (
        replaced('fallback_lkp.csv"', 'fallback_lkp.csv", options: {sep: [1]}'),
        6, "sources.row2.options.sep", "list [1] where text is expected", "write text",
    ),
    "a negative number": (
        MINIMAL + "retries: -1\n", 9, "retries", "should be greater than or equal to 0", "change the value",
    ),
    "a fraction of a retry": (
        MINIMAL + "retries: {limit: 1.5, delay_s: 1}\n",
        9, "retries.limit", "number 1.5 where a whole number", "write a whole number",
    ),
    "an unknown limit": (
        MINIMAL + "retries: {limit: 1, dely_s: 1}\n", 9, "retries.dely_s", "unknown key", "did you mean delay_s?",
    ),
    "a share of more than all": (
        MINIMAL + "max_rejected: 101%\n",
        9, "max_rejected", "'101%' is neither a number of rows nor a share of them", "or a share such as 1%",
    ),
    "a fraction of a row": (
        MINIMAL + "max_rejected: 0.01\n",
        9, "max_rejected", "0.01 is neither a number of rows nor a share of them", "a whole number such as 100",
    ),
    "no sources": (
        "entity: A\nsource_system: B\ntable: c\nsteps: [tMap_1_out1.hql]\n",
        1, "sources", "'sources' is missing", "add `sources: …`",
    ),
    "missing HQL": (
        replaced("[tMap_1_out1.hql]", "[tMap_1_out.hql]"),
        7, "steps[0]", "there is no file 'tMap_1_out.hql'", "did you mean tMap_1_out1.hql?",
    ),
    "a step that leaves its folder": (
        replaced("[tMap_1_out1.hql]", "[tMap_1_out1.hql, ../other/x.hql]"),
        7, "steps[1]", "'../other/x.hql' leaves the table's folder", "beside table.yaml",
    ),
    "a step on a Windows drive": (
        replaced("[tMap_1_out1.hql]", "['C:\\x.hql']"),
        7, "steps[0]", "leaves the table's folder", "beside table.yaml",
    ),
    "entity is a path": (
        replaced("GELS", "../x"),
        1, "entity", "'../x' is a path: the table would leave the landing root", "letters, digits and _",
    ),
    "table is a Windows path": (
        replaced("table: t_contract_master", "table: 'x\\y'"),
        3, "table", "the table would leave the landing root", "letters, digits and _",
    ),
    "source system hides its folder": (
        replaced("FPMS", "_x"), 2, "source_system", "'_x' is not a name", "beginning with a letter",
    ),
    "steps and transform": (
        MINIMAL + "transform: a:b\n",
        9, "transform", "both steps and transform are given", "keep one",
    ),
    "no steps, no transform": (
        replaced("steps: [tMap_1_out1.hql]\n", ""),
        1, None, "neither steps nor transform is given", "add `steps:",
    ),
    "a transform without function": (
        replaced("steps: [tMap_1_out1.hql]", "transform: module.py"),
        7, "transform", "'module.py' names no function", "package.module:function",
    ),
    "unknown format": (
        replaced('fallback_lkp.csv"', 'fallback_lkp.csv", format: parket'),
        6, "sources.row2.format", "unknown format 'parket'", "did you mean 'parquet'? write one of csv, orc,",
    ),
    "no format to guess": (
        replaced("fallback_lkp.csv", "fallback_lkp"),
        6, "sources.row2.path", "does not tell its format", "add `format:` csv, orc, parquet or json",
    ),
    "a template with an open brace": (
        replaced("{biz_dt:%Y%m%d}", "{biz_dt:%Y%m%d"),
        5, "sources.row1.path", "is no template", "write the date as {biz_dt:%Y%m%d}",
    ),
    "a source above its root": (
        replaced('"customer_contract_fallback', '"../customer_contract_fallback'),
        6, "sources.row2.path", "leaves the source root", "write an absolute path",
    ),
    "path and table": (
        replaced('fallback_lkp.csv"', 'fallback_lkp.csv", table: gels_fpms_x'),
        6, "sources.row2", "both path and table are given", "give one of them",
    ),
    "jdbc without url": (
        replaced('{path: "customer_contract_fallback_lkp.csv"}', "{format: jdbc}"),
        6, "sources.row2.options", "jdbc needs the options url and dbtable", "below options",
    ),
    "a landing table as CSV": (
        replaced('{path: "customer_contract_fallback_lkp.csv"}', "{format: csv, table: gels_fpms_x}"),
        6, "sources.row2.format", "a landing table is ORC, not csv", "remove the key format",
    ),
    "biz_dt is not first": (
        replaced("[biz_dt, biz_status]", "[biz_status, biz_dt]"),
        8, "partition_by", "begins with 'biz_status', not biz_dt", "put biz_dt first",
    ),
    "no partitions": (
        replaced("[biz_dt, biz_status]", "[]"), 8, "partition_by", "is empty", "put biz_dt first",
    ),
    "a partition column twice": (
        replaced("[biz_dt, biz_status]", "[biz_dt, BIZ_DT]"),
        8, "partition_by[1]", "'BIZ_DT' stands twice", "remove one",
    ),
    "an undeclared partition column": (
        MINIMAL + "columns: {id: int, biz_dt: date, biz_state: string}\n",
        8, "partition_by[1]", "'biz_status' is no declared column", "did you mean biz_state?",
    ),
    "an undeclared business key": (
        MINIMAL + "columns: {id: int, biz_dt: date, biz_status: string}\nbusiness_keys: [idd]\n",
        10, "business_keys[0]", "'idd' is no declared column", "did you mean id?",
    ),
    "nothing but partition columns": (
        MINIMAL + "columns: {biz_dt: date, biz_status: string}\n",
        8, "partition_by", "every column is a partition column", "keep one column",
    ),
    "duplicate columns": (
        MINIMAL
        + "columns:\n  - {name: biz_dt, type: date}\n  - {name: biz_status, type: string}\n"
        + "  - {name: BIZ_dt, type: date}\n  - {name: x, type: int}\n",
        12, "columns.BIZ_dt", "two columns are called 'BIZ_dt', the first on line 10", "letter case",
    ),
    "duplicate columns of a source": (
        replaced(
            '{path: "customer_contract_fallback_lkp.csv"}',
            "\n    path: a.csv\n    columns:\n      id: int\n      ID: int",
        ),
        10, "sources.row2.columns.ID", "two columns are called 'ID', the first on line 9", "letter case",
    ),
    "unknown type": (
        MINIMAL + "columns:\n  biz_dt: date\n  biz_status: strng\n  a: int\n",
        11, "columns.biz_status.type", "unknown type 'strng'", "did you mean string?",
    ),
    "a check without rule": (
        MINIMAL + "checks:\n  - {name: a}\n", 10, "checks.a", "the check has no rule", "add one of expect,",
    ),
    "a check with two rules": (
        MINIMAL + "checks:\n  - {name: a, min_rows: 1, expect: x > 1}\n",
        10, "checks.a", "the check has 2 rules: expect, row limits", "make a check of each",
    ),
    "a check whose limits cross": (
        MINIMAL + "checks:\n  - name: a\n    min_rows: 5\n    max_rows: 4\n",
        12, "checks.a.max_rows", "max_rows 4 is below min_rows 5", "swap them",
    ),
    "two checks with one name": (
        MINIMAL + "checks:\n  - {name: a, min_rows: 1}\n  - {name: a, max_rows: 1}\n",
        11, "checks.a.name", "two checks are called 'a'", "rename one",
    ),
    "a check without name": (
        MINIMAL + "checks:\n  - {min_rows: 1}\n", 10, "checks[0].name", "'name' is missing", "add `name: …`",
    ),
    "memory without unit": (
        MINIMAL + "launch: {driver_memory: lots}\n",
        9, "launch.driver_memory", "'lots' is no amount of memory", "like 2g or 512m",
    ),
    "a setting that is not Spark's": (
        MINIMAL + "launch:\n  additional_conf: {sql.ansi.enabled: true}\n",
        10, "launch.additional_conf.sql.ansi.enabled", "'sql.ansi.enabled' is no Spark setting", "spark.",
    ),
    "an owner that Dagster refuses": (
        MINIMAL + "owner: Jane\n", 9, "owner", "'Jane' is no owner", "team:<name>",
    ),
    "a tag that Dagster refuses": (
        MINIMAL + "tags: {domain: two words}\n", 9, "tags.domain", "domain: two words is no label", "at most 63",
    ),
    "a job name with a slash": (
        MINIMAL + "job_name: a/b\n", 9, "job_name", "'a/b' is not a job name", "use letters",
    ),
    "hive without a table": (
        replaced('{path: "customer_contract_fallback_lkp.csv"}', "{format: hive, options: {x: y}}"),
        6, "sources.row2.options", "hive needs the options table or query", "below options",
    ),
    "kudu with a path": (
        replaced('{path: "customer_contract_fallback_lkp.csv"}', "{format: kudu, path: a}"),
        6, "sources.row2.path", "kudu takes no path", "give kudu.master and kudu.table below options",
    ),
    "position without columns": (
        replaced('lkp.csv"', 'lkp.csv", match: position'),
        6, "sources.row2.match", "no columns are declared", "declare the columns",
    ),
    "position of a Parquet file": (
        replaced('lkp.csv"', 'lkp.parquet", match: position, columns: {a: int}'),
        6, "sources.row2.match", "only a CSV is read by position", "remove it",
    ),
    "a tolerance that is none": (
        MINIMAL + "parity:\n  tolerance: {amount: -1}\n",
        10, "parity.tolerance.amount", "-1 is no tolerance", "such as 0.01",
    ),
    "parity by an undeclared column": (
        MINIMAL + "columns: {id: int, biz_dt: date, biz_status: string}\nparity: {keys: [idd]}\n",
        10, "parity.keys[0]", "'idd' is no declared column", "did you mean id?",
    ),
    "an unknown key of parity": (
        MINIMAL + "parity: {toleranz: {}}\n", 9, "parity.toleranz", "unknown key 'toleranz'", "did you mean tolerance?",
    ),
    "a legacy job with steps": (
        "legacy_job: JOB_1\nsteps: [a.hql]\n", 2, "steps", "unknown key 'steps'", "known: allow_empty, append",
    ),
    "a legacy job above the landing root": (
        "legacy_job: JOB_1\noutput: ../elsewhere\n", 2, "output", "'../elsewhere' is no folder", "absolute path",
    ),
    "a legacy job with a misspelt append": (
        "legacy_job: JOB_1\nappend: ad\n", 2, "append", "unknown append 'ad'", "did you mean 'add'?",
    ),
    "a legacy job by itself": (
        "legacy_job: JOB_1\n", None, "legacy_job", "refines a legacy job and is no table by itself", "`fdm list`",
    ),
    "an alias of itself": (
        MINIMAL + "tags: &t {a: *t}\n", None, None, "an alias contains itself", "write the value out",
    ),
    "a tag of YAML": (replaced("GELS", "!!binary R0"), 1, None, "is not supported", "without a tag"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_with_line_field_and_remedy(kind: str, tmp_path: Path) -> None:
    text, line, field, message, remedy = WRONG[kind]
    file = declare(tmp_path, text)
    with pytest.raises(DeclarationError) as caught:
        read_table(file)
    error = caught.value
    assert message in error.message
    assert remedy in (error.remedy or "")
    assert (error.file, error.line, error.field) == (str(file), line, field)


def test_a_step_that_a_migration_left_unfinished_breaks_its_table(tmp_path: Path) -> None:
    file = declare(tmp_path, MINIMAL)
    step = file.parent / "tMap_1_out1.hql"
    step.write_text(
        "SELECT '/* TODO is text */' AS a, -- TODO is a remark\n  NULL /* TODO\n x.y() */ AS b FROM row1\n"
    )
    with pytest.raises(DeclarationError, match=r"is not finished: TODO x.y\(\)") as caught:
        read_table(file)
    assert (caught.value.file, caught.value.line, caught.value.column) == (str(step), 2, 8)
    assert caught.value.remedy == "write the SQL in its place and remove the comment"
    step.write_text("SELECT '/* TODO is text */' AS a FROM row1\n")
    assert read_table(file)


def test_what_refines_a_legacy_job_is_kept_for_when_jobs_are_known(tmp_path: Path) -> None:
    declare(tmp_path, "legacy_job: JOB_1\noutput: C:\\out\\x\ncolumns: {id: int, biz_dt: date}\n")
    catalog = load_catalog(tmp_path)
    assert (catalog.errors, dict(catalog.tables)) == ((), {})
    (refinement,) = catalog.refinements
    assert (refinement.job, refinement.output, refinement.append) == ("JOB_1", "C:\\out\\x", "add")
    assert refinement.settings["columns"][0] == ColumnSpec("id", "int")


def test_all_errors_of_a_file_are_listed(tmp_path: Path) -> None:
    file = declare(tmp_path, MINIMAL + "retries: -1\nlaunch: {x: 1}\nowner: 3\n")
    assert [(e.line, e.field) for e in errors_of(tmp_path)] == [
        (9, "retries"),
        (10, "launch.x"),
        (11, "owner"),
    ]
    assert {e.file for e in errors_of(tmp_path)} == {str(file)}


def test_an_error_reads_as_file_line_field_message_remedy(tmp_path: Path) -> None:
    file = declare(tmp_path, MINIMAL + "retrys: 1\n")
    assert str(errors_of(tmp_path)[0]).splitlines()[0] == f"{file}:9: retrys: unknown key 'retrys'"


def test_names_that_yaml_takes_for_truth_values_can_be_columns(tmp_path: Path) -> None:
    file = declare(tmp_path, MINIMAL + "columns: {no: string, biz_dt: date, biz_status: string}\n")
    assert read_table(file).columns[0].name == "no"


def test_a_byte_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    file = declare(tmp_path)
    file.write_bytes(MINIMAL.encode() + b"description: caf\xe9\n")
    with pytest.raises(DeclarationError, match="byte 0xe9 is not UTF-8") as caught:
        read_table(file)
    assert caught.value.line == 9


def test_a_control_character_is_named_with_its_line(tmp_path: Path) -> None:
    file = declare(tmp_path, MINIMAL + "description: a\x07b\n")
    with pytest.raises(DeclarationError, match="not YAML") as caught:
        read_table(file)
    assert caught.value.line == 9


def test_an_hql_that_is_not_utf8_or_empty_is_named(tmp_path: Path) -> None:
    file = declare(tmp_path)
    hql = file.parent / "tMap_1_out1.hql"
    hql.write_bytes(b"SELECT 1\n-- \xff\n")
    (error,) = errors_of(tmp_path)
    assert (error.file, error.line) == (str(hql), 2)
    hql.write_text(" \n")
    (error,) = errors_of(tmp_path)
    assert "'tMap_1_out1.hql' is empty" in error.message


def test_a_transform_beside_the_table_must_define_its_function(tmp_path: Path) -> None:
    text = replaced("steps: [tMap_1_out1.hql]", "transform: code:summarize")
    file = declare(tmp_path, text)
    module = file.parent / "code.py"
    module.write_text("def summarise(spark, inputs, params): ...\n")
    (error,) = errors_of(tmp_path)
    assert (error.line, error.field) == (7, "transform")
    assert error.message == "code.py defines no 'summarize'"
    assert "did you mean summarise?" in (error.remedy or "")
    module.write_text("def summarize(:\n")
    (error,) = errors_of(tmp_path)
    assert (error.file, error.line) == (str(module), 1)
    module.write_text("from elsewhere import other as summarize\n")
    assert errors_of(tmp_path) == []


def test_one_broken_folder_leaves_the_others(tmp_path: Path) -> None:
    declare(tmp_path, named("t_good"), "gels/fpms/t_good")
    declare(tmp_path, named("t_bad") + "typo: 1\n", "gels/fpms/t_bad")
    declare(tmp_path, "{", "gels/fpms/t_torn")
    catalog = load_catalog(tmp_path)
    assert list(catalog.tables) == ["gels_fpms_t_good"]
    assert len(catalog.errors) == 2
    assert set(catalog.broken) == {("gels", "fpms", "t_bad"), ("gels", "fpms", "t_torn")}


def test_two_tables_with_one_name_are_both_refused(tmp_path: Path) -> None:
    first = declare(tmp_path, named("c", entity="A_B", source_system="x"), "one")
    second = declare(tmp_path, named("C", entity="a", source_system="b_x"), "two")
    catalog = load_catalog(tmp_path)
    assert catalog.tables == {}
    assert [(e.file, e.line, e.field, e.message) for e in catalog.errors] == [
        (str(first), 8, "table", f"a_b_x_c is declared in {second} too"),
        (str(second), 8, "table", f"a_b_x_c is declared in {first} too"),
    ]


def test_a_parent_may_be_named_in_any_form(tmp_path: Path) -> None:
    declare(tmp_path, named("t_up"), "a")
    declare(tmp_path, named("t_down", "T_UP", "gels/fpms/t_up", "gels_fpms_t_up"), "b")
    catalog = load_catalog(tmp_path)
    assert catalog.errors == ()
    down = catalog.tables["gels_fpms_t_down"]
    assert [s.table for s in down.sources] == ["gels_fpms_t_up"] * 3
    assert down.parents == ("gels_fpms_t_up",)
    assert {s.format for s in catalog.tables["gels_fpms_t_down"].sources} == {"orc"}


def test_a_parent_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    declare(tmp_path, named("t_contract"), "a")
    file = declare(tmp_path, named("t_down", "gels_fpms_t_contarct"), "b")
    catalog = load_catalog(tmp_path)
    (error,) = catalog.errors
    assert list(catalog.tables) == ["gels_fpms_t_contract"]
    assert (error.file, error.line, error.field) == (str(file), 5, "sources.p0.table")
    assert error.message == "there is no landing table 'gels_fpms_t_contarct'"
    assert (error.remedy or "").startswith("did you mean gels_fpms_t_contract?")


def test_a_bare_parent_name_that_two_tables_have_is_refused(tmp_path: Path) -> None:
    declare(tmp_path, named("t_x"), "a")
    declare(tmp_path, named("t_x", source_system="OTHER"), "b")
    declare(tmp_path, named("t_down", "t_x"), "c")
    (error,) = errors_of(tmp_path)
    assert error.message == "'t_x' may be any of 2 tables"
    assert error.remedy == "say which: gels_fpms_t_x, gels_other_t_x"


def test_children_of_a_broken_table_say_so(tmp_path: Path) -> None:
    declare(tmp_path, named("t_up") + "typo: 1\n", "a")
    declare(tmp_path, named("t_mid", "gels_fpms_t_up"), "b")
    declare(tmp_path, named("t_low", "gels_fpms_t_mid"), "c")
    catalog = load_catalog(tmp_path)
    assert catalog.tables == {}
    assert [e.message for e in catalog.errors] == [
        "unknown key 'typo'",
        "reads gels_fpms_t_up, which is broken itself",
        "reads gels_fpms_t_mid, which is broken itself",
    ]


def test_a_cycle_is_told_from_each_of_its_tables(tmp_path: Path) -> None:
    for table, parent in (("t_a", "t_b"), ("t_b", "t_c"), ("t_c", "t_a")):
        declare(tmp_path, named(table, parent), table)
    declare(tmp_path, named("t_apart"), "t_apart")
    catalog = load_catalog(tmp_path)
    assert list(catalog.tables) == ["gels_fpms_t_apart"]
    a, b, c = (f"gels_fpms_t_{x}" for x in "abc")
    assert [e.message for e in catalog.errors] == [
        f"a cycle of tables: {a} reads {b} reads {c} reads {a}",
        f"a cycle of tables: {b} reads {c} reads {a} reads {b}",
        f"a cycle of tables: {c} reads {a} reads {b} reads {c}",
    ]
    assert {(e.line, e.field) for e in catalog.errors} == {(5, "sources.p0.table")}


def test_a_table_that_reads_itself_is_a_cycle(tmp_path: Path) -> None:
    declare(tmp_path, named("t_a", "t_a"), "a")
    (error,) = errors_of(tmp_path)
    assert error.message == "a cycle of tables: gels_fpms_t_a reads gels_fpms_t_a"


@pytest.mark.parametrize(
    "name", ["gels_fpms_t_contract_master", "gels/fpms/t_contract_master", "T_CONTRACT_MASTER"]
)
def test_a_table_is_found_by_any_of_its_names(name: str, tmp_path: Path) -> None:
    declare(tmp_path)
    assert load_catalog(tmp_path).get(name).name == "gels_fpms_t_contract_master"


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    declare(tmp_path)
    with pytest.raises(UnknownTableError, match="no table is called 't_contract_mster'") as caught:
        load_catalog(tmp_path).get("t_contract_mster")
    assert (caught.value.remedy or "").startswith("did you mean gels_fpms_t_contract_master?")


def test_a_bare_name_of_two_tables_is_refused(tmp_path: Path) -> None:
    declare(tmp_path, named("t_x"), "a")
    declare(tmp_path, named("t_x", source_system="OTHER") + "typo: 1\n", "b")
    with pytest.raises(UnknownTableError, match="'t_x' may be any of 2 tables") as caught:
        load_catalog(tmp_path).get("t_x")
    assert caught.value.remedy == "say which: gels_fpms_t_x, gels_other_t_x"


def test_a_broken_table_is_answered_with_its_own_error(tmp_path: Path) -> None:
    declare(tmp_path, MINIMAL + "typo: 1\n")
    with pytest.raises(DeclarationError, match="unknown key 'typo'"):
        load_catalog(tmp_path).get("t_contract_master")


def test_a_root_that_is_not_there_is_an_error_and_not_an_empty_catalog(tmp_path: Path) -> None:
    catalog = load_catalog(tmp_path / "nowhere")
    assert "FDM_SQL_ROOT" in (catalog.errors[0].remedy or "")
    with pytest.raises(DeclarationError, match="no such folder"):
        catalog.get("t_x")


def test_a_file_that_is_nearly_called_table_yaml_is_pointed_out(tmp_path: Path) -> None:
    file = declare(tmp_path)
    file.rename(file.with_suffix(".yml"))
    (error,) = errors_of(tmp_path)
    assert (error.file, error.remedy) == (str(file.with_suffix(".yml")), "rename it to table.yaml")


PIECES = [
    *MINIMAL.splitlines(keepends=True),
    *(
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        "\n",
        "  ",
        "'",
        '"',
        "#",
        "&a ",
        "*a",
        "!!",
        "? ",
        "<<: ",
        "|\n",
        "\t",
    ),
    *(
        "columns:",
        "checks:",
        "launch:",
        "name",
        "type: ",
        "null",
        "1",
        "true",
        "2024-05-15",
        "é",
        "\0",
        "0x_",
    ),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=25))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_the_catalog_answers_with_a_table_or_an_error(
    tmp_path: Path, pieces: list[str]
) -> None:
    file = tmp_path / "gels" / "table.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes("".join(pieces).encode("utf-8", "surrogatepass"))
    catalog = load_catalog(tmp_path)
    assert len(catalog.tables) == (0 if catalog.errors else 1)
    for error in catalog.errors:
        assert (error.file, error.message != "", error.remedy not in (None, "")) == (str(file), True, True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.CSV", "csv"), ("a/b_{biz_dt:%Y%m%d}.orc", "orc"), ("x.parquet", "parquet"), ("x.json.gz", "json")],
)
def test_the_format_is_guessed_from_the_extension(path: str, expected: str, tmp_path: Path) -> None:
    text: dict[str, Any] = yaml.safe_load(named("t_x"))
    text["sources"]["row1"]["path"] = path
    assert read_table(declare(tmp_path, yaml.safe_dump(text))).sources[0].format == expected


def test_the_code_version_follows_yaml_and_hql_and_nothing_else(tmp_path: Path) -> None:
    file = declare(tmp_path)
    first = read_table(file).code_version
    (file.parent / "notes.md").write_text("x")
    assert read_table(file).code_version == first
    (file.parent / "tMap_1_out1.hql").write_text(SQL + "\n-- and a comment")
    second = read_table(file).code_version
    file.write_text(file.read_text() + "retries: 1\n")
    assert len({first, second, read_table(file).code_version}) == 3


def test_all_dates_of_a_backfill_may_share_a_submit(tmp_path: Path) -> None:
    assert read_table(declare(tmp_path, MINIMAL + "dates_per_run: all\n")).dates_per_run == 1_000_000


@pytest.mark.parametrize("value", ["some", "0", "true"])
def test_dates_per_run_is_a_number_or_all(tmp_path: Path, value: str) -> None:
    declare(tmp_path, MINIMAL + f"dates_per_run: {value}\n")
    (error,) = errors_of(tmp_path)
    assert (error.line, error.field) == (9, "dates_per_run")
