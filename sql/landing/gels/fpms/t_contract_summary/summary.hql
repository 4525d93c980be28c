SELECT
  entity_new,
  biz_status,
  COUNT(*)         AS contracts,
  SUM(amount)      AS amount,
  SUM(premium_amt) AS premium_amt,
  CAST('${BIZ_DT}' AS DATE) AS biz_dt
FROM contracts
GROUP BY entity_new, biz_status
