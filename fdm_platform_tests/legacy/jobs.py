"""Legacy job folders and plans of them, as the platform makes both; the loads that run them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.engines.spark_submit import Submission, start
from fdm_platform.model.legacy import LegacyPlan
from fdm_platform.model.manifest import OutputStaged
from fdm_platform.model.partition import folder_name
from fdm_platform.model.plan import DatePlan, LaunchProfile, LoadPlan, OutputPlan, Setting
from fdm_platform.model.report import decode
from fdm_platform.model.settings import Settings

DAY = date(2024, 5, 15)
NAME = "etl_lnd_gels_fpms_t_legacy"
DOCUMENT: dict[str, Any] = {
    "metadata": {
        "env": "DEV",
        "entity": "GELS",
        "source_system": "FPMS",
        "job_name": NAME,
        "job_id": "JOB_2001",
    },
    "job_master": {
        "job_id": "JOB_2001",
        "job_name": NAME,
        "script_path": "C:\\data\\projects",
        "comments": None,
        "context_params": '{"region": "O\'Hare", "ENTITY": "not this one", "min_amount": 10}',
    },
    "job_dependency": [{"dependent_job_name": NAME, "parent_job_name": "etl_lnd_gels_fpms_t_a"}],
    "process_control": [
        {
            "biz_dt": DAY.isoformat(),
            "process_from_date": "2024-05-01",
            "process_to_date": "2024-05-15",
            "run_indicator": "Y",
            "run_id": "20240515",
            "change_indicator": None,
            "business_keys": '["contract_id"]',
        },
        {"biz_dt": "2024-05-14", "run_id": "20240514"},
    ],
    "sys_params": [
        {"param_key": "threads", "environment": "DEV", "key_name": "ALL", "param_value": "4"},
    ],
}


def script_plan(
    folder: Path,
    script: str = "",
    *,
    day: date = DAY,
    load_id: str = "run-1.load",
    append: Any = "add",
    conf: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    master: str = "local[2]",
    **output: Any,
) -> LoadPlan:
    """A load of a job whose folder is made here; its table is `<folder>/landing/t`."""
    base = folder / "jobs" / NAME
    (base / "scripts").mkdir(parents=True, exist_ok=True)
    (base / "sql").mkdir(exist_ok=True)
    file = base / "scripts" / f"{NAME}.py"
    file.write_text(script)
    root = folder / "landing" / "t"
    prefixes = (("C:\\data\\landing", str(folder / "landing")), ("\\\\files\\etl", str(folder / "etl")))
    legacy = LegacyPlan(
        str(file), str(base), str(base / "sql"), str(root), str(folder / "landing"), prefixes, append
    )
    staging = str(root / ".staging" / load_id / day.isoformat())
    planned = DatePlan(day, "due", "v1", "1", 0, folder_name(day, "yyyyMMdd"), (), (), (), staging)
    fields: dict[str, Any] = {
        "root": str(root),
        "columns": (),
        "partition_by": ("biz_dt",),
        "folder_date_format": "yyyyMMdd",
        "compression": "snappy",
        "target_file_bytes": 1 << 27,
        "checks": (),
        "allow_empty": False,
        "keep_versions": 1,
    }
    return LoadPlan(
        load_id=load_id,
        table="gels_fpms_t",
        file=str(file),
        entity="GELS",
        source_system="FPMS",
        environment="DEV",
        job_id="JOB_2001",
        job_name=NAME,
        dates=(planned,),
        transform=None,
        python_path=(),
        output=OutputPlan(**(fields | output)),
        launch=LaunchProfile(
            master=Setting(master, "test"), conf={k: Setting(v, "test") for k, v in (conf or {}).items()}
        ),
        secrets=secrets or {},
        legacy=legacy,
    )


def document_of(day: date) -> dict[str, Any]:
    """The parameters of a load of one date."""
    rows = [{**DOCUMENT["process_control"][0], "biz_dt": day.isoformat(), "run_id": f"{day:%Y%m%d}"}]
    return {**DOCUMENT, "process_control": rows}


def submit(folder: Path, plan: LoadPlan, **more: Any) -> Submission:
    """Start the load, on the machine's own class archive."""
    day = plan.dates[0].biz_dt
    known: dict[str, Any] = {
        "work": folder / "loads",
        "cache": Settings.from_environ().cache,
        "build_archive": False,
        "job_params": document_of(day),
    }
    return start(plan, **(known | more))


class Inside:
    """This process as that of a load's script: what `framework` does here it does for the load."""

    def __init__(self, folder: Path, plan: LoadPlan, patch: pytest.MonkeyPatch) -> None:
        self.plan = plan
        self.messages = folder / f"{plan.load_id}.jsonl"
        file = folder / f"{plan.load_id}.json"
        file.write_text(plan.to_json())
        self.messages.write_text("")
        patch.setenv("FDM_LEGACY_PLAN", str(file))
        patch.setenv("FDM_MESSAGES", str(self.messages))

    def told(self) -> list[Any]:
        """All that was told so far."""
        return [decode(line) for line in self.messages.read_text().splitlines()]

    def staged(self) -> list[OutputStaged]:
        """The writes that came to their end."""
        return [m for m in self.told() if isinstance(m, OutputStaged) and m.manifests]
