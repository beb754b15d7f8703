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
      'aws' AS provider,
      NULLIF("line_item_usage_account_id", '') AS account,
      CAST(NULL AS VARCHAR) AS region,
      CAST(NULL AS VARCHAR) AS service,
      NULLIF("line_item_currency_code", '') AS currency,
      COALESCE(
        TRY(FROM_ISO8601_TIMESTAMP("line_item_usage_start_date")),
        TRY_CAST("line_item_usage_start_date" AS TIMESTAMP WITH TIME ZONE)
      ) AS start,
      CASE
        WHEN NULLIF("line_item_line_item_type", '') IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage')
        THEN CASE
          WHEN NULLIF("line_item_resource_id", '') IS NULL
          THEN 'usage_no_resource'
          ELSE 'usage_taggable'
        END
        WHEN NULLIF("line_item_line_item_type", '') = 'Tax'
        THEN 'tax'
        WHEN NULLIF("line_item_line_item_type", '') IN ('Fee', 'SavingsPlanUpfrontFee')
        THEN 'purchase'
        WHEN NULLIF("line_item_line_item_type", '') IN ('RIFee', 'SavingsPlanRecurringFee')
        THEN 'unused_commitment'
        WHEN NULLIF("line_item_line_item_type", '') IN (
          'Credit',
          'Refund',
          'BundledDiscount',
          'Discount',
          'DistributorDiscount',
          'EdpDiscount',
          'PrivateRateDiscount',
          'RiVolumeDiscount',
          'SavingsPlanNegation',
          'SppDiscount'
        )
        THEN 'credit_adjustment'
      END AS class,
      NULLIF("line_item_resource_id", '') AS resource,
      CONCAT(
        CAST('{' AS VARCHAR),
        CAST(CONCAT_WS(
          ', ',
          CAST(CASE
            WHEN NOT NULLIF("resource_tags_user_owner", '') IS NULL
            THEN CONCAT(
              CAST('"owner": "' AS VARCHAR),
              CAST(REPLACE(
                REPLACE(
                  REPLACE(
                    REPLACE(REPLACE(NULLIF("resource_tags_user_owner", ''), '\', '\\'), '"', '\"'),
                    CHR(  10),
                    '\n'
                  ),
                  CHR(  13),
                  '\r'
                ),
                CHR(  9),
                '\t'
              ) AS VARCHAR),
              CAST('"' AS VARCHAR)
            )
          END AS VARCHAR)
        ) AS VARCHAR),
        CAST('}' AS VARCHAR)
      ) AS tags,
      CAST(NULL AS VARCHAR) AS inherited,
      CASE
        WHEN NULLIF("line_item_line_item_type", '') = 'SavingsPlanCoveredUsage'
        THEN TRY_CAST(CAST("savings_plan_savings_plan_effective_cost" AS VARCHAR) AS DECIMAL(38, 18))
        WHEN NULLIF("line_item_line_item_type", '') = 'SavingsPlanRecurringFee'
        THEN TRY_CAST(CAST("savings_plan_total_commitment_to_date" AS VARCHAR) AS DECIMAL(38, 18)) - TRY_CAST(CAST("savings_plan_used_commitment" AS VARCHAR) AS DECIMAL(38, 18))
        WHEN NULLIF("line_item_line_item_type", '') IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee')
        THEN 0
        WHEN NULLIF("line_item_line_item_type", '') = 'DiscountedUsage'
        THEN CAST(NULL AS DECIMAL(38, 18))
        WHEN NULLIF("line_item_line_item_type", '') = 'RIFee'
        THEN CAST(NULL AS DECIMAL(38, 18)) + CAST(NULL AS DECIMAL(38, 18))
        WHEN NULLIF("line_item_line_item_type", '') = 'Fee'
        AND NOT CAST(NULL AS VARCHAR) IS NULL
        THEN 0
        ELSE TRY_CAST(CAST("line_item_unblended_cost" AS VARCHAR) AS DECIMAL(38, 18))
      END AS cost
    FROM "c"."s"."t"
    WHERE
      COALESCE(NULLIF("line_item_usage_type", ''), '') NOT LIKE '%EKSPod-EC2%'
      AND COALESCE(NULLIF("line_item_usage_type", ''), '') NOT LIKE '%ECSTask-EC2%'
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
