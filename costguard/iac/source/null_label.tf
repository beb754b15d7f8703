# What cloudposse/label/null makes of its inputs, as its documentation describes it: costguard evaluates this in place of
# the module where its files aren't here. Every input may come from `context`, and one that is given goes before it.

variable "context" { default = {} }
variable "enabled" { default = null }
variable "namespace" { default = null }
variable "tenant" { default = null }
variable "environment" { default = null }
variable "stage" { default = null }
variable "name" { default = null }
variable "delimiter" { default = null }
variable "attributes" { default = [] }
variable "labels_as_tags" { default = ["default"] }
variable "tags" { default = {} }
variable "additional_tag_map" { default = {} }
variable "label_order" { default = null }
variable "regex_replace_chars" { default = null }
variable "id_length_limit" { default = null }
variable "label_key_case" { default = null }
variable "label_value_case" { default = null }
variable "descriptor_formats" { default = {} }

locals {
  nothing = {
    enabled             = null
    namespace           = null
    tenant              = null
    environment         = null
    stage               = null
    name                = null
    delimiter           = null
    attributes          = []
    tags                = {}
    additional_tag_map  = {}
    label_order         = null
    regex_replace_chars = null
    id_length_limit     = null
    label_key_case      = null
    label_value_case    = null
    labels_as_tags      = ["unset"]
  }
  outer = merge(local.nothing, var.context)

  enabled   = var.enabled == null ? (local.outer.enabled == null ? true : local.outer.enabled) : var.enabled
  delimiter = var.delimiter == null ? (local.outer.delimiter == null ? "-" : local.outer.delimiter) : var.delimiter
  unwanted  = var.regex_replace_chars == null ? (local.outer.regex_replace_chars == null ? "/[^a-zA-Z0-9-]/" : local.outer.regex_replace_chars) : var.regex_replace_chars
  key_case  = var.label_key_case == null ? (local.outer.label_key_case == null ? "title" : local.outer.label_key_case) : var.label_key_case
  case      = var.label_value_case == null ? (local.outer.label_value_case == null ? "lower" : local.outer.label_value_case) : var.label_value_case
  limit     = var.id_length_limit == null ? (local.outer.id_length_limit == null ? 0 : local.outer.id_length_limit) : var.id_length_limit
  in_order  = ["namespace", "tenant", "environment", "stage", "name", "attributes"]
  order     = var.label_order == null ? (local.outer.label_order == null ? local.in_order : local.outer.label_order) : var.label_order

  given = {
    namespace   = var.namespace == null ? local.outer.namespace : var.namespace
    tenant      = var.tenant == null ? local.outer.tenant : var.tenant
    environment = var.environment == null ? local.outer.environment : var.environment
    stage       = var.stage == null ? local.outer.stage : var.stage
    name        = var.name == null ? local.outer.name : var.name
  }
  plain = { for label, text in local.given : label => text == null ? "" : replace(text, local.unwanted, "") }
  words = {
    for label, text in local.plain : label =>
    local.case == "none" ? text : local.case == "title" ? title(lower(text)) : local.case == "upper" ? upper(text) : lower(text)
  }
  attributes = compact(distinct([
    for text in concat(local.outer.attributes == null ? [] : local.outer.attributes, var.attributes == null ? [] : var.attributes) :
    local.case == "none" ? replace(text, local.unwanted, "") : local.case == "title" ? title(lower(replace(text, local.unwanted, ""))) : local.case == "upper" ? upper(replace(text, local.unwanted, "")) : lower(replace(text, local.unwanted, ""))
  ]))
  parts = merge(local.words, { attributes = join(local.delimiter, local.attributes) })
  id    = join(local.delimiter, [for label in local.order : local.parts[label] if local.parts[label] != ""])

  stated = contains(var.labels_as_tags, "unset") ? local.outer.labels_as_tags : contains(local.outer.labels_as_tags, "unset") ? var.labels_as_tags : local.outer.labels_as_tags
  tagged = contains(local.stated, "default") || contains(local.stated, "unset") ? keys(local.parts) : local.stated
  shown  = merge(local.parts, { name = local.id })
  generated = {
    for label, text in local.shown :
    (local.key_case == "upper" ? upper(label) : local.key_case == "lower" ? lower(label) : title(label)) => text
    if contains(local.tagged, label) && text != ""
  }
  tags = merge(local.generated, local.outer.tags, var.tags)
}

output "id" { value = !local.enabled ? "" : local.limit == 0 || length(local.id) <= local.limit ? local.id : local.shortened }
output "id_full" { value = local.enabled ? local.id : "" }
output "enabled" { value = local.enabled }
output "namespace" { value = local.enabled ? local.words.namespace : "" }
output "tenant" { value = local.enabled ? local.words.tenant : "" }
output "environment" { value = local.enabled ? local.words.environment : "" }
output "stage" { value = local.enabled ? local.words.stage : "" }
output "name" { value = local.enabled ? local.words.name : "" }
output "delimiter" { value = local.enabled ? local.delimiter : "" }
output "attributes" { value = local.enabled ? local.attributes : [] }
output "tags" { value = local.enabled ? local.tags : {} }
output "additional_tag_map" { value = merge(local.outer.additional_tag_map, var.additional_tag_map) }
output "label_order" { value = local.order }
output "regex_replace_chars" { value = local.unwanted }
output "id_length_limit" { value = local.limit }
output "tags_as_list_of_maps" { value = [for key, value in(local.enabled ? local.tags : {}) : merge({ key = key, value = value }, local.outer.additional_tag_map, var.additional_tag_map)] }
output "descriptors" { value = local.not_modelled }
output "normalized_context" {
  value = merge(local.words, {
    enabled             = local.enabled
    delimiter           = local.delimiter
    attributes          = local.attributes
    tags                = local.tags
    additional_tag_map  = merge(local.outer.additional_tag_map, var.additional_tag_map)
    label_order         = local.order
    regex_replace_chars = local.unwanted
    id_length_limit     = local.limit
    label_key_case      = local.key_case
    label_value_case    = local.case
    labels_as_tags      = local.tagged
    descriptor_formats  = var.descriptor_formats
  })
}
output "context" {
  value = merge(local.given, {
    enabled             = local.enabled
    delimiter           = local.delimiter
    attributes          = compact(distinct(concat(local.outer.attributes == null ? [] : local.outer.attributes, var.attributes == null ? [] : var.attributes)))
    tags                = merge(local.outer.tags, var.tags)
    additional_tag_map  = merge(local.outer.additional_tag_map, var.additional_tag_map)
    label_order         = local.order
    regex_replace_chars = local.unwanted
    id_length_limit     = local.limit
    label_key_case      = local.key_case
    label_value_case    = local.case
    labels_as_tags      = local.stated
    descriptor_formats  = var.descriptor_formats
  })
}
