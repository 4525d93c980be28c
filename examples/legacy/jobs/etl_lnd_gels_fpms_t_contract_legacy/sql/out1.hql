/* Each contract with what was paid on the date.
   VIEW_NAME is this step's own name: /* of the view, */ out1. */
WITH ${VIEW_NAME} AS (
  SELECT contract_id, SUM(amount) AS paid, COUNT(*) AS payments
  FROM row3
  WHERE currency = '${currency}'
  GROUP BY contract_id
)
SELECT
  c.customer_id,
  c.contract_id,
  c.status,
  c.amount,
  c.premium_amt,
  c.entity_new,
  c.region,
  CAST(COALESCE(${VIEW_NAME}.paid, 0) AS DECIMAL(18,2)) AS paid,
  COALESCE(${VIEW_NAME}.payments, 0)                    AS payments,
  c.load_dt,
  DATE_FORMAT(c.load_dt, "yyyyMMdd")                    AS biz_dt,
  c.biz_status
FROM tMap_1_out1 AS c
LEFT JOIN ${VIEW_NAME} ON c.contract_id = ${VIEW_NAME}.contract_id
