from pathlib import Path

import pytest

from fdm_platform.errors import DeclarationError
from fdm_platform.model.limits import BreakerLimits, Limits, RetryLimits
from fdm_platform.planning.limits import read_limits
from fdm_platform_tests.deployment import PROJECT

FDM = "run_coordinator: {module: m, class: C, config: {fdm: %s}}"


def written(folder: Path, text: str) -> Path:
    file = folder / "dagster.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "text", ["", "storage: {}", "run_coordinator: {module: m, class: C}", FDM % "{}", FDM % "{retries: {}}"]
)
def test_what_is_not_said_has_a_default(tmp_path: Path, text: str) -> None:
    assert read_limits(written(tmp_path, text)) == Limits()


def test_the_projects_own_file_says_the_defaults() -> None:
    assert read_limits(PROJECT / "dagster.yaml") == Limits()


def test_what_is_said_holds(tmp_path: Path) -> None:
    found = read_limits(written(tmp_path, FDM % "{retries: {limit: 3, delay_s: 1, longest_s: 2.5}}"))
    assert found.retries == RetryLimits(3, 1.0, 2.5)
    found = read_limits(written(tmp_path, FDM % "{breaker: {failures: 2, cooldown_s: 5}}"))
    assert found.breaker == BreakerLimits(2, 5.0, 1800.0)


@pytest.mark.parametrize(
    ("fdm", "place"),
    [
        ("{retry: {}}", "fdm.retry"),
        ("{retries: {limit: -1}}", "fdm.retries.limit"),
        ("{retries: {delay_s: soon}}", "fdm.retries.delay_s"),
        ("{breaker: {failures: 0}}", "fdm.breaker.failures"),
        ("5", "run_coordinator.config.fdm"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, fdm: str, place: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read_limits(written(tmp_path, FDM % fdm))
    assert str(caught.value.field).endswith(place)
    assert caught.value.remedy


def test_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError):
        read_limits(written(tmp_path, "{"))
