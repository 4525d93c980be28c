"""Talend Studio's jobs, read and written anew as declared tables.

XML → TalendJob (reading) → JobFlow (flow) → Select per component (components, java) → HQL, YAML and MIGRATION.md
(writing, migration). Nothing here starts Spark or knows Dagster. What cannot be carried over is a Residue, a value:
no stage drops a component, an output or an expression without saying so.
"""
