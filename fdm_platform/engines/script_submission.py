"""A legacy job's script that was started: its exit code decides, and what it staged is what its messages say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from fdm_platform.engines.follow import follow
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.submission import Submission
from fdm_platform.engines.swapping import STAGING, drop, staged_folder
from fdm_platform.model.manifest import DateOutcome, LoadReport, OutputStaged
from fdm_platform.model.report import DriverDone, Message, Metric


class ScriptSubmission(Submission):
    """As every submission. A script has no last word: what stands for it is that its process ended with 0."""

    def __init__(self, *known: Any, **more: Any) -> None:
        super().__init__(*known, **more)
        self._staged: list[OutputStaged] = []
        self._metrics: dict[str, int | float] = {}

    def messages(self, stop: Callable[[], bool] | None = None) -> Iterator[Message]:
        """As in Submission; the last one is made here."""
        yield from super().messages(stop)
        if self._done is None and self._process.poll() == 0:
            done = DriverDone(seconds={"script": round(self.age_s, 3)}, metrics=self._metrics)
            self._take(done)
            yield done

    def _take(self, message: Message) -> None:
        super()._take(message)
        match message:
            case OutputStaged():
                self._staged.append(message)
                self._note_outcomes(message)
            case Metric():
                self._metrics[message.name] = message.value

    def _note_outcomes(self, staged: OutputStaged) -> None:
        """Of the load's own dates. A write that failed, and was not repeated, stays a failure."""
        dates = {d.biz_dt for d in self.plan.dates}
        for manifest in staged.manifests if staged.root == self.plan.output.root else ():
            if manifest.biz_dt in dates:
                checks = tuple(c for c in staged.checks if c.biz_dt == manifest.biz_dt)
                self._outcomes[manifest.biz_dt] = DateOutcome(manifest.biz_dt, manifest, checks)

    def report(self) -> LoadReport:
        """As in Submission, with what was staged for other dates and folders. A date without a manifest: not staged."""
        return replace(super().report(), extra=current(self._staged))

    def _tidy(self) -> None:
        super()._tidy()
        if self._done is None or self._done.failure:
            drop_staged(self.files, self.plan.load_id)


def current(staged: Iterable[OutputStaged]) -> tuple[OutputStaged, ...]:
    """The writes without what a later one of the same date or folder has taken the place of."""
    found: list[OutputStaged] = []
    seen: set[str] = set()
    for of in reversed(list(staged)):
        manifests = tuple(m for m in of.manifests if staged_folder(m) not in seen)
        seen |= {staged_folder(m) for m in manifests}
        places = {m.biz_dt for m in manifests}
        if manifests:
            found.append(
                replace(of, manifests=manifests, checks=tuple(c for c in of.checks if c.biz_dt in places))
            )
    return tuple(reversed(found))


def drop_staged(folder: LoadFolder, load_id: str) -> None:
    """Remove all that a script has staged or begun to write, by its messages; its processes have ended."""
    for root in {output.root for output in outputs_told(folder)}:
        drop(f"{root}/{STAGING}/{load_id}")


def outputs_told(folder: LoadFolder) -> list[OutputStaged]:
    """What a script has staged so far, or begun to, by its messages; nothing where they are on another machine."""
    try:
        return [m for m in follow(folder.messages, lambda: True) if isinstance(m, OutputStaged)]
    except OSError:
        return []
