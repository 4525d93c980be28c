"""Methods that the interpreter knows, as tables by class, name and number of arguments."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.java.answers import strings
from fdm_platform.talend.java.answers.answer import Answer, Key
from fdm_platform.talend.java.values import Held

__all__ = ["CONSTANTS", "CONSTRUCTED", "OF_CLASSES", "OF_VALUES", "Answer", "Key"]

OF_VALUES: Mapping[Key, Answer] = {**strings.OF_VALUES}
OF_CLASSES: Mapping[Key, Answer] = {**strings.OF_CLASSES}
CONSTRUCTED: Mapping[Key, Answer] = {}
CONSTANTS: Mapping[str, Held] = {}
"""By class and name, `Integer.MAX_VALUE`."""
