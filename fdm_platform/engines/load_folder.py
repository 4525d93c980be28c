"""The folder of one load: what its files are called. Nothing is read or written here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LoadFolder:
    """The files of one load, below the work folder."""

    path: Path

    @property
    def plan(self) -> Path:
        """The LoadPlan as JSON."""
        return self.path / "plan.json"

    @property
    def messages(self) -> Path:
        """The driver's messages."""
        return self.path / "messages.jsonl"

    @property
    def params(self) -> Path:
        """The legacy contract's parameters file."""
        return self.path / "params.json"

    @property
    def params_folder(self) -> Path:
        """Where the contract has that file: a legacy script's, with real secrets."""
        return self.path / "params"

    def params_of(self, job_name: str) -> Path:
        """A script's parameters file."""
        name = re.sub(r"[/\\\0]", "_", job_name)
        return self.params_folder / f"{name}.json"

    @property
    def listing(self) -> Path:
        """What a legacy script's output held before it ran."""
        return self.path / "listing.json"

    @property
    def secrets(self) -> Path:
        """Secrets for the driver, which removes it."""
        return self.path / "secrets.json"

    @property
    def secret_properties(self) -> Path:
        """Secret Spark settings for spark-submit; the driver removes it."""
        return self.path / "secrets.properties"

    @property
    def process(self) -> Path:
        """Which process of which machine the load's Spark is (orphan.py)."""
        return self.path / "process.json"

    @property
    def stdout(self) -> Path:
        """What the driver printed."""
        return self.path / "stdout.log"

    @property
    def stderr(self) -> Path:
        """Spark's log."""
        return self.path / "stderr.log"

    @property
    def job_log(self) -> Path:
        """The log that a legacy script writes itself."""
        return self.path / "job.log"


def folder_of(work: Path, load_id: str) -> LoadFolder:
    """The folder of a load below the work folder, whatever its id."""
    return LoadFolder(work.absolute() / re.sub(r"[^\w.-]", "_", load_id))
