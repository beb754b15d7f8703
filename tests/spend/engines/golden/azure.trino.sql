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
      'azure' AS provider,
      NULLIF("SubscriptionId", '') AS account,
      CAST(NULL AS VARCHAR) AS region,
      NULLIF("MeterCategory", '') AS service,
      CAST(NULL AS VARCHAR) AS currency,
      COALESCE(
        TRY(CAST(DATE_PARSE("Date", '%m/%d/%Y') AS TIMESTAMP WITH TIME ZONE)),
        COALESCE(TRY(FROM_ISO8601_TIMESTAMP("Date")), TRY_CAST("Date" AS TIMESTAMP WITH TIME ZONE))
      ) AS start,
      CASE
        WHEN NULLIF("ResourceId", '') IS NULL
        THEN 'usage_no_resource'
        ELSE 'usage_taggable'
      END AS class,
      NULLIF("ResourceId", '') AS resource,
      NULLIF("Tags", '') AS tags,
      CAST(NULL AS VARCHAR) AS inherited,
      TRY_CAST(CAST("CostInBillingCurrency" AS VARCHAR) AS DECIMAL(38, 18)) AS cost
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
