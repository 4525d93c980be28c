"""Java expressions of Talend's components, translated to Spark SQL that answers as Java would.

Text → tree-sitter's tree → typed tree (typing) → SQL expression with the condition under which Java would have thrown.
"""
