"""Landing tables of a financial data mart as Dagster assets."""
