"""A date's body: its HQL steps in order, then the transform if the table has one."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pyspark.cloudpickle.cloudpickle import register_pickle_by_value
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession

from fdm_platform.engines.failure import sql_error
from fdm_platform.errors import ContractError, DeclarationError
from fdm_platform.model.plan import DatePlan, LoadPlan, Parameter, StepPlan

Transform = Callable[[SparkSession, Mapping[str, DataFrame], Mapping[str, Any]], DataFrame]


def run_steps(spark: SparkSession, steps: Sequence[StepPlan]) -> dict[str, DataFrame]:
    """Each step's SELECT as the temporary view of its name; all of them, in order.

    SqlError: Spark's parser or analyser refuses one, with file, line and column.
    """
    results = {}
    for step in steps:
        try:
            results[step.view] = spark.sql(step.sql)
        except (ParseException, AnalysisException) as error:
            raise sql_error(error, step.file) from error
        results[step.view].createOrReplaceTempView(step.view)
    return results


def run_body(
    spark: SparkSession, plan: LoadPlan, date_plan: DatePlan, inputs: Mapping[str, DataFrame]
) -> DataFrame:
    """The date's result: the last step's, or what the transform makes of sources and steps."""
    steps = run_steps(spark, date_plan.steps)
    if plan.transform is None:
        if not steps:
            raise DeclarationError(
                "there is neither a step nor a transform", file=plan.file, remedy="name an HQL under `steps`"
            )
        return steps[date_plan.steps[-1].view]
    function = load_transform(plan.transform, plan.python_path, plan.file)
    result = function(spark, {**inputs, **steps}, typed_parameters(date_plan.parameters))
    if not isinstance(result, DataFrame):
        raise ContractError(
            f"{plan.transform} returned {type(result).__name__}, not a DataFrame",
            file=plan.file,
            field="transform",
            remedy="return the DataFrame that is to be written",
        )
    return result


def load_transform(reference: str, python_path: Sequence[str], file: str) -> Transform:
    """The function of `package.module:function`, imported from the table's folders first.

    Executors are given the module by value: its folder is not on their path. DeclarationError: there is
    no such module or function; an error inside the module is raised as it is.
    """
    module_name, _, function_name = reference.partition(":")
    sys.path[:] = [*python_path, *(p for p in sys.path if p not in python_path)]
    _forget_other_tables(module_name, python_path)
    try:
        module = importlib.import_module(module_name)
        function: Transform = getattr(module, function_name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise DeclarationError(
            f"cannot import the transform {reference}: {error}",
            file=file,
            field="transform",
            remedy=f"define {function_name}(spark, inputs, params) in {module_name.replace('.', '/')}.py",
        ) from error
    by_value: Any = register_pickle_by_value
    by_value(module)
    return function


def _forget_other_tables(module_name: str, python_path: Sequence[str]) -> None:
    """Two tables may each have a `transform.py`: one that another table's folder gave is imported anew."""
    importlib.invalidate_caches()
    known = sys.modules.get(module_name)
    where = importlib.machinery.PathFinder.find_spec(module_name, list(python_path)) if known else None
    if known and where and where.origin != getattr(known, "__file__", None):
        del sys.modules[module_name]


def typed_parameters(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Parameters as Python values by name: dates as `date`, timestamps as `datetime`, decimals exact."""
    return {p.name: _typed(p) for p in parameters}


def _typed(parameter: Parameter) -> Any:
    value = parameter.value
    if value is None:
        return None
    convert: dict[str, Callable[[Any], Any]] = {
        "date": lambda v: date.fromisoformat(str(v)),
        "timestamp": lambda v: datetime.fromisoformat(str(v)),
        "decimal": lambda v: Decimal(str(v)),
        "integer": int,
        "boolean": bool,
        "string": str,
    }
    return convert[parameter.type](value)
