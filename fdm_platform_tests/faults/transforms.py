"""Transforms of the sample's payments that a test holds in its hand: to be formatted with the paths that they name."""

WORKS_FOR_EVER = """
import threading
def summarise(spark, inputs, params):
    open({begun!r}, "w").close()
    threading.Event().wait()
"""
WORKS_UNTIL_TOLD = """
import os, time
from pyspark.sql import functions as F
def summarise(spark, inputs, params):
    open({begun!r}, "w").close()
    while not os.path.exists({gate!r}):
        time.sleep(0.1)
    rows = inputs["payments"].groupBy("contract_id", "currency")
    summed = rows.agg(F.count("*").alias("payments"), F.sum("amount").cast("decimal(18,2)").alias("amount"))
    return summed.withColumn("biz_dt", F.lit(params["biz_dt"]).cast("date"))
"""
FINDS_NOBODY = """
import socket
def summarise(spark, inputs, params):
    socket.create_connection(("127.0.0.1", 1))
"""
