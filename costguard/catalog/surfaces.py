"""The attributes that look like tags, judged by hand: own tags, tags of what will be created, or none.

A schema can't tell a tag from a filter on tags. So every path that ``types.json`` lists under ``paths``
stands here exactly once, in ``OWN``, ``CREATED`` or ``NOT_TAGS``; a test fails on a path that is in none.
"Docs" below is the page of the type in the provider's documentation, "source" the provider's code.
"""

from costguard.catalog import Surface


def _paths(*dotted: str, label: str = "") -> tuple[Surface, ...]:
    """Maps that the author alone fills: no provider default reaches them."""
    return tuple(Surface(tuple(path.split(".")), label=label) for path in dotted)


# The usual map is not the one that holds the tags, or it is none at all (None: what is called so are no
# tags).
OWN: dict[str, Surface | None] = {
    # Auto Scaling has a list of its own with propagate_at_launch; the provider's default_tags never reach it
    # (docs of default_tags: "does not apply to aws_autoscaling_group").
    "aws_autoscaling_group": Surface(("tag",), "blocks"),
    # One tag of a group that another configuration owns: a tag resource, as aws_ec2_tag is.
    "aws_autoscaling_group_tag": None,
    # A selector: "the tags on your EC2 instances" that an assessment takes in (docs).
    "aws_inspector_resource_group": None,
    # Labels here say which kind of group it is: `cloudidentity.googleapis.com/groups.security` and the like
    # (docs).
    "google_cloud_identity_group": None,
    # Two types nest Kubernetes-style metadata, with the merged maps beside `labels` (source:
    # SetMetadataLabelsDiff).
    "google_cloud_run_domain_mapping": Surface(
        ("metadata", "labels"), inherits=True, effective=("terraform_labels", "effective_labels")
    ),
    "google_cloud_run_service": Surface(
        ("metadata", "labels"), inherits=True, effective=("terraform_labels", "effective_labels")
    ),
    # Source: SetDiffForLabelsWithCustomizedName("resource_labels").
    "google_container_cluster": Surface(
        ("resource_labels",), inherits=True, effective=("terraform_labels", "effective_labels")
    ),
    # A set of {key, value} blocks, the only type that has labels so (docs).
    "google_deployment_manager_deployment": Surface(("labels",), "blocks"),
    # Monitoring calls the labels of a resource user_labels, default_labels don't reach them (source: no
    # labels diff), and its `labels` are something else: a channel's configuration, the dimensions of a
    # metric.
    "google_monitoring_alert_policy": Surface(("user_labels",)),
    "google_monitoring_custom_service": Surface(("user_labels",)),
    "google_monitoring_metric_descriptor": None,
    "google_monitoring_notification_channel": Surface(("user_labels",)),
    "google_monitoring_service": Surface(("user_labels",)),
    "google_monitoring_slo": Surface(("user_labels",)),
    "google_monitoring_uptime_check_config": Surface(("user_labels",)),
    # Source: settings.user_labels is plain, without a labels diff.
    "google_sql_database_instance": Surface(("settings", "user_labels")),
}

# Since provider 5.39 block devices take the provider's default_tags and show the result in a tags_all of
# their own.
_BLOCK_DEVICES = (
    Surface(("root_block_device", "tags"), inherits=True, effective=("tags_all",)),
    Surface(("ebs_block_device", "tags"), inherits=True, effective=("tags_all",)),
    # Of 5.100 the RunInstances request was seen to carry the defaults for volumes; older ones didn't add them
    # (hashicorp/terraform-provider-aws#19890). It conflicts with tags on the block devices.
    Surface(("volume_tags",), inherits=True),
)

# Tags that the author sets on what the resource will create, as the docs say of each. But for the block
# devices no provider default reaches them (tag_specifications: terraform-provider-aws#19387).
CREATED: dict[str, tuple[Surface, ...]] = {
    "aws_backup_plan": _paths("rule.recovery_point_tags", label="rule_name"),
    "aws_batch_compute_environment": _paths("compute_resources.tags"),
    "aws_cloudwatch_event_target": _paths("ecs_target.tags"),
    "aws_dlm_lifecycle_policy": _paths("policy_details.schedule.tags_to_add", label="name"),
    "aws_drs_replication_configuration_template": _paths("staging_area_tags"),
    "aws_ecr_repository_creation_template": _paths("resource_tags"),
    "aws_ecs_service": _paths("volume_configuration.managed_ebs_volume.tag_specifications.tags", label="resource_type"),
    "aws_emrcontainers_job_template": _paths("job_template_data.job_tags"),
    "aws_fsx_file_cache": _paths("data_repository_association.tags"),
    # The backup that is made when the file system goes: it outlives the resource, and so does its cost.
    "aws_fsx_lustre_file_system": _paths("final_backup_tags"),
    "aws_fsx_ontap_volume": _paths("final_backup_tags"),
    "aws_fsx_openzfs_file_system": _paths("final_backup_tags"),
    "aws_fsx_windows_file_system": _paths("final_backup_tags"),
    "aws_imagebuilder_distribution_configuration": _paths("distribution.ami_distribution_configuration.ami_tags"),
    "aws_imagebuilder_infrastructure_configuration": _paths("resource_tags"),
    "aws_instance": _BLOCK_DEVICES,
    "aws_launch_template": _paths("tag_specifications.tags", label="resource_type"),
    "aws_lexv2models_bot": _paths("test_bot_alias_tags"),
    "aws_pipes_pipe": _paths("target_parameters.ecs_task_parameters.tags"),
    "aws_scheduler_schedule": _paths("target.ecs_parameters.tags"),
    "aws_spot_fleet_request": _paths("launch_specification.tags"),
    "aws_spot_instance_request": _BLOCK_DEVICES,
    "aws_ssmincidents_response_plan": _paths("incident_template.incident_tags"),
    "azurerm_container_registry": _paths("georeplications.tags", label="location"),
    "azurerm_dns_zone": _paths("soa_record.tags"),
    "azurerm_kubernetes_cluster": _paths("default_node_pool.tags"),
    "azurerm_netapp_volume_group_oracle": _paths("volume.tags", label="name"),
    "azurerm_netapp_volume_group_sap_hana": _paths("volume.tags", label="name"),
    "azurerm_private_dns_zone": _paths("soa_record.tags"),
    "google_alloydb_cluster": _paths("automated_backup_policy.labels"),
    "google_backup_dr_restore_workload": (
        Surface(("compute_instance_restore_properties", "labels"), "blocks"),
        Surface(("disk_restore_properties", "labels"), "blocks"),
    ),
    "google_bigquery_analytics_hub_data_exchange_subscription": _paths("destination_dataset.labels"),
    "google_bigquery_analytics_hub_listing_subscription": _paths("destination_dataset.labels"),
    "google_cloud_run_service": _paths("template.metadata.labels"),
    "google_cloud_run_v2_job": _paths("template.labels"),
    "google_cloud_run_v2_service": _paths("template.labels"),
    "google_cloud_run_v2_worker_pool": _paths("template.labels"),
    "google_compute_instance": _paths("boot_disk.initialize_params.labels"),
    "google_compute_instance_from_template": _paths("boot_disk.initialize_params.labels"),
    "google_compute_instance_group_manager": _paths("all_instances_config.labels"),
    "google_compute_instance_template": _paths("disk.labels", label="device_name"),
    "google_compute_region_instance_group_manager": _paths("all_instances_config.labels"),
    "google_compute_region_instance_template": _paths("disk.labels", label="device_name"),
    "google_compute_resource_policy": _paths("snapshot_schedule_policy.snapshot_properties.labels"),
    # Node pools label their virtual machines with resource_labels; `labels` beside it are Kubernetes node
    # labels.
    "google_container_cluster": _paths("node_config.resource_labels", "node_pool.node_config.resource_labels"),
    "google_container_node_pool": _paths("node_config.resource_labels"),
    "google_data_pipeline_pipeline": _paths(
        "workload.dataflow_flex_template_request.launch_parameter.environment.additional_user_labels",
        "workload.dataflow_launch_template_request.launch_parameters.environment.additional_user_labels",
    ),
    "google_database_migration_service_connection_profile": _paths(
        "alloydb.settings.labels",
        "alloydb.settings.primary_instance_settings.labels",
        "cloudsql.settings.user_labels",
    ),
    "google_dataproc_workflow_template": (
        *_paths("jobs.labels", label="step_id"),
        *_paths("placement.managed_cluster.labels"),
    ),
    "google_netapp_volume": _paths("hybrid_replication_parameters.labels"),
    "google_notebooks_runtime": _paths(
        "virtual_machine.virtual_machine_config.data_disk.initialize_params.labels",
        "virtual_machine.virtual_machine_config.labels",
    ),
}

# Types that older majors of the provider have without tags: the schema of aws 5.100 against the types of aws
# 6.25.
SINCE: dict[str, int] = {
    "aws_kinesis_stream_consumer": 6,
    "aws_route53recoverycontrolconfig_cluster": 6,
    "aws_route53recoverycontrolconfig_control_panel": 6,
    "aws_route53recoverycontrolconfig_safety_rule": 6,
    "aws_s3_access_point": 6,
    "aws_s3_directory_bucket": 6,
    "aws_s3tables_table": 6,
    "aws_s3tables_table_bucket": 6,
}

# AWS types on the plugin framework that take default tags: a null in their tags is sent as an empty text, where the
# older SDK drops the key. In a schema they are those whose `id` can't be set (aws 5.100).
FRAMEWORK: frozenset[str] = frozenset(
    (
        "aws_api_gateway_domain_name_access_association",
        "aws_appconfig_environment",
        "aws_appfabric_app_authorization",
        "aws_appfabric_app_bundle",
        "aws_appfabric_ingestion",
        "aws_appfabric_ingestion_destination",
        "aws_athena_capacity_reservation",
        "aws_auditmanager_assessment",
        "aws_auditmanager_control",
        "aws_auditmanager_framework",
        "aws_backup_logically_air_gapped_vault",
        "aws_backup_restore_testing_plan",
        "aws_batch_job_queue",
        "aws_bcmdataexports_export",
        "aws_bedrock_custom_model",
        "aws_bedrock_guardrail",
        "aws_bedrock_inference_profile",
        "aws_bedrock_provisioned_model_throughput",
        "aws_bedrockagent_agent",
        "aws_bedrockagent_agent_alias",
        "aws_bedrockagent_knowledge_base",
        "aws_bedrockagent_prompt",
        "aws_chatbot_slack_channel_configuration",
        "aws_chatbot_teams_channel_configuration",
        "aws_chimesdkmediapipelines_media_insights_pipeline_configuration",
        "aws_chimesdkvoice_voice_profile_domain",
        "aws_cleanrooms_collaboration",
        "aws_cleanrooms_membership",
        "aws_cloudfront_vpc_origin",
        "aws_cloudwatch_contributor_insight_rule",
        "aws_cloudwatch_contributor_managed_insight_rule",
        "aws_cloudwatch_log_anomaly_detector",
        "aws_cloudwatch_log_delivery",
        "aws_cloudwatch_log_delivery_destination",
        "aws_cloudwatch_log_delivery_source",
        "aws_codebuild_fleet",
        "aws_codeconnections_connection",
        "aws_codeconnections_host",
        "aws_codeguruprofiler_profiling_group",
        "aws_dataexchange_revision_assets",
        "aws_datazone_domain",
        "aws_docdbelastic_cluster",
        "aws_drs_replication_configuration_template",
        "aws_dsql_cluster",
        "aws_ec2_capacity_block_reservation",
        "aws_ec2_instance_connect_endpoint",
        "aws_eks_pod_identity_association",
        "aws_elasticache_serverless_cache",
        "aws_finspace_kx_environment",
        "aws_fms_resource_set",
        "aws_globalaccelerator_cross_account_attachment",
        "aws_guardduty_malware_protection_plan",
        "aws_imagebuilder_lifecycle_policy",
        "aws_inspector2_filter",
        "aws_iot_billing_group",
        "aws_lexv2models_bot",
        "aws_m2_application",
        "aws_m2_environment",
        "aws_media_packagev2_channel_group",
        "aws_memorydb_multi_region_cluster",
        "aws_neptunegraph_graph",
        "aws_networkfirewall_tls_inspection_configuration",
        "aws_networkmanager_dx_gateway_attachment",
        "aws_networkmonitor_monitor",
        "aws_networkmonitor_probe",
        "aws_notifications_notification_configuration",
        "aws_notificationscontacts_email_contact",
        "aws_opensearchserverless_collection",
        "aws_osis_pipeline",
        "aws_paymentcryptography_key",
        "aws_pinpoint_email_template",
        "aws_pinpointsmsvoicev2_configuration_set",
        "aws_pinpointsmsvoicev2_opt_out_list",
        "aws_pinpointsmsvoicev2_phone_number",
        "aws_prometheus_scraper",
        "aws_qbusiness_application",
        "aws_quicksight_namespace",
        "aws_quicksight_vpc_connection",
        "aws_rbin_rule",
        "aws_rds_cluster_snapshot_copy",
        "aws_rds_integration",
        "aws_rds_shard_group",
        "aws_redshift_integration",
        "aws_rekognition_collection",
        "aws_rekognition_project",
        "aws_rekognition_stream_processor",
        "aws_resiliencehub_resiliency_policy",
        "aws_resourceexplorer2_index",
        "aws_resourceexplorer2_view",
        "aws_route53domains_domain",
        "aws_route53profiles_association",
        "aws_route53profiles_profile",
        "aws_s3control_access_grant",
        "aws_s3control_access_grants_instance",
        "aws_s3control_access_grants_location",
        "aws_securityhub_automation_rule",
        "aws_securitylake_data_lake",
        "aws_securitylake_subscriber",
        "aws_servicecatalogappregistry_application",
        "aws_servicecatalogappregistry_attribute_group",
        "aws_ssmcontacts_rotation",
        "aws_ssmquicksetup_configuration_manager",
        "aws_ssoadmin_application",
        "aws_ssoadmin_trusted_token_issuer",
        "aws_timestreaminfluxdb_db_instance",
        "aws_timestreamquery_scheduled_query",
        "aws_verifiedpermissions_policy_store",
        "aws_vpc_block_public_access_exclusion",
        "aws_vpc_route_server",
        "aws_vpc_route_server_endpoint",
        "aws_vpc_route_server_peer",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
        "aws_vpclattice_resource_configuration",
        "aws_vpclattice_resource_gateway",
        "aws_vpclattice_service_network_resource_association",
        "aws_workspaces_connection_alias",
        "aws_workspacesweb_browser_settings",
        "aws_workspacesweb_data_protection_settings",
        "aws_workspacesweb_ip_access_settings",
        "aws_workspacesweb_network_settings",
        "aws_workspacesweb_user_access_logging_settings",
        "aws_workspacesweb_user_settings",
    )
)

# What only looks like tags, by reason. Nothing reads it but the test that every path has a decision.
NOT_TAGS: dict[str, dict[str, tuple[str, ...]]] = {
    # Filters, conditions and scopes: they choose resources, findings, costs or objects by the tags that those
    # carry.
    "choose by tags": {
        "aws_accessanalyzer_analyzer": ("configuration.unused_access.analysis_rule.exclusion.resource_tags",),
        "aws_backup_framework": ("control.scope.tags",),
        "aws_backup_selection": ("selection_tag",),
        "aws_billing_view": ("data_filter_expression.tags",),
        "aws_ce_anomaly_subscription": (
            "threshold_expression.and.tags",
            "threshold_expression.not.tags",
            "threshold_expression.or.tags",
            "threshold_expression.tags",
        ),
        "aws_ce_cost_category": (
            "rule.rule.and.and.tags",
            "rule.rule.and.not.tags",
            "rule.rule.and.or.tags",
            "rule.rule.and.tags",
            "rule.rule.not.and.tags",
            "rule.rule.not.not.tags",
            "rule.rule.not.or.tags",
            "rule.rule.not.tags",
            "rule.rule.or.and.tags",
            "rule.rule.or.not.tags",
            "rule.rule.or.or.tags",
            "rule.rule.or.tags",
            "rule.rule.tags",
        ),
        "aws_codepipeline": ("trigger.git_configuration.push.tags",),
        "aws_devopsguru_resource_collection": ("tags",),
        "aws_dlm_lifecycle_policy": ("policy_details.target_tags",),
        "aws_eks_fargate_profile": ("selector.labels",),
        "aws_fis_experiment_template": ("target.resource_tag",),
        "aws_fms_policy": ("resource_tags",),
        "aws_imagebuilder_lifecycle_policy": (
            "policy_detail.exclusion_rules.amis.tag_map",
            "policy_detail.exclusion_rules.tag_map",
            "resource_selection.tag_map",
        ),
        "aws_inspector2_filter": (
            "filter_criteria.code_vulnerability_detector_tags",
            "filter_criteria.ecr_image_tags",
            "filter_criteria.resource_tags",
        ),
        "aws_lakeformation_opt_in": ("resource_data.lf_tag",),
        "aws_lakeformation_permissions": ("lf_tag",),
        "aws_rbin_rule": ("resource_tags",),
        "aws_s3_bucket": (
            "lifecycle_rule.tags",
            "replication_configuration.rules.filter.tags",
        ),
        "aws_s3_bucket_analytics_configuration": ("filter.tags",),
        "aws_s3_bucket_intelligent_tiering_configuration": ("filter.tags",),
        "aws_s3_bucket_lifecycle_configuration": (
            "rule.filter.and.tags",
            "rule.filter.tag",
        ),
        "aws_s3_bucket_metric": ("filter.tags",),
        "aws_s3_bucket_replication_configuration": (
            "rule.filter.and.tags",
            "rule.filter.tag",
        ),
        "aws_s3control_bucket_lifecycle_configuration": ("rule.filter.tags",),
        "aws_securityhub_automation_rule": ("criteria.resource_tags",),
        "aws_securityhub_insight": ("filters.resource_tags",),
        "aws_vpc_ipam_pool": ("allocation_resource_tags",),
        "azurerm_automation_software_update_configuration": ("target.azure_query.tags",),
        "azurerm_consumption_budget_management_group": ("filter.tag",),
        "azurerm_consumption_budget_resource_group": ("filter.tag",),
        "azurerm_consumption_budget_subscription": ("filter.tag",),
        "azurerm_maintenance_assignment_dynamic_scope": ("filter.tags",),
        "google_billing_budget": ("budget_filter.labels",),
        "google_clouddeploy_automation": ("selector.targets.labels",),
        "google_clouddeploy_deploy_policy": (
            "selectors.delivery_pipeline.labels",
            "selectors.target.labels",
        ),
        "google_data_loss_prevention_discovery_config": ("actions.tag_resources.tag_conditions.tag",),
        "google_os_config_guest_policies": ("assignment.group_labels.labels",),
        "google_os_config_os_policy_assignment": (
            "instance_filter.exclusion_labels.labels",
            "instance_filter.inclusion_labels.labels",
        ),
        "google_os_config_patch_deployment": ("instance_filter.group_labels.labels",),
        "google_os_config_v2_policy_orchestrator": (
            "orchestrated_resource.os_policy_assignment_v1_payload.instance_filter.exclusion_labels.labels",
            "orchestrated_resource.os_policy_assignment_v1_payload.instance_filter.inclusion_labels.labels",
        ),
        "google_os_config_v2_policy_orchestrator_for_folder": (
            "orchestrated_resource.os_policy_assignment_v1_payload.instance_filter.exclusion_labels.labels",
            "orchestrated_resource.os_policy_assignment_v1_payload.instance_filter.inclusion_labels.labels",
        ),
        "google_os_config_v2_policy_orchestrator_for_organization": (
            "orchestrated_resource.os_policy_assignment_v1_payload.instance_filter.exclusion_labels.labels",
            "orchestrated_resource.os_policy_assignment_v1_payload.instance_filter.inclusion_labels.labels",
        ),
    },
    # Kubernetes, Docker and Prometheus labels: no cloud keeps them, no bill shows them.
    "labels inside a cluster": {
        "aws_batch_job_definition": ("eks_properties.pod_properties.metadata.labels",),
        "aws_ecs_task_definition": ("volume.docker_volume_configuration.labels",),
        "aws_eks_node_group": ("labels",),
        "aws_prometheus_workspace_configuration": ("limits_per_label_set.label_set",),
        "azurerm_monitor_alert_prometheus_rule_group": ("rule.labels",),
        "google_container_aws_node_pool": ("config.labels",),
        "google_container_azure_node_pool": ("config.labels",),
        "google_container_cluster": (
            "node_config.labels",
            "node_pool.node_config.labels",
        ),
        "google_container_node_pool": ("node_config.labels",),
        "google_edgecontainer_node_pool": ("node_config.labels",),
        "google_gkeonprem_bare_metal_admin_cluster": (
            "control_plane.control_plane_node_pool_config.node_pool_config.labels",
            "control_plane.control_plane_node_pool_config.node_pool_config.node_configs.labels",
        ),
        "google_gkeonprem_bare_metal_cluster": (
            "control_plane.control_plane_node_pool_config.node_pool_config.labels",
            "control_plane.control_plane_node_pool_config.node_pool_config.node_configs.labels",
            "load_balancer.bgp_lb_config.load_balancer_node_pool_config.node_pool_config.labels",
            "load_balancer.bgp_lb_config.load_balancer_node_pool_config.node_pool_config.node_configs.labels",
            "load_balancer.metal_lb_config.load_balancer_node_pool_config.node_pool_config.labels",
            "load_balancer.metal_lb_config.load_balancer_node_pool_config.node_pool_config.node_configs.labels",
        ),
        "google_gkeonprem_bare_metal_node_pool": (
            "node_pool_config.labels",
            "node_pool_config.node_configs.labels",
        ),
        "google_gkeonprem_vmware_node_pool": ("config.labels",),
        "google_monitoring_alert_policy": ("conditions.condition_prometheus_query_language.labels",),
    },
    # Google Tags, bound through the resource manager: their keys are tagKeys/123 or 123/environment.
    "resource-manager tags": {
        "google_bigquery_dataset": ("resource_tags",),
        "google_bigquery_table": ("resource_tags",),
        "google_data_fusion_instance": ("tags",),
        "google_filestore_backup": ("tags",),
        "google_filestore_instance": ("tags",),
        "google_firestore_database": ("tags",),
        "google_folder": ("tags",),
        "google_project": ("tags",),
        "google_secret_manager_regional_secret": ("tags",),
        "google_secret_manager_secret": ("tags",),
        "google_workflows_workflow": ("tags",),
        "google_workstations_workstation_cluster": ("tags",),
    },
    # Tags of another cloud or system, in that one's spelling and on its bill; the policy's keys for this
    # cloud don't fit.
    "another system": {
        "google_container_aws_cluster": ("control_plane.tags",),
        "google_container_aws_node_pool": ("config.tags",),
        "google_container_azure_cluster": ("control_plane.tags",),
        "google_container_azure_node_pool": ("config.tags",),
        "google_gkeonprem_vmware_node_pool": ("config.vsphere_config.tags",),
    },
    # Other things that share the word; the comment says which.
    "something else": {
        # One tag of a group that another configuration owns: a tag resource.
        "aws_autoscaling_group_tag": ("tag",),
        # Maps claims to session tags of a principal.
        "aws_cognito_identity_pool_provider_principal_tag": ("principal_tags",),
        # The values are fixed variables, $(instance-id) and $(timestamp), never an owner.
        "aws_dlm_lifecycle_policy": ("policy_details.schedule.variable_tags",),
        # LF-Tags: Lake Formation's own permission tags, of databases and tables.
        "aws_lakeformation_resource_lf_tag": ("lf_tag",),
        "aws_lakeformation_resource_lf_tags": ("lf_tag",),
        # Tags of a column: its geographic role or its description.
        "aws_quicksight_data_set": ("logical_table_map.data_transforms.tag_column_operation.tags",),
        # Replaces the provider's default_tags for this object; what is left of them shows in tags_all.
        "aws_s3_object": (
            "override_provider.default_tags",
            "override_provider.default_tags.tags",
        ),
        "aws_s3_object_copy": (
            "override_provider.default_tags",
            "override_provider.default_tags.tags",
        ),
        # A step that tags an S3 object which was uploaded.
        "aws_transfer_workflow": (
            "on_exception_steps.tag_step_details.tags",
            "steps.tag_step_details.tags",
        ),
        # Labels of an application in New Relic.
        "azurerm_spring_cloud_new_relic_application_performance_monitoring": ("labels",),
        # Added to the findings of an inspection.
        "google_data_loss_prevention_job_trigger": ("inspect_job.storage_config.hybrid_options.labels",),
        # Describe the source of a catalogue entry.
        "google_dataplex_entry": ("entry_source.labels",),
        # The dimensions of a metric.
        "google_logging_metric": ("metric_descriptor.labels",),
        "google_monitoring_metric_descriptor": ("labels",),
        # They name the resource that is checked.
        "google_monitoring_uptime_check_config": ("monitored_resource.labels",),
    },
}
