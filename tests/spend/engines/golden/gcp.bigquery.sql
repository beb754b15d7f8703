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
      'google' AS provider,
      project.id AS account,
      CAST(NULL AS STRING) AS region,
      service.description AS service,
      CAST(NULL AS STRING) AS currency,
      SAFE_CAST(`usage_start_time` AS TIMESTAMP) AS start,
      CASE
        WHEN (
          SELECT
            COUNT(*)
          FROM UNNEST(system_labels) AS x
          WHERE
            x.key = 'compute.googleapis.com/is_unused_reservation' AND x.value = 'true'
        ) > 0
        THEN 'unused_commitment'
        WHEN COALESCE(NULLIF(resource.global_name, ''), NULLIF(resource.name, ''), NULL) IS NULL
        THEN 'usage_no_resource'
        ELSE 'usage_taggable'
      END AS class,
      COALESCE(NULLIF(resource.global_name, ''), NULLIF(resource.name, ''), NULL) AS resource,
      '[' || COALESCE(TO_JSON_STRING(labels), '[]') || ',' || COALESCE(TO_JSON_STRING(tags), '[]') || ']' AS tags,
      TO_JSON_STRING(project.labels) AS inherited,
      ROUND(SAFE_CAST(CAST(`cost` AS STRING) AS BIGNUMERIC), 18) + COALESCE(
        (
          SELECT
            SUM(ROUND(SAFE_CAST(CAST(x.amount AS STRING) AS BIGNUMERIC), 18))
          FROM UNNEST(credits) AS x
          WHERE
            COALESCE(x.type, '') IN (
              'COMMITTED_USAGE_DISCOUNT',
              'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE',
              'DISCOUNT',
              'FEE_UTILIZATION_OFFSET',
              'FREE_TIER',
              'RESELLER_MARGIN',
              'SUBSCRIPTION_BENEFIT',
              'SUSTAINED_USAGE_DISCOUNT'
            )
        ),
        ROUND(CAST(0 AS BIGNUMERIC), 18)
      ) AS cost
    FROM `c`.`s`.`t`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        'google' AS provider,
        project.id AS account,
        CAST(NULL AS STRING) AS region,
        service.description AS service,
        CAST(NULL AS STRING) AS currency,
        SAFE_CAST(`usage_start_time` AS TIMESTAMP) AS start,
        'credit_adjustment' AS class,
        COALESCE(NULLIF(resource.global_name, ''), NULLIF(resource.name, ''), NULL) AS resource,
        '[' || COALESCE(TO_JSON_STRING(labels), '[]') || ',' || COALESCE(TO_JSON_STRING(tags), '[]') || ']' AS tags,
        TO_JSON_STRING(project.labels) AS inherited,
        COALESCE(
          (
            SELECT
              SUM(ROUND(SAFE_CAST(CAST(x.amount AS STRING) AS BIGNUMERIC), 18))
            FROM UNNEST(credits) AS x
            WHERE
              NOT COALESCE(x.type, '') IN (
                'COMMITTED_USAGE_DISCOUNT',
                'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE',
                'DISCOUNT',
                'FEE_UTILIZATION_OFFSET',
                'FREE_TIER',
                'RESELLER_MARGIN',
                'SUBSCRIPTION_BENEFIT',
                'SUSTAINED_USAGE_DISCOUNT'
              )
          ),
          ROUND(CAST(0 AS BIGNUMERIC), 18)
        ) AS cost
      FROM `c`.`s`.`t`
    ) AS besides
    WHERE
      cost <> 0
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
