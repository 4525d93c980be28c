"""Methods that the interpreter knows, as tables by class, name and number of arguments."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.java.answers import dates, numbers, strings
from fdm_platform.talend.java.answers.answer import Answer, Key
from fdm_platform.talend.java.answers.numbers import CONSTANTS

__all__ = ["CONSTANTS", "CONSTRUCTED", "OF_CLASSES", "OF_VALUES", "Answer", "Key"]

OF_VALUES: Mapping[Key, Answer] = {**strings.OF_VALUES, **numbers.OF_VALUES, **dates.OF_VALUES}
"""Of a value, by the class of the receiver."""
OF_CLASSES: Mapping[Key, Answer] = {**strings.OF_CLASSES, **numbers.OF_CLASSES, **dates.OF_CLASSES}
CONSTRUCTED: Mapping[Key, Answer] = {**strings.CONSTRUCTED, **numbers.CONSTRUCTED, **dates.CONSTRUCTED}
