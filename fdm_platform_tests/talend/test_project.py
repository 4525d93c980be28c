"""What is found in a file, a folder or a zip; which archives are refused as a whole."""

from __future__ import annotations

import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend.project import Project, major_of, open_project
from fdm_platform.talend.reading import read_job
from fdm_platform.talend.xml import parse

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "talend" / "SAMPLE"
JOB = (
    '<?xml version="1.0"?>\n<talendfile:ProcessType xmlns:talendfile="x"><context/></talendfile:ProcessType>'
)
PROPERTIES = """<?xml version="1.0"?>
<xmi:XMI><TalendProperties:Property xmi:id="_x" id="{id}" label="{label}" version="{version}" purpose="why">
<additionalProperties key="created_product_version" value="{product}"/></TalendProperties:Property></xmi:XMI>"""


def put(root: Path, name: str, text: str | bytes = JOB) -> None:
    place = root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text if isinstance(text, bytes) else text.encode())


def properties(label: str = "a", version: str = "0.1", product: str = "7.3.1.2020", id_: str = "_id") -> str:
    return PROPERTIES.format(label=label, version=version, product=product, id=id_)


def zipped(folder: Path, to: Path) -> Path:
    return Path(shutil.make_archive(str(to.with_suffix("")), "zip", folder))


def test_the_sample_is_the_same_as_a_folder_and_as_a_zip(tmp_path: Path) -> None:
    folder, archive = open_project(SAMPLE), open_project(zipped(SAMPLE, tmp_path / "s.zip"))

    assert folder.items == archive.items
    assert [folder.read(ref) for ref in folder.items] == [archive.read(ref) for ref in archive.items]
    assert folder.version == "Talend Open Studio for Data Integration-7.3.1.20200219_1130"
    assert [(job.label, job.folder, job.dotted) for job in folder.jobs] == [
        ("policy_load", "landing", "0.1"),
        ("premium", "landing", "0.1"),
        ("run_all", "", "0.1"),
    ]
    assert folder.routines == {"Letters"}
    assert folder.others == {".project": 1, ".item: routine": 1}
    assert folder.warnings == ()


def test_one_item_brings_its_properties_and_nothing_beside_it() -> None:
    project = open_project(SAMPLE / "process/landing/premium_0.1.item")

    assert [job.label for job in project.items] == ["premium"]
    assert project.items[0].id == "_PREMIUMEe6SAMPLE000001"
    assert project.others == {}


def test_kinds_are_what_the_root_element_says(tmp_path: Path) -> None:
    put(tmp_path, "P/process/f/a_0.1.item")
    put(tmp_path, "P/process/f/long_0.1.item", JOB.replace("<context", f'<context a="{"x" * 200_000}"'))
    put(tmp_path, "P/process/shot_0.1.item", JOB.replace(" xmlns", f' screenshot="{"x" * 200_000}" xmlns'))
    put(tmp_path, "P/context/c_0.1.item", '<?xml version="1.0"?><XMI><t:ContextType name="DEV"/></XMI>')
    put(tmp_path, "P/joblets/l_0.1.item", '<?xml version="1.0"?><JobletProcess/>')
    put(tmp_path, "P/metadata/m_0.1.item", '<?xml version="1.0"?><XMI><c:DatabaseConnection/></XMI>')
    put(tmp_path, "P/code/routines/R_0.1.item", "package routines;")
    put(tmp_path, "P/sqlPatterns/s_0.1.item", "SELECT 1")
    put(tmp_path, "P/documentations/d_0.1.item", bytes(range(256)))
    put(tmp_path, "P/process/f/wide_0.1.item", JOB.encode("utf-16"))
    put(
        tmp_path,
        "P/process/cut_0.1.item",
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y "z">]><ProcessType/>',
    )
    put(tmp_path, "P/process/empty_0.1.item", b"")
    put(tmp_path, "P/process/text_0.1.item", "a disk that was full")
    put(tmp_path, "nowhere/nul_0.1.item", bytes(512))
    put(tmp_path, "P/process/f/a_0.1.screenshot", b"x")
    put(tmp_path, "P/.git/config", "x")

    project = open_project(tmp_path)

    kinds = {ref.label: ref.kind for ref in project.items}
    assert kinds == {
        "a": "job",
        "long": "job",
        "shot": "job",
        "wide": "job",
        "cut": "job",
        "empty": "job",
        "text": "job",
        "nul": "job",
        "c": "context",
        "l": "joblet",
        "m": "metadata",
        "R": "routine",
        "s": "other",
        "d": "other",
    }
    assert project.others == {
        ".screenshot": 1,
        ".item: joblet": 1,
        ".item: metadata": 1,
        ".item: routine": 1,
        ".item: other": 2,
    }
    assert {ref.label: ref.folder for ref in project.jobs}["a"] == "f"


def test_an_item_that_is_asked_for_by_name_is_refused_if_it_is_no_job() -> None:
    project = open_project(SAMPLE / "context/ctx_0.1.item")
    (ref,) = project.jobs
    with pytest.raises(ImportRefusedError, match="its root is XMI, not a job's"):
        read_job(parse(project.read(ref), ref.path), ref)


def test_of_several_versions_the_newest_is_imported_and_the_others_are_listed(tmp_path: Path) -> None:
    for name in ("f/a_0.9.item", "f/a_0.10.item", "g/a_0.2.item", "f/a_1.item"):
        put(tmp_path, f"process/{name}")

    project = open_project(tmp_path)

    assert [ref.path for ref in project.items] == [
        "process/f/a_0.10.item",
        "process/f/a_1.item",
        "process/g/a_0.2.item",
    ]
    assert [ref.path for ref in project.older] == ["process/f/a_0.9.item"]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (None, "no .properties beside it"),
        ("<cut", "not well-formed"),
        (properties(product="9.1"), "Talend version 9.1; 5 to 8 are known"),
        (properties(product="2.4.0"), "Talend version 2.4.0; 5 to 8 are known"),
        (properties(product=""), "Talend version unknown"),
    ],
)
def test_what_is_not_known_of_a_job_is_a_warning(tmp_path: Path, text: str | None, warning: str) -> None:
    put(tmp_path, "a_0.1.item")
    if text is not None:
        put(tmp_path, "a_0.1.properties", text)

    project = open_project(tmp_path)

    assert len(project.jobs) == 1
    assert any(warning in each for each in project.warnings)


def test_the_version_is_that_of_the_studio_that_saved_last(tmp_path: Path) -> None:
    later = '<additionalProperties key="modified_product_version" value="8.0.1"/></TalendProperties:Property>'
    put(tmp_path, "a_0.1.item")
    put(
        tmp_path,
        "a_0.1.properties",
        properties(label="a/../b").replace("</TalendProperties:Property>", later),
    )

    job = open_project(tmp_path).jobs[0]

    assert (job.product_version, job.label, job.purpose) == ("8.0.1", "a/../b", "why")


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ("7.3.1.20200219_1130", 7),
        ("Talend Open Studio for ESB-6.0.0.2015", 6),
        ("10.0", 10),
        ("", None),
        ("next", None),
    ],
)
def test_major_of(text: str, major: int | None) -> None:
    assert major_of(text) == major


@pytest.mark.parametrize("what", ["nothing", "empty folder", "text"])
def test_a_place_without_items_is_refused(tmp_path: Path, what: str) -> None:
    place = {"nothing": tmp_path / "x", "empty folder": tmp_path, "text": tmp_path / "x.txt"}[what]
    if what == "text":
        place.write_text("x")

    with pytest.raises(ImportRefusedError) as refused:
        open_project(place)

    assert refused.value.file == str(place)


def test_links_in_a_folder_are_told_and_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "outside/secret_0.1.item")
    put(tmp_path, "P/process/a_0.1.item")
    (tmp_path / "P/process/b_0.1.item").symlink_to(tmp_path / "outside/secret_0.1.item")
    (tmp_path / "P/more").symlink_to(tmp_path / "outside")

    project = open_project(tmp_path / "P")

    assert [ref.label for ref in project.items] == ["a"]
    assert project.warnings[:2] == (
        "more: a link, which is not followed",
        "process/b_0.1.item: a link, which is not followed",
    )


def _named(name: str) -> Callable[[zipfile.ZipFile], None]:
    return lambda archive: archive.writestr(zipfile.ZipInfo(name), "x")


def _link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("process/b_0.1.item")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


def _bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("process/b_0.1.item", bytes(2 << 20), zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("add", "message"),
    [
        pytest.param(_named("../x.item"), "leaves the archive", id="parent"),
        pytest.param(_named("a/../../x.item"), "leaves the archive", id="parent within"),
        pytest.param(_named("a\\..\\..\\x.item"), "leaves the archive", id="backslashes"),
        pytest.param(_named("/etc/x.item"), "absolute path", id="absolute"),
        pytest.param(_named("\\\\host\\share\\x.item"), "absolute path", id="UNC"),
        pytest.param(_named("C:\\x.item"), "absolute path", id="drive"),
        pytest.param(
            _named("process/a_0.1.item"),
            "stands there twice",
            id="twice",
            marks=pytest.mark.filterwarnings("ignore"),
        ),
        pytest.param(_link, "is a link", id="link"),
        pytest.param(_bomb, "more than 200 times", id="ratio"),
    ],
)
def test_an_archive_with_one_dangerous_member_is_refused_whole(
    tmp_path: Path, add: Callable[[zipfile.ZipFile], None], message: str
) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("process/a_0.1.item", JOB)
        add(archive)

    with pytest.raises(ImportRefusedError, match=message) as refused:
        open_project(tmp_path / "p.zip")

    assert refused.value.file == str(tmp_path / "p.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["p.zip"]


def _patched(data: bytes, at: int, value: int, form: str = "<H") -> bytes:
    """A number changed in the archive's directory, which zipfile believes."""
    start = data.index(b"PK\x01\x02")
    return data[: start + at] + struct.pack(form, value) + data[start + at + struct.calcsize(form) :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda data: data[: len(data) // 2], "no zip archive", id="truncated"),
        pytest.param(lambda _: b"hello", "no zip archive", id="none"),
        pytest.param(lambda data: _patched(data, 8, 1), "is encrypted", id="encrypted"),
        pytest.param(lambda data: _patched(data, 24, 0xF0000000, "<I"), "more than 200 times", id="size"),
        pytest.param(lambda data: _patched(data, 16, 7, "<I"), "is damaged", id="checksum"),
    ],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, change: Callable[[bytes], bytes], message: str) -> None:
    place = tmp_path / "p.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("process/a_0.1.item", JOB)
    place.write_bytes(change(place.read_bytes()))

    with pytest.raises(ImportRefusedError, match=message):
        open_project(place)


def test_one_damaged_job_leaves_the_others(tmp_path: Path) -> None:
    """A file that is cut off is found, so that it is refused by name, and does not stop the project."""
    shutil.copytree(SAMPLE, tmp_path / "S")
    item = tmp_path / "S/process/landing/premium_0.1.item"
    item.write_bytes(item.read_bytes()[:5000])

    project = open_project(tmp_path / "S")

    cut = "process/landing/premium_0.1.item:39 not well-formed XML: unclosed token"
    assert _read(project) == {"policy_load": "", "premium": cut, "run_all": ""}


def _read(project: Project) -> dict[str, str]:
    outcome = {}
    for ref in project.jobs:
        try:
            read_job(parse(project.read(ref), ref.path), ref)
            outcome[ref.label] = ""
        except ImportRefusedError as error:
            outcome[ref.label] = f"{error.file}:{error.line} {error.message.partition(' (')[0]}"
    return outcome
