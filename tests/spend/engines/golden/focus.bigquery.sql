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
    FORMAT_TIMESTAMP('%Y-%m', start) AS month,
    cost
  FROM (
    SELECT
      CASE
        WHEN LOWER(NULLIF(`providername`, '')) LIKE 'amazon web services%'
        OR LOWER(NULLIF(`providername`, '')) LIKE 'aws%'
        THEN 'aws'
        WHEN LOWER(NULLIF(`providername`, '')) LIKE 'google%'
        OR LOWER(NULLIF(`providername`, '')) LIKE 'gcp%'
        THEN 'google'
        WHEN LOWER(NULLIF(`providername`, '')) LIKE 'microsoft%'
        OR LOWER(NULLIF(`providername`, '')) LIKE 'azure%'
        THEN 'azure'
        ELSE NULLIF(`providername`, '')
      END AS provider,
      NULLIF(`subaccountid`, '') AS account,
      NULLIF(`regionid`, '') AS region,
      NULLIF(`servicename`, '') AS service,
      NULLIF(`billingcurrency`, '') AS currency,
      SAFE_CAST(`chargeperiodstart` AS TIMESTAMP) AS start,
      CASE
        WHEN NULLIF(`chargecategory`, '') IN ('Credit', 'Adjustment')
        THEN 'credit_adjustment'
        WHEN NULLIF(`chargecategory`, '') = 'Tax'
        THEN 'tax'
        WHEN NULLIF(`chargecategory`, '') = 'Purchase'
        THEN 'purchase'
        WHEN NULLIF(`chargecategory`, '') = 'Usage'
        AND NULLIF(`commitmentdiscountstatus`, '') = 'Unused'
        THEN 'unused_commitment'
        WHEN NULLIF(`chargecategory`, '') = 'Usage' AND NOT NULLIF(`resourceid`, '') IS NULL
        THEN 'usage_taggable'
        WHEN NULLIF(`chargecategory`, '') = 'Usage'
        THEN 'usage_no_resource'
      END AS class,
      NULLIF(`resourceid`, '') AS resource,
      TO_JSON_STRING(`tags`) AS tags,
      CAST(NULL AS STRING) AS inherited,
      ROUND(SAFE_CAST(`effectivecost` AS BIGNUMERIC), 18) AS cost
    FROM `c`.`s`.`t`
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
