-- Contracts with what the lookup adds; a contract that the lookup lacks keeps its own values.
SELECT
  row1.customer_id,
  row1.contract_id,
  row1.status,
  row1.amount,
  CAST('${BIZ_DT}' AS DATE)            AS biz_dt,
  CAST('${PROCESS_FROM_DATE}' AS DATE) AS etl_start_dt,
  CAST('${PROCESS_TO_DATE}' AS DATE)   AS etl_end_dt,
  CASE WHEN UPPER(TRIM(row1.status)) IN ("ACTIVE", "A", "INFORCE") THEN "ACTIVE" ELSE "INACTIVE" END AS biz_status,
  '${CHANGE_INDICATOR}'                AS change_indicator,
  COALESCE(row2.entity_new, row1.entity, '${ENTITY}') AS entity_new,
  COALESCE(row1.premium_amt, row2.premium_fallback)   AS premium_amt
FROM row1
LEFT JOIN row2 ON row1.contract_id = row2.contract_id;
