"""What watches over source systems, by their calendars."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdm_platform.defs.watching import watch
from fdm_platform.model.settings import Settings
from fdm_platform.planning.catalog import load_catalog


def declare(root: Path, source: str, calendar: str | None) -> None:
    folder = root / "gels" / source
    (folder / "t_x").mkdir(parents=True)
    (folder / "t_x" / "x.hql").write_text("SELECT 1\n")
    (folder / "t_x" / "table.yaml").write_text(
        f"entity: GELS\nsource_system: {source}\ntable: t_x\nsources: {{r: {{path: x.csv}}}}\nsteps: [x.hql]\n"
    )
    if calendar is not None:
        (folder / "calendar.yaml").write_text(calendar)


def watching(root: Path) -> tuple[set[str], set[str]]:
    watched = watch(Settings.from_environ({"FDM_PROJECT": str(root)}), load_catalog(root), {})
    return {s.name for s in watched.sensors if s.name.startswith("process")}, {
        s.name for s in watched.schedules
    }


def test_each_source_has_what_its_calendar_asks_for(tmp_path: Path) -> None:
    declare(tmp_path, "bare", None)
    declare(tmp_path, "rows", "lag: 1\n")
    declare(tmp_path, "timed", "control_rows: false\nstart: 2024-01-01\nschedule: 30 6 * * *\n")
    declare(tmp_path, "by_hand", "control_rows: false\nstart: 2024-01-01\n")
    assert watching(tmp_path) == (
        {"process_control_gels_bare", "process_control_gels_rows"},
        {"calendar_gels_timed"},
    )


@pytest.mark.parametrize("broken", ["start: soon\n", "{", "control_rows: false\nschedule: 30 6 * * *\n"])
def test_a_source_whose_calendar_is_broken_waits_and_the_others_do_not(tmp_path: Path, broken: str) -> None:
    declare(tmp_path, "sound", None)
    declare(tmp_path, "broken", broken)
    assert watching(tmp_path) == ({"process_control_gels_sound"}, set())
    (tmp_path / "gels" / "broken" / "calendar.yaml").write_text("start: 2024-01-01\n")
    assert watching(tmp_path)[0] == {"process_control_gels_sound", "process_control_gels_broken"}
