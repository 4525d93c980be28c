"""Talend's XML: what is refused, with its line, and in which encodings it is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fdm_platform.errors import ImportRefusedError
from fdm_platform.talend import xml
from fdm_platform.talend.xml import Node, outline, parse

DECLARED = '<?xml version="1.0" encoding="{}"?>\n<job name="{}">\n<a/></job>'


def test_local_names_children_and_lines() -> None:
    text = (
        b'<t:job xmlns:t="x" xmlns="y" xmi:id="1" id="2">\n  <node a="b"><c/></node>\n  <node/>tail</t:job>'
    )

    root = parse(text, "j.item")

    assert (root.tag, root.get("id"), root.get("xmi:id"), root.get("none", "default")) == (
        "job",
        "2",
        "1",
        "default",
    )
    assert [(n.tag, n.get("a"), n.line) for n in root.all("node")] == [("node", "b", 2), ("node", "", 3)]
    assert next(root.all("node")).children == (Node("c", {}, (), 2),)


def test_pictures_and_places_on_the_canvas_are_never_kept() -> None:
    root = parse(
        b'<job screenshot="abc" posX="1"><subjob><a/></subjob><note/><screenshots/><a/></job>', "j.item"
    )

    assert root.attributes == {}
    assert [child.tag for child in root.children] == ["a"]


_BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        pytest.param(
            f'<?xml version="1.0"?>\n<!DOCTYPE j [<!ENTITY l0 "lol">{_BOMB}]>\n<j>&l9;</j>',
            "DOCTYPE",
            2,
            id="bomb",
        ),
        pytest.param(
            '<!DOCTYPE j [<!ENTITY x SYSTEM "file:///etc/passwd">]><j a="&x;"/>', "DOCTYPE", 1, id="XXE"
        ),
        pytest.param(
            '<!DOCTYPE j [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><j/>', "DOCTYPE", 1, id="parameter"
        ),
        pytest.param('<!DOCTYPE j SYSTEM "http://127.0.0.1/x.dtd"><j/>', "DOCTYPE", 1, id="external DTD"),
        pytest.param('<j>\n<a b="&x;"/></j>', "undefined entity", 2, id="entity"),
        pytest.param('<j>\n<a>\n<b c="', "unclosed token", 3, id="in a tag"),
        pytest.param("<j>\n<a>\n", "no element found", 3, id="between tags"),
        pytest.param("", "no element found", 1, id="empty"),
        pytest.param("<j>\n</a></j>", "mismatched tag", 2, id="mismatched"),
        pytest.param('<j>\n<a b="&#x1B;"/></j>', "invalid character number", 2, id="escape"),
        pytest.param("<j/>\n<k/>", "junk after document element", 2, id="two roots"),
        pytest.param("package routines;\n", "not well-formed", 1, id="Java"),
        pytest.param("<j>\n" + "<a>" * 200, "200 deep", 2, id="depth"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_is_refused_is_refused_with_its_line(text: str, message: str, line: int, encoding: str) -> None:
    with pytest.raises(ImportRefusedError, match=message) as refused:
        parse(text.encode(encoding), "p/j_0.1.item")

    assert (refused.value.file, refused.value.line) == ("p/j_0.1.item", line)
    assert refused.value.remedy
    assert f"(line {line}, column " in refused.value.message


def test_a_tag_that_does_not_end_is_given_up_early() -> None:
    with pytest.raises(ImportRefusedError, match=r"a tag of more than 16,777,216 bytes"):
        parse(b'<j a="' + b"x" * (22 << 20), "j.item")


@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("UTF-8", "utf-8", "é中"),
        ("UTF-8", "utf-8-sig", "é中"),
        ("UTF-16", "utf-16", "é中"),
        ("UTF-16", "utf-16-le", "é中"),
        ("UTF-16", "utf-16-be", "é中"),
        ("UTF-16LE", "utf-16-le", "é中"),
        ("ISO-8859-15", "iso-8859-15", "é€"),
        ("windows-1252", "cp1252", "é€"),
        ("GBK", "gbk", "中"),
        ("Shift_JIS", "shift_jis", "中"),
        ("gb18030", "gb18030", "é中"),
    ],
)
def test_every_encoding_that_python_knows_is_read(declared: str, codec: str, name: str) -> None:
    data = DECLARED.format(declared, name).encode(codec)

    assert parse(data, "j.item").get("name") == name
    assert outline(data, "j.item") == ("job", "a")


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        pytest.param(b'<j>\n<a b="\xe9"/></j>', "no character in utf-8", 2, id="Latin 1, undeclared"),
        pytest.param(
            DECLARED.format("UTF-8", "é").encode("latin-1"), "no character in utf-8", 2, id="Latin 1 as UTF-8"
        ),
        pytest.param(DECLARED.format("ascii", "é").encode(), "no character in ascii", 2, id="UTF-8 as ASCII"),
        pytest.param(
            DECLARED.format("GBK", "é").encode("cp1252"), "no character in gbk", 2, id="1252 as GBK"
        ),
        pytest.param(
            DECLARED.format("UTF-16", "x").encode(), "'UTF-16', which it cannot be", 1, id="8 bits as 16"
        ),
        pytest.param(
            DECLARED.format("klingon", "x").encode(), "'klingon', which it cannot be", 1, id="unknown"
        ),
        pytest.param(
            DECLARED.format("zlib", "x").encode(), "'zlib', which it cannot be", 1, id="a compression"
        ),
        pytest.param(
            DECLARED.format("punycode", "x").encode(), "'punycode', which it cannot be", 1, id="punycode"
        ),
        pytest.param("<j/>".encode("utf-16")[:-1], "no character in utf-16", 1, id="half a character"),
    ],
)
def test_a_wrong_declaration_is_an_error_with_its_line(data: bytes, message: str, line: int) -> None:
    with pytest.raises(ImportRefusedError, match=message) as refused:
        parse(data, "j.item")

    assert refused.value.line == line


def test_an_outline_needs_no_more_than_the_head() -> None:
    head = b'<?xml version="1.0"?><t:ProcessType a="b"><context/><never ends'

    assert outline(head, "j.item") == ("ProcessType", "context")
    assert outline(b"<XMI/>", "j.item") == ("XMI", "")
    assert outline(b'<ProcessType screenshot="goes on', "j.item") == ("", "")


_LARGE = """
import resource
from fdm_platform.talend.xml import parse
row = '<node componentName="tMap"><elementParameter field="TEXT" name="N" value="{:0200}"/></node>\\n'
data = ("<?xml version='1.0'?><job>" + "".join(row.format(n) for n in range(190_000)) + "</job>").encode()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
root = parse(data, "j.item")
print(len(data) >> 20, len(root.children), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_a_file_of_50_megabytes_takes_little_more_memory_than_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LARGE], check=True, capture_output=True, text=True, cwd=_root()
    )
    megabytes, nodes, more = map(int, done.stdout.split())

    assert megabytes >= 50
    assert nodes == 190_000
    assert more < 250


def _root() -> Path:
    return Path(xml.__file__).parents[2]


def test_a_file_above_the_limit_is_not_looked_at() -> None:
    with pytest.raises(ImportRefusedError, match="more than any Talend file"):
        parse(bytes(xml.MOST_BYTES + 1), "j.item")
