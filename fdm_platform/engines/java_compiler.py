"""Makes a jar of one Java file, by the compiler that Spark brings for the code it generates.

    python java_compiler.py SOURCE.java OUT.jar       run by class_archive.py inside a JVM with Spark's jars

So no JDK with a compiler is asked for, and nothing compiled is kept among the sources.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

from pyspark.java_gateway import launch_gateway


def main(source: Path, jar: Path) -> None:
    """Compile; an error of the compiler's is raised with file and line."""
    gateway: Any = launch_gateway()  # type: ignore[no-untyped-call]
    compiler = gateway.jvm.org.codehaus.janino.SimpleCompiler()
    compiler.cook(source.read_text(encoding="utf-8"))
    classes = compiler.getBytecodes()
    with zipfile.ZipFile(jar, "w") as archive:
        for name in classes:
            archive.writestr(f"{name.replace('.', '/')}.class", bytes(classes[name]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
