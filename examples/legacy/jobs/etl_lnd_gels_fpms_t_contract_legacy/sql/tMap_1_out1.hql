-- Contracts of the run's date with what the lookup adds. '${nothing}' is looked up in a comment.
SELECT
  row1.customer_id,
  row1.contract_id,
  UPPER(TRIM(row1.status))                                            AS status,
  row1.amount,
  COALESCE(row1.premium_amt, row2.premium_fallback)                   AS premium_amt,
  COALESCE(row2.entity_new, row1.entity, ''" + context.ENTITY + "'')  AS entity_new,
  '" + context.region + "'                                            AS region,
  CASE WHEN UPPER(TRIM(row1.status)) IN ("ACTIVE", "A", "INFORCE") THEN "ACTIVE" ELSE "INACTIVE" END AS biz_status,
  CAST('${BIZ_DT}' AS DATE)                                           AS load_dt
FROM row1
LEFT JOIN row2 ON row1.contract_id = row2.contract_id
WHERE row1.amount >= context.min_amount AND row1.amount < " + context.max_amount + "
;
