"""What stands in for the framework that legacy job scripts import. Shipped beside the driver, never imported by it."""
