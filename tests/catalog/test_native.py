"""The native names of resource types. Each ARN below is of the form that its service documents."""

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.catalog import known_types, lookup
from costguard.catalog.native import (
    canonical,
    explorer_type,
    keys,
    known,
    native_types,
    state_key,
    terraform_type,
    terraform_type_of_arn,
    variants,
)

# ARN, Explorer's type, Terraform's type.
ARNS = [
    # EC2: one word, one id; the words aren't always Terraform's.
    ("arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc", "ec2:instance", "aws_instance"),
    ("arn:aws:ec2:eu-west-1:111122223333:volume/vol-0abc", "ec2:volume", "aws_ebs_volume"),
    ("arn:aws:ec2:eu-west-1::snapshot/snap-0abc", "ec2:snapshot", "aws_ebs_snapshot"),
    ("arn:aws:ec2:eu-west-1::image/ami-0abc", "ec2:image", "aws_ami"),
    ("arn:aws:ec2:eu-west-1:111122223333:elastic-ip/eipalloc-0abc", "ec2:elastic-ip", "aws_eip"),
    ("arn:aws:ec2:eu-west-1:111122223333:natgateway/nat-0abc", "ec2:natgateway", "aws_nat_gateway"),
    ("arn:aws:ec2:eu-west-1:111122223333:network-interface/eni-0abc", "ec2:network-interface", "aws_network_interface"),
    ("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0abc", "ec2:security-group", "aws_security_group"),
    ("arn:aws:ec2:eu-west-1:111122223333:security-group-rule/sgr-0abc", "ec2:security-group-rule", None),
    ("arn:aws:ec2:eu-west-1:111122223333:launch-template/lt-0abc", "ec2:launch-template", "aws_launch_template"),
    ("arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-0abc", "ec2:vpc", "aws_vpc"),
    ("arn:aws:ec2:eu-west-1:111122223333:vpc-endpoint/vpce-0abc", "ec2:vpc-endpoint", "aws_vpc_endpoint"),
    ("arn:aws:ec2:eu-west-1:111122223333:vpc-flow-log/fl-0abc", "ec2:vpc-flow-log", "aws_flow_log"),
    ("arn:aws:ec2:eu-west-1:111122223333:dedicated-host/h-0abc", "ec2:dedicated-host", "aws_ec2_host"),
    ("arn:aws:ec2:eu-west-1:111122223333:key-pair/key-0abc", "ec2:key-pair", "aws_key_pair"),
    ("arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-0abc", "ec2:transit-gateway", "aws_ec2_transit_gateway"),
    (
        "arn:aws:ec2:eu-west-1:111122223333:transit-gateway-attachment/tgw-attach-0abc",
        "ec2:transit-gateway-attachment",
        None,
    ),
    ("arn:aws:ec2::111122223333:ipam/ipam-0abc", "ec2:ipam", "aws_vpc_ipam"),
    ("arn:aws:ec2:eu-west-1:111122223333:placement-group/my group/a", "ec2:placement-group", "aws_placement_group"),
    ("arn:aws:ec2:eu-west-1:111122223333:no-such-thing/x-0abc", None, None),
    # Auto Scaling: an id between two words, and a name of any characters. A policy's ARN starts alike.
    (
        "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:5e6a5b3c-1:autoScalingGroupName/web:a/b c",
        "autoscaling:autoScalingGroup",
        "aws_autoscaling_group",
    ),
    (
        "arn:aws:autoscaling:eu-west-1:111122223333:launchConfiguration:5e6a5b3c-1:launchConfigurationName/web",
        "autoscaling:launchConfiguration",
        "aws_launch_configuration",
    ),
    (
        "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:5e6a:autoScalingGroupName/web:policyName/p",
        None,
        None,
    ),
    # ELB: the second word says the generation, unless it is the name of a classic one.
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/50dc6c495c0c9188",
        "elasticloadbalancing:loadbalancer/app",
        "aws_lb",
    ),
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/web/50dc6c495c0c9188",
        "elasticloadbalancing:loadbalancer/net",
        "aws_lb",
    ),
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/gwy/web/50dc6c495c0c9188",
        "elasticloadbalancing:loadbalancer/gwy",
        "aws_lb",
    ),
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/web",
        "elasticloadbalancing:loadbalancer",
        "aws_elb",
    ),
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app",
        "elasticloadbalancing:loadbalancer",
        "aws_elb",
    ),
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/73e2d6bc24d8a067",
        "elasticloadbalancing:targetgroup",
        "aws_lb_target_group",
    ),
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2",
        "elasticloadbalancing:listener/app",
        "aws_lb_listener",
    ),
    (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/web/50dc/f2f7/9683b2d02a6cabee",
        "elasticloadbalancing:listener-rule/app",
        "aws_lb_listener_rule",
    ),
    # RDS: DocumentDB and Neptune share its ARNs; what it makes itself has a colon in its name.
    ("arn:aws:rds:eu-west-1:111122223333:db:orders", "rds:db", "aws_db_instance"),
    ("arn:aws:rds:eu-west-1:111122223333:cluster:orders", "rds:cluster", "aws_rds_cluster"),
    ("arn:aws:rds:eu-west-1:111122223333:snapshot:orders-1", "rds:snapshot", "aws_db_snapshot"),
    ("arn:aws:rds:eu-west-1:111122223333:snapshot:rds:orders-2026-11-23-04-05", "rds:snapshot", "aws_db_snapshot"),
    (
        "arn:aws:rds:eu-west-1:111122223333:cluster-snapshot:awsbackup:job-1",
        "rds:cluster-snapshot",
        "aws_db_cluster_snapshot",
    ),
    ("arn:aws:rds:eu-west-1:111122223333:cluster-pg:aurora", "rds:cluster-pg", "aws_rds_cluster_parameter_group"),
    ("arn:aws:rds:eu-west-1:111122223333:pg:mysql", "rds:pg", "aws_db_parameter_group"),
    ("arn:aws:rds:eu-west-1:111122223333:og:default:mysql-8-0", "rds:og", "aws_db_option_group"),
    ("arn:aws:rds:eu-west-1:111122223333:subgrp:private", "rds:subgrp", "aws_db_subnet_group"),
    ("arn:aws:rds:eu-west-1:111122223333:es:alerts", "rds:es", "aws_db_event_subscription"),
    ("arn:aws:rds::111122223333:global-cluster:orders", "rds:global-cluster", "aws_rds_global_cluster"),
    # S3 has no word for a bucket, and an object is none; an access point of several regions has one's form.
    ("arn:aws:s3:::my-bucket.example.com", "s3:bucket", "aws_s3_bucket"),
    ("arn:aws:s3:::my-bucket/a/key", None, None),
    ("arn:aws:s3:eu-west-1:111122223333:accesspoint/finance", "s3:accesspoint", "aws_s3_access_point"),
    ("arn:aws:s3:eu-west-1:111122223333:accesspoint/finance/object/a", None, None),
    (
        "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap",
        "s3:multiregionaccesspoint",
        "aws_s3control_multi_region_access_point",
    ),
    (
        "arn:aws:s3express:eu-west-1:111122223333:bucket/b--euw1-az1--x-s3",
        "s3express:bucket",
        "aws_s3_directory_bucket",
    ),
    # Lambda: a function with a version or an alias isn't the function.
    ("arn:aws:lambda:eu-west-1:111122223333:function:pay", "lambda:function", "aws_lambda_function"),
    ("arn:aws:lambda:eu-west-1:111122223333:function:pay:PROD", None, None),
    ("arn:aws:lambda:eu-west-1:111122223333:layer:libs:3", "lambda:layer/version", "aws_lambda_layer_version"),
    # DynamoDB: what hangs on a table isn't the table.
    ("arn:aws:dynamodb:eu-west-1:111122223333:table/orders", "dynamodb:table", "aws_dynamodb_table"),
    ("arn:aws:dynamodb:eu-west-1:111122223333:table/orders/index/by-day", None, None),
    ("arn:aws:dynamodb:eu-west-1:111122223333:table/orders/stream/2026-11-23T00:00:00.000", None, None),
    # ECS: a service's ARN has its cluster in it since 2018, and not before.
    ("arn:aws:ecs:eu-west-1:111122223333:cluster/main", "ecs:cluster", "aws_ecs_cluster"),
    ("arn:aws:ecs:eu-west-1:111122223333:service/main/web", "ecs:service", "aws_ecs_service"),
    ("arn:aws:ecs:eu-west-1:111122223333:service/web", "ecs:service", "aws_ecs_service"),
    ("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7", "ecs:task-definition", "aws_ecs_task_definition"),
    ("arn:aws:ecs:eu-west-1:111122223333:task/main/0f9de17a", None, None),
    ("arn:aws:eks:eu-west-1:111122223333:cluster/main", "eks:cluster", "aws_eks_cluster"),
    ("arn:aws:eks:eu-west-1:111122223333:nodegroup/main/spot/2cb6f3a1", "eks:nodegroup", "aws_eks_node_group"),
    (
        "arn:aws:eks:eu-west-1:111122223333:fargateprofile/main/batch/2cb6f3a1",
        "eks:fargateprofile",
        "aws_eks_fargate_profile",
    ),
    ("arn:aws:eks:eu-west-1:111122223333:addon/main/vpc-cni/2cb6f3a1", "eks:addon", "aws_eks_addon"),
    (
        "arn:aws:eks:eu-west-1:111122223333:access-entry/main/role/111122223333/deploy/2cb6f3a1",
        "eks:access-entry",
        "aws_eks_access_entry",
    ),
    (
        "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-0abc",
        "elasticfilesystem:file-system",
        "aws_efs_file_system",
    ),
    ("arn:aws:elasticache:eu-west-1:111122223333:cluster:web-001", "elasticache:cluster", "aws_elasticache_cluster"),
    (
        "arn:aws:elasticache:eu-west-1:111122223333:replicationgroup:web",
        "elasticache:replicationgroup",
        "aws_elasticache_replication_group",
    ),
    ("arn:aws:es:eu-west-1:111122223333:domain/logs", "es:domain", "aws_opensearch_domain"),
    ("arn:aws:redshift:eu-west-1:111122223333:cluster:dwh", "redshift:cluster", "aws_redshift_cluster"),
    (
        "arn:aws:redshift:eu-west-1:111122223333:snapshot:dwh/rs:dwh-2026",
        "redshift:snapshot",
        "aws_redshift_cluster_snapshot",
    ),
    (
        "arn:aws:redshift-serverless:eu-west-1:111122223333:workgroup/7e2a",
        "redshift-serverless:workgroup",
        "aws_redshiftserverless_workgroup",
    ),
    # SQS and SNS have no word either; a subscription is its topic and an id.
    ("arn:aws:sqs:eu-west-1:111122223333:orders.fifo", "sqs:queue", "aws_sqs_queue"),
    ("arn:aws:sns:eu-west-1:111122223333:alerts", "sns:topic", "aws_sns_topic"),
    ("arn:aws:sns:eu-west-1:111122223333:alerts:2bcfbf39-05c3", "sns:topic/subscription", "aws_sns_topic_subscription"),
    ("arn:aws:sns:eu-west-1:111122223333:app/GCM/push", None, None),
    ("arn:aws:kinesis:eu-west-1:111122223333:stream/clicks", "kinesis:stream", "aws_kinesis_stream"),
    (
        "arn:aws:kinesis:eu-west-1:111122223333:stream/clicks/consumer/a:1525898737",
        "kinesis:stream/consumer",
        "aws_kinesis_stream_consumer",
    ),
    (
        "arn:aws:firehose:eu-west-1:111122223333:deliverystream/lake",
        "firehose:deliverystream",
        "aws_kinesis_firehose_delivery_stream",
    ),
    ("arn:aws:kafka:eu-west-1:111122223333:cluster/main/b9c1-4", "kafka:cluster", "aws_msk_cluster"),
    ("arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab", "kms:key", "aws_kms_key"),
    ("arn:aws:kms:eu-west-1:111122223333:alias/app/main", "kms:alias", "aws_kms_alias"),
    (
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf",
        "secretsmanager:secret",
        "aws_secretsmanager_secret",
    ),
    # A log group with all its streams, with none said, and one of them.
    ("arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/pay:*", "logs:log-group", "aws_cloudwatch_log_group"),
    ("arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/pay", "logs:log-group", "aws_cloudwatch_log_group"),
    (
        "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/pay:log-stream:2026/11/23/[$LATEST]1",
        "logs:log-group/log-stream",
        "aws_cloudwatch_log_stream",
    ),
    ("arn:aws:states:eu-west-1:111122223333:stateMachine:pay", "states:stateMachine", "aws_sfn_state_machine"),
    ("arn:aws:states:eu-west-1:111122223333:stateMachine:pay:3", None, None),
    ("arn:aws:states:eu-west-1:111122223333:execution:pay:1", None, None),
    ("arn:aws:states:eu-west-1:111122223333:activity:approve", "states:activity", "aws_sfn_activity"),
    # API Gateway starts with a slash and has no account; /restapis are version 1, /apis version 2.
    ("arn:aws:apigateway:eu-west-1::/restapis/a1b2", "apigateway:restapis", "aws_api_gateway_rest_api"),
    ("arn:aws:apigateway:eu-west-1::/restapis/a1b2/stages/prod", "apigateway:restapis/stages", "aws_api_gateway_stage"),
    (
        "arn:aws:apigateway:eu-west-1::/restapis/a1b2/resources/x/methods/GET",
        "apigateway:restapis/resources/methods",
        "aws_api_gateway_method",
    ),
    ("arn:aws:apigateway:eu-west-1::/apis/a1b2", "apigateway:apis", "aws_apigatewayv2_api"),
    ("arn:aws:apigateway:eu-west-1::/apis/a1b2/stages/$default", "apigateway:apis/stages", "aws_apigatewayv2_stage"),
    ("arn:aws:apigateway:eu-west-1::/usageplans/u1", "apigateway:usageplans", "aws_api_gateway_usage_plan"),
    # Global services.
    (
        "arn:aws:cloudfront::111122223333:distribution/EDFDVBD6EXAMPLE",
        "cloudfront:distribution",
        "aws_cloudfront_distribution",
    ),
    ("arn:aws:route53:::hostedzone/Z148QEXAMPLE8V", "route53:hostedzone", "aws_route53_zone"),
    ("arn:aws:route53:::healthcheck/abcdef11", "route53:healthcheck", "aws_route53_health_check"),
    ("arn:aws:iam::111122223333:role/deploy", "iam:role", "aws_iam_role"),
    ("arn:aws:iam::111122223333:role/team/payments/deploy", "iam:role", "aws_iam_role"),
    (
        "arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "iam:role",
        "aws_iam_service_linked_role",
    ),
    ("arn:aws:iam::111122223333:user/division_abc/zhang", "iam:user", "aws_iam_user"),
    ("arn:aws:iam::111122223333:instance-profile/web", "iam:instance-profile", "aws_iam_instance_profile"),
    (
        "arn:aws:iam::111122223333:oidc-provider/oidc.example.com:8443/id/A",
        "iam:oidc-provider",
        "aws_iam_openid_connect_provider",
    ),
    ("arn:aws:iam::111122223333:root", None, None),
    ("arn:aws:ecr:eu-west-1:111122223333:repository/team/app", "ecr:repository", "aws_ecr_repository"),
    ("arn:aws:ecr-public::111122223333:repository/app", "ecr-public:repository", "aws_ecrpublic_repository"),
    ("arn:aws:sagemaker:eu-west-1:111122223333:endpoint/rank", "sagemaker:endpoint", "aws_sagemaker_endpoint"),
    (
        "arn:aws:sagemaker:eu-west-1:111122223333:endpoint-config/rank",
        "sagemaker:endpoint-config",
        "aws_sagemaker_endpoint_configuration",
    ),
    (
        "arn:aws:sagemaker:eu-west-1:111122223333:notebook-instance/lab",
        "sagemaker:notebook-instance",
        "aws_sagemaker_notebook_instance",
    ),
    # Others with a form of their own.
    ("arn:aws:acm:eu-west-1:111122223333:certificate/1234abcd", "acm:certificate", "aws_acm_certificate"),
    ("arn:aws:backup:eu-west-1:111122223333:backup-vault:Default", "backup:backup-vault", "aws_backup_vault"),
    ("arn:aws:codepipeline:eu-west-1:111122223333:release", "codepipeline:pipeline", "aws_codepipeline"),
    ("arn:aws:codepipeline:eu-west-1:111122223333:release/Build/Compile", None, None),
    ("arn:aws:codecommit:eu-west-1:111122223333:app", "codecommit:repository", "aws_codecommit_repository"),
    ("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:cpu: a/b", "cloudwatch:alarm", "aws_cloudwatch_metric_alarm"),
    ("arn:aws:events:eu-west-1:111122223333:rule/nightly", "events:rule", "aws_cloudwatch_event_rule"),
    ("arn:aws:events:eu-west-1:111122223333:rule/orders/created", "events:rule", "aws_cloudwatch_event_rule"),
    ("arn:aws:events:eu-west-1:111122223333:event-bus/default", "events:event-bus", "aws_cloudwatch_event_bus"),
    ("arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/web/a1b2", "wafv2:webacl", "aws_wafv2_web_acl"),
    ("arn:aws:wafv2:us-east-1:111122223333:global/ipset/office/a1b2", "wafv2:ipset", "aws_wafv2_ip_set"),
    ("arn:aws:fsx:eu-west-1:111122223333:file-system/fs-0abc", "fsx:file-system", None),
    ("arn:aws:mq:eu-west-1:111122223333:broker:main:b-1234", "mq:broker", "aws_mq_broker"),
    ("arn:aws:ssm:eu-west-1:111122223333:parameter/prod/db/url", "ssm:parameter", "aws_ssm_parameter"),
    (
        "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/8a2f",
        "cloudformation:stack",
        "aws_cloudformation_stack",
    ),
    (
        "arn:aws:globalaccelerator::111122223333:accelerator/1234abcd",
        "globalaccelerator:accelerator",
        "aws_globalaccelerator_accelerator",
    ),
    (
        "arn:aws:cassandra:eu-west-1:111122223333:/keyspace/shop/table/orders",
        "cassandra:keyspace/table",
        "aws_keyspaces_table",
    ),
    ("arn:aws:cassandra:eu-west-1:111122223333:/keyspace/shop/", "cassandra:keyspace", "aws_keyspaces_keyspace"),
    ("arn:aws:glue:eu-west-1:111122223333:job/nightly", "glue:job", "aws_glue_job"),
    ("arn:aws:dms:eu-west-1:111122223333:rep:6USOU366XFJU", "dms:rep", "aws_dms_replication_instance"),
    (
        "arn:aws:servicecatalog:eu-west-1:111122223333:/applications/0abc",
        "servicecatalog:applications",
        "aws_servicecatalogappregistry_application",
    ),
    ("arn:aws:elasticmapreduce:eu-west-1:111122223333:cluster/j-123", "elasticmapreduce:cluster", "aws_emr_cluster"),
    # Other partitions.
    ("arn:aws-cn:s3:::bucket", "s3:bucket", "aws_s3_bucket"),
    ("arn:aws-us-gov:ec2:us-gov-west-1:111122223333:instance/i-0abc", "ec2:instance", "aws_instance"),
    # No ARNs.
    ("", None, None),
    ("arn", None, None),
    ("arn:aws:s3", None, None),
    ("arn:aws:s3:::", None, None),
    ("arn:aws:ec2:eu-west-1:111122223333:instance/", None, None),
    ("arn:aws:ec2:eu-west-1:111122223333:instance", None, None),
    ("arn:azure:s3:::bucket", None, None),
    ("i-0abc", None, None),
    ("//storage.googleapis.com/bucket", None, None),
]


@pytest.mark.parametrize(("arn", "explorer", "terraform"), ARNS)
def test_an_arn_says_its_type(arn: str, explorer: str | None, terraform: str | None) -> None:
    assert (explorer_type(arn), terraform_type_of_arn(arn)) == (explorer, terraform)


@pytest.mark.parametrize(
    ("native", "terraform"),
    [
        ("AWS::S3::Bucket", "aws_s3_bucket"),
        ("s3:bucket", "aws_s3_bucket"),
        ("AWS::EC2::EIP", "aws_eip"),
        # Config and CloudFormation have two names for one certificate, and for one domain.
        ("AWS::ACM::Certificate", "aws_acm_certificate"),
        ("AWS::CertificateManager::Certificate", "aws_acm_certificate"),
        ("AWS::OpenSearch::Domain", "aws_opensearch_domain"),
        ("AWS::OpenSearchService::Domain", "aws_opensearch_domain"),
        ("AWS::Elasticsearch::Domain", "aws_opensearch_domain"),
        # Where the engine is said, the type is exact; where it isn't, it is the plain one.
        ("AWS::RDS::DBCluster", "aws_rds_cluster"),
        ("AWS::DocDB::DBCluster", "aws_docdb_cluster"),
        ("AWS::Neptune::DBInstance", "aws_neptune_cluster_instance"),
        ("rds:db", "aws_db_instance"),
        ("elasticloadbalancing:loadbalancer", "aws_elb"),
        ("elasticloadbalancing:loadbalancer/app", "aws_lb"),
        ("AWS::AutoScaling::AutoScalingGroup", "aws_autoscaling_group"),
        ("iam:role", "aws_iam_role"),
        ("storage.googleapis.com/Bucket", "google_storage_bucket"),
        ("sqladmin.googleapis.com/Instance", "google_sql_database_instance"),
        ("file.googleapis.com/Instance", "google_filestore_instance"),
        ("compute.googleapis.com/Address", "google_compute_address"),
        ("compute.googleapis.com/GlobalAddress", "google_compute_global_address"),
        ("compute.googleapis.com/Disk", "google_compute_disk"),
        ("compute.googleapis.com/RegionDisk", "google_compute_region_disk"),
        # Google's words for the two kinds of VPN gateway aren't Terraform's.
        ("compute.googleapis.com/VpnGateway", "google_compute_ha_vpn_gateway"),
        ("compute.googleapis.com/TargetVpnGateway", "google_compute_vpn_gateway"),
        ("cloudfunctions.googleapis.com/CloudFunction", "google_cloudfunctions_function"),
        ("cloudfunctions.googleapis.com/Function", "google_cloudfunctions2_function"),
        ("AWS::FSx::FileSystem", None),
        ("s3:Bucket", None),
        ("aws_s3_bucket", None),
        ("", None),
    ],
)
def test_a_native_type_in_any_spelling_has_one_terraform_type(native: str, terraform: str | None) -> None:
    assert terraform_type(native) == terraform


@pytest.mark.parametrize(
    ("native", "name", "terraform"),
    [
        (
            "compute.googleapis.com/InstanceTemplate",
            "//compute.googleapis.com/projects/p/global/instanceTemplates/t",
            "google_compute_instance_template",
        ),
        (
            "compute.googleapis.com/InstanceTemplate",
            "//compute.googleapis.com/projects/p/regions/europe-west1/instanceTemplates/t",
            "google_compute_region_instance_template",
        ),
        # Named like the segment, but nothing within one.
        (
            "compute.googleapis.com/InstanceTemplate",
            "//compute.googleapis.com/projects/p/global/instanceTemplates/regions",
            "google_compute_instance_template",
        ),
        # A regional security policy takes no labels, a global one does.
        (
            "compute.googleapis.com/SecurityPolicy",
            "//compute.googleapis.com/projects/p/regions/europe-west1/securityPolicies/s",
            "google_compute_region_security_policy",
        ),
        (
            "secretmanager.googleapis.com/Secret",
            "//secretmanager.googleapis.com/projects/1/locations/europe-west1/secrets/s",
            "google_secret_manager_regional_secret",
        ),
        (
            "iam.googleapis.com/Role",
            "//iam.googleapis.com/organizations/1/roles/r",
            "google_organization_iam_custom_role",
        ),
        # An asset type of its own says the location, whatever the name.
        (
            "compute.googleapis.com/Address",
            "//compute.googleapis.com/projects/p/regions/europe-west1/addresses/a",
            "google_compute_address",
        ),
    ],
)
def test_the_full_resource_name_chooses_between_global_and_regional_types(
    native: str, name: str, terraform: str
) -> None:
    assert terraform_type(native, name) == terraform
    assert terraform in variants(native)


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        ("s3:bucket", ("aws_s3_bucket",)),
        ("rds:cluster", ("aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster")),
        ("elasticloadbalancing:loadbalancer/app", ("aws_lb", "aws_alb")),
        (
            "fsx:file-system",
            (
                "aws_fsx_lustre_file_system",
                "aws_fsx_ontap_file_system",
                "aws_fsx_openzfs_file_system",
                "aws_fsx_windows_file_system",
            ),
        ),
        ("run.googleapis.com/Service", ("google_cloud_run_v2_service", "google_cloud_run_service")),
        ("no:such", ()),
    ],
)
def test_the_types_that_share_a_native_one_are_its_variants(native: str, expected: tuple[str, ...]) -> None:
    assert variants(native) == expected


def test_a_type_has_its_own_names_before_those_that_it_shares() -> None:
    assert native_types("aws_docdb_cluster") == ("AWS::DocDB::DBCluster", "AWS::RDS::DBCluster", "rds:cluster")
    assert native_types("aws_no_such_thing") == ()


@pytest.mark.parametrize(
    "terraform",
    [
        "google_project_service",
        "google_service_account",
        "google_service_account_key",
        "google_project_iam_custom_role",
        "google_compute_firewall",
        "google_compute_network",
        "google_compute_route",
        "google_compute_subnetwork",
        "google_container_node_pool",
        "google_folder",
    ],
)
def test_what_google_inventories_and_takes_no_labels_is_known_as_such(terraform: str) -> None:
    found = lookup(terraform)
    assert found is not None
    assert found.own is None
    assert native_types(terraform)


def test_every_type_stands_in_the_catalogue() -> None:
    assert set(known()) <= set(known_types())


def test_a_type_and_its_native_names_lead_to_each_other() -> None:
    for terraform in known():
        natives = native_types(terraform)
        assert natives
        for native in natives:
            every = variants(native)
            assert terraform in every
            canonical = terraform_type(native)
            assert canonical is None or canonical == every[0]
            assert len(every) == len(set(every))


def test_a_native_type_is_of_one_cloud() -> None:
    for terraform in known():
        for native in native_types(terraform):
            assert (".googleapis.com/" in native) == terraform.startswith("google_")


def test_the_inventory_knows_most_of_what_terraform_can_tag() -> None:
    """No policy judges by its type what nobody maps."""
    natives = {native for terraform in known() for native in native_types(terraform)}
    assert sum(".googleapis.com/" in native for native in natives) >= 120
    taggable = {name for name in known_types() if name.startswith("aws_") and (found := lookup(name)) and found.own}
    assert len(taggable & set(known())) >= 0.85 * len(taggable)


@pytest.mark.parametrize(
    "terraform",
    # What `scan` describes itself, by the services' own calls.
    [
        "aws_instance",
        "aws_ebs_volume",
        "aws_ebs_snapshot",
        "aws_ami",
        "aws_eip",
        "aws_nat_gateway",
        "aws_network_interface",
        "aws_security_group",
        "aws_launch_template",
        "aws_autoscaling_group",
        "aws_elb",
        "aws_lb",
        "aws_db_instance",
        "aws_rds_cluster",
        "aws_db_snapshot",
        "aws_db_cluster_snapshot",
        "aws_s3_bucket",
        "aws_lambda_function",
        "aws_dynamodb_table",
        "aws_ecs_cluster",
        "aws_ecs_service",
        "aws_ecs_task_definition",
        "aws_eks_cluster",
        "aws_eks_node_group",
        "aws_efs_file_system",
        "aws_elasticache_cluster",
        "aws_elasticache_replication_group",
        "aws_opensearch_domain",
        "aws_redshift_cluster",
        "aws_sqs_queue",
        "aws_sns_topic",
        "aws_kinesis_stream",
        "aws_msk_cluster",
        "aws_kms_key",
        "aws_secretsmanager_secret",
        "aws_cloudwatch_log_group",
        "aws_sfn_state_machine",
        "aws_api_gateway_rest_api",
        "aws_apigatewayv2_api",
        "aws_cloudfront_distribution",
        "aws_route53_zone",
        "aws_iam_role",
        "aws_iam_user",
        "aws_ecr_repository",
        "aws_sagemaker_endpoint",
        "aws_sagemaker_notebook_instance",
    ],
)
def test_what_native_describes_read_has_every_kind_of_name(terraform: str) -> None:
    own = [native for native in native_types(terraform) if terraform_type(native) == terraform]
    assert any(":" in native and "::" not in native for native in own)
    # CloudFormation makes neither snapshots of volumes nor images, and Config records neither.
    assert terraform in {"aws_ebs_snapshot", "aws_ami"} or any("::" in native for native in own)


def test_every_name_of_cloudformation_is_one_that_it_or_config_has() -> None:
    from botocore.session import Session

    published: set[str] = set()
    for region in ("us-east-1", "us-west-2"):  # Device Farm is in the second alone.
        text = files("cfnlint.data.schemas").joinpath("providers", f"{region}.json").read_text(encoding="utf-8")
        published.update(json.loads(text))
    published.update(Session().get_service_model("config").shape_for("ResourceType").metadata["enum"])
    # A service that AWS has given up is there no more, and no misspelling.
    services = {name.rpartition("::")[0] for name in published}
    names = {native for terraform in known() for native in native_types(terraform) if "::" in native}
    assert {name for name in names - published if name.rpartition("::")[0] in services} == set()


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        (
            "arn:aws:ec2:eu-west-1:111122223333:natgateway/nat-0abc",
            ("arn:aws:ec2:eu-west-1:111122223333:natgateway/nat-0abc", "ec2:natgateway/nat-0abc"),
        ),
        # A snapshot's ARN has no account in one call, and its owner's in another.
        (
            "arn:aws:ec2:eu-west-1::snapshot/snap-0abc",
            ("arn:aws:ec2:eu-west-1::snapshot/snap-0abc", "ec2:snapshot/snap-0abc"),
        ),
        (
            "arn:aws:ec2:eu-west-1:111122223333:transit-gateway-attachment/tgw-attach-0abc",
            (
                "arn:aws:ec2:eu-west-1:111122223333:transit-gateway-attachment/tgw-attach-0abc",
                "ec2:transit-gateway-attachment/tgw-attach-0abc",
            ),
        ),
        # The two kinds of file system have ids alike.
        (
            "arn:aws:fsx:eu-west-1:111122223333:file-system/fs-0abc",
            ("arn:aws:fsx:eu-west-1:111122223333:file-system/fs-0abc", "fsx:file-system/fs-0abc"),
        ),
        (
            "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-0abc",
            (
                "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-0abc",
                "elasticfilesystem:file-system/fs-0abc",
            ),
        ),
        (
            "arn:aws:logs:eu-west-1:111122223333:log-group:/a/b:*",
            (
                "arn:aws:logs:eu-west-1:111122223333:log-group:/a/b:*",
                "arn:aws:logs:eu-west-1:111122223333:log-group:/a/b",
            ),
        ),
        # Names are people's: another account has the same.
        *(
            (id, (id,))
            for id in (  # noqa: A001 - the field's word
                "arn:aws:ec2:eu-west-1:111122223333:key-pair/deployer",
                "arn:aws:ec2:eu-west-1:111122223333:placement-group/pg",
                "arn:aws:ec2:eu-west-1:111122223333:instance/web",
                "arn:aws:rds:eu-west-1:111122223333:db:orders",
                "arn:aws:s3:::bucket",
                "arn:aws:sqs:eu-west-1:111122223333:q",
                "//compute.googleapis.com/projects/p/zones/europe-west1-b/instances/web",
                "i-0abc",
                "",
            )
        ),
    ],
)
def test_a_live_id_is_found_by_itself_and_by_what_is_as_unique(id: str, expected: tuple[str, ...]) -> None:  # noqa: A002
    assert keys(id) == expected


@pytest.mark.parametrize(
    ("terraform", "id", "expected"),
    [
        ("aws_nat_gateway", "nat-0abc", "ec2:natgateway/nat-0abc"),
        ("aws_eip", "eipalloc-0abc", "ec2:elastic-ip/eipalloc-0abc"),
        ("aws_default_vpc", "vpc-0abc", "ec2:vpc/vpc-0abc"),
        ("aws_ami_copy", "ami-0abc", "ec2:image/ami-0abc"),
        ("aws_vpc_security_group_ingress_rule", "sgr-0abc", "ec2:security-group-rule/sgr-0abc"),
        ("aws_ec2_transit_gateway_vpc_attachment", "tgw-attach-0abc", "ec2:transit-gateway-attachment/tgw-attach-0abc"),
        ("aws_fsx_windows_file_system", "fs-0abc", "fsx:file-system/fs-0abc"),
        # The id of a key pair is its name, that of a bucket too.
        ("aws_key_pair", "deployer", None),
        ("aws_key_pair", "key-prod", None),
        ("aws_s3_bucket", "i-0abc", None),
        # Another type's id, and what only starts like one.
        ("aws_nat_gateway", "eipalloc-0abc", None),
        ("aws_ec2_transit_gateway", "tgw-rtb-0abc", None),
        ("aws_nat_gateway", "nat-", None),
        ("aws_nat_gateway", "nat-0abc\n", None),
        ("aws_no_such_thing", "i-0abc", None),
    ],
)
def test_a_state_s_id_makes_the_key_of_the_live_one(terraform: str, id: str, expected: str | None) -> None:  # noqa: A002
    assert state_key(terraform, id) == expected


@given(digits=st.text("0123456789abcdef", min_size=1, max_size=17), account=st.sampled_from(["", "111122223333"]))
def test_live_and_state_meet_in_one_key_that_no_other_resource_has(digits: str, account: str) -> None:
    found: dict[str, str] = {}
    for terraform, prefix, kind in (
        ("aws_instance", "i", "instance"),
        ("aws_ebs_volume", "vol", "volume"),
        ("aws_vpc", "vpc", "vpc"),
        ("aws_vpc_endpoint", "vpce", "vpc-endpoint"),
        ("aws_ec2_transit_gateway", "tgw", "transit-gateway"),
        ("aws_ec2_transit_gateway_route_table", "tgw-rtb", "transit-gateway-route-table"),
    ):
        key = state_key(terraform, f"{prefix}-{digits}")
        assert key is not None
        assert key in keys(f"arn:aws:ec2:eu-west-1:{account}:{kind}/{prefix}-{digits}")
        assert found.setdefault(key, terraform) == terraform


hostile = st.one_of(
    st.text(),
    st.text(":/*{}.-", max_size=40),
    st.builds(
        lambda service, rest: f"arn:aws:{service}:r:1:{rest}",
        st.sampled_from(["ec2", "s3", "sns", "iam", "logs", "apigateway", "wafv2", "autoscaling", "", "\x00"]),
        st.text("abi-:/*{}\n\x00é0", max_size=60),
    ),
)


@given(hostile, hostile)
def test_no_text_is_refused(text: str, other: str) -> None:
    assert keys(text)[0] == text
    explorer = explorer_type(text)
    assert explorer is None or variants(explorer)
    terraform = terraform_type_of_arn(text)
    assert terraform is None or terraform in variants(explorer or "")
    terraform_type(text, other)
    variants(text)
    native_types(text)
    state_key(text, other)


@given(st.integers(1, 5000))
def test_a_long_arn_takes_no_longer_than_its_length(size: int) -> None:
    assert explorer_type("arn:aws:wafv2:r:1:" + "a/" * size) is None
    assert explorer_type("arn:aws:sns:r:1:" + ":" * size) is None


TABLE_TEXT = files("costguard.catalog").joinpath("native.json").read_text(encoding="utf-8")
TABLE: dict[str, Any] = json.loads(TABLE_TEXT)


def test_the_table_is_one_row_a_line_in_order() -> None:
    """So that a new type is one line of a change, and two people's new types don't meet in one."""
    assert list(TABLE["types"]) == sorted(TABLE["types"])
    assert len(TABLE_TEXT.splitlines()) == len(TABLE["types"]) + len(TABLE["ambiguous"]) + 6


def test_every_form_of_arns_leads_to_its_own_row() -> None:
    """No form hides another one, and none can be tried in many ways, as two parts that vary and touch could be."""
    rows = [*TABLE["types"].items(), *((None, row) for row in TABLE["ambiguous"])]
    for terraform, row in rows:
        for form in row.get("arns", ()):
            assert "}{" not in form
            service, _, resource = form.partition(":")
            resource = resource.replace("{*}", "a/b:c").replace("{/}", "a/b").replace("{}", "a")
            arn = f"arn:aws:{service}:eu-west-1:111122223333:{resource}"
            assert terraform_type_of_arn(arn) == terraform, arn
            found = explorer_type(arn)
            assert found is not None
            assert set(row.get("variants", ())) <= set(variants(found)), arn


@pytest.mark.parametrize(
    ("spelt", "joined"),
    [
        ("arn:aws:ec2:eu-west-1:111122223333:image/ami-0abc", "arn:aws:ec2:eu-west-1::image/ami-0abc"),
        ("arn:aws-cn:ec2:cn-north-1:111122223333:snapshot/snap-0abc", "arn:aws-cn:ec2:cn-north-1::snapshot/snap-0abc"),
        ("arn:aws:ec2:eu-west-1::image/ami-0abc", "arn:aws:ec2:eu-west-1::image/ami-0abc"),
        ("arn:aws:logs:eu-west-1:111122223333:log-group:/a:*", "arn:aws:logs:eu-west-1:111122223333:log-group:/a"),
        # Others' ids keep their accounts, whatever is in their names.
        ("arn:aws:rds:eu-west-1:111122223333:snapshot:/snap-1", "arn:aws:rds:eu-west-1:111122223333:snapshot:/snap-1"),
        ("arn:aws:ssm:eu-west-1:111122223333:parameter/ami-1", "arn:aws:ssm:eu-west-1:111122223333:parameter/ami-1"),
        ("arn:aws:sqs:eu-west-1:111122223333:x:*", "arn:aws:sqs:eu-west-1:111122223333:x:*"),
    ],
)
def test_what_aws_spells_in_several_ways_is_joined_under_one(spelt: str, joined: str) -> None:
    assert canonical(spelt) == joined
    assert canonical(joined) == joined
