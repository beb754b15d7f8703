SELECT
  provider,
  account,
  region,
  service,
  currency,
  month,
  class,
  resource,
  tags,
  inherited,
  SUM(cost) AS cost,
  COUNT(*) AS charges,
  COUNT(*) - COUNT(cost) AS unread
FROM (
  SELECT
    provider,
    account,
    region,
    service,
    currency,
    class,
    resource,
    tags,
    inherited,
    DATE_FORMAT(AT_TIMEZONE(start, 'UTC'), '%Y-%m') AS month,
    cost
  FROM (
    SELECT
      CASE
        WHEN LOWER(NULLIF("providername", '')) LIKE 'amazon web services%'
        OR LOWER(NULLIF("providername", '')) LIKE 'aws%'
        THEN 'aws'
        WHEN LOWER(NULLIF("providername", '')) LIKE 'google%'
        OR LOWER(NULLIF("providername", '')) LIKE 'gcp%'
        THEN 'google'
        WHEN LOWER(NULLIF("providername", '')) LIKE 'microsoft%'
        OR LOWER(NULLIF("providername", '')) LIKE 'azure%'
        THEN 'azure'
        ELSE NULLIF("providername", '')
      END AS provider,
      NULLIF("subaccountid", '') AS account,
      NULLIF("regionid", '') AS region,
      NULLIF("servicename", '') AS service,
      NULLIF("billingcurrency", '') AS currency,
      TRY_CAST("chargeperiodstart" AS TIMESTAMP WITH TIME ZONE) AS start,
      CASE
        WHEN NULLIF("chargecategory", '') IN ('Credit', 'Adjustment')
        THEN 'credit_adjustment'
        WHEN NULLIF("chargecategory", '') = 'Tax'
        THEN 'tax'
        WHEN NULLIF("chargecategory", '') = 'Purchase'
        THEN 'purchase'
        WHEN NULLIF("chargecategory", '') = 'Usage'
        AND NULLIF("commitmentdiscountstatus", '') = 'Unused'
        THEN 'unused_commitment'
        WHEN NULLIF("chargecategory", '') = 'Usage' AND NOT NULLIF("resourceid", '') IS NULL
        THEN 'usage_taggable'
        WHEN NULLIF("chargecategory", '') = 'Usage'
        THEN 'usage_no_resource'
      END AS class,
      NULLIF("resourceid", '') AS resource,
      JSON_FORMAT(CAST("tags" AS JSON)) AS tags,
      CAST(NULL AS VARCHAR) AS inherited,
      TRY_CAST("effectivecost" AS DECIMAL(38, 18)) AS cost
    FROM "c"."s"."t"
  ) AS charges
) AS dated
GROUP BY
  provider,
  account,
  region,
  service,
  currency,
  month,
  class,
  resource,
  tags,
  inherited
