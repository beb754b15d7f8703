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
      'azure' AS provider,
      NULLIF(`SubscriptionId`, '') AS account,
      CAST(NULL AS STRING) AS region,
      NULLIF(`MeterCategory`, '') AS service,
      CAST(NULL AS STRING) AS currency,
      COALESCE(SAFE.PARSE_TIMESTAMP('%m/%d/%Y', `Date`), SAFE_CAST(`Date` AS TIMESTAMP)) AS start,
      CASE
        WHEN NULLIF(`ResourceId`, '') IS NULL
        THEN 'usage_no_resource'
        ELSE 'usage_taggable'
      END AS class,
      NULLIF(`ResourceId`, '') AS resource,
      NULLIF(`Tags`, '') AS tags,
      CAST(NULL AS STRING) AS inherited,
      ROUND(SAFE_CAST(CAST(`CostInBillingCurrency` AS STRING) AS BIGNUMERIC), 18) AS cost
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
