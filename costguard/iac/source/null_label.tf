# What cloudposse/label/null makes of its inputs, as its documentation describes it: costguard evaluates this in place of
# the module where its files aren't here. Every input may come from `context`, and one that is given goes before it.

variable "context" { default = {} }
variable "enabled" {
  type    = bool
  default = null
}
variable "namespace" {
  type    = string
  default = null
}
variable "tenant" {
  type    = string
  default = null
}
variable "environment" {
  type    = string
  default = null
}
variable "stage" {
  type    = string
  default = null
}
variable "name" {
  type    = string
  default = null
}
variable "delimiter" {
  type    = string
  default = null
}
variable "attributes" {
  type    = list(string)
  default = []
}
variable "labels_as_tags" {
  type    = set(string)
  default = ["default"]
}
variable "tags" {
  type    = map(string)
  default = {}
}
variable "additional_tag_map" {
  type    = map(string)
  default = {}
}
variable "label_order" {
  type    = list(string)
  default = null
}
variable "regex_replace_chars" {
  type    = string
  default = null
}
variable "id_length_limit" {
  type    = number
  default = null
}
variable "label_key_case" {
  type    = string
  default = null
}
variable "label_value_case" {
  type    = string
  default = null
}
variable "descriptor_formats" { default = {} }

locals {
  # What a context says where nobody made one.
  nothing = {
    enabled             = true
    namespace           = null
    tenant              = null
    environment         = null
    stage               = null
    name                = null
    delimiter           = null
    attributes          = []
    tags                = {}
    additional_tag_map  = {}
    label_order         = []
    regex_replace_chars = null
    id_length_limit     = null
    label_key_case      = null
    label_value_case    = null
    labels_as_tags      = ["unset"]
    descriptor_formats  = {}
  }
  outer = merge(local.nothing, var.context)

  # What is passed on as it was given.
  given = {
    enabled             = var.enabled == null ? local.outer.enabled : var.enabled
    namespace           = var.namespace == null ? local.outer.namespace : var.namespace
    tenant              = var.tenant == null ? local.outer.tenant : var.tenant
    environment         = var.environment == null ? local.outer.environment : var.environment
    stage               = var.stage == null ? local.outer.stage : var.stage
    name                = var.name == null ? local.outer.name : var.name
    delimiter           = var.delimiter == null ? local.outer.delimiter : var.delimiter
    attributes          = compact(distinct(concat(local.outer_attributes, local.own_attributes)))
    tags                = merge(local.outer.tags, var.tags)
    additional_tag_map  = local.more
    label_order         = var.label_order == null ? local.outer.label_order : var.label_order
    regex_replace_chars = var.regex_replace_chars == null ? local.outer.regex_replace_chars : var.regex_replace_chars
    id_length_limit     = var.id_length_limit == null ? local.outer.id_length_limit : var.id_length_limit
    label_key_case      = var.label_key_case == null ? local.outer.label_key_case : var.label_key_case
    label_value_case    = var.label_value_case == null ? local.outer.label_value_case : var.label_value_case
    labels_as_tags      = contains(local.outer.labels_as_tags, "unset") ? var.labels_as_tags : local.outer.labels_as_tags
    descriptor_formats  = merge(local.outer.descriptor_formats, var.descriptor_formats)
  }
  outer_attributes = local.outer.attributes == null ? [] : local.outer.attributes
  own_attributes   = var.attributes == null ? [] : var.attributes
  more             = merge(local.outer.additional_tag_map, var.additional_tag_map)

  enabled   = local.given.enabled
  delimiter = local.given.delimiter == null ? "-" : local.given.delimiter
  unwanted  = local.given.regex_replace_chars == null || local.given.regex_replace_chars == "" ? "/[^-a-zA-Z0-9]/" : local.given.regex_replace_chars
  key_case  = local.given.label_key_case == null ? "title" : local.given.label_key_case
  case      = local.given.label_value_case == null ? "lower" : local.given.label_value_case
  limit     = local.given.id_length_limit == null ? 0 : local.given.id_length_limit
  ordered   = local.given.label_order == null ? [] : local.given.label_order
  # The tenant is in no id unless somebody orders it.
  order = length(local.ordered) > 0 ? local.ordered : ["namespace", "environment", "stage", "name", "attributes"]

  # Each text without what is unwanted, in the case that is wanted.
  cleaned = {
    for label in ["namespace", "tenant", "environment", "stage", "name"] :
    label => local.given[label] == null ? "" : replace(local.given[label], local.unwanted, "")
  }
  words = {
    for label, text in local.cleaned :
    label => local.case == "none" ? text : local.case == "title" ? title(lower(text)) : local.case == "upper" ? upper(text) : lower(text)
  }
  attributes = compact(distinct([
    for text in compact(distinct([for word in local.given.attributes : replace(word, local.unwanted, "")])) :
    local.case == "none" ? text : local.case == "title" ? title(lower(text)) : local.case == "upper" ? upper(text) : lower(text)
  ]))
  parts = merge(local.words, { attributes = join(local.delimiter, local.attributes) })

  full = join(local.delimiter, [for label in local.order : local.parts[label] if local.parts[label] != ""])
  # What is too long ends in a hash of five letters, and in what there is room for before it.
  room   = local.limit - 5 - length(local.delimiter)
  begins = local.room <= 0 ? "" : "${trimsuffix(substr(local.full, 0, local.room), local.delimiter)}${local.delimiter}"
  digest = "${md5(local.full)}qrstuvwxyz"
  ends   = local.case == "title" ? title(local.digest) : local.case == "upper" ? upper(local.digest) : local.digest
  short  = substr("${local.begins}${replace(local.ends, local.unwanted, "")}", 0, local.limit)
  id     = local.limit != 0 && length(local.full) > local.limit ? local.short : local.full

  tagged = contains(local.given.labels_as_tags, "default") ? keys(local.parts) : local.given.labels_as_tags
  shown  = merge(local.parts, { name = local.id })
  # An id is there as soon as one of its parts is, whatever the others are.
  filled = {
    for label, text in local.parts :
    label => label == "name" ? anytrue([for part in local.order : local.parts[part] != ""]) : label == "attributes" ? length(local.attributes) > 0 : text != ""
  }
  generated = {
    for label, text in local.shown :
    (local.key_case == "upper" ? upper(label) : local.key_case == "lower" ? lower(label) : title(label)) => text
    if contains(local.tagged, label) && local.filled[label]
  }
  tags = merge(local.generated, local.given.tags)
}

output "id" { value = local.enabled ? local.id : "" }
output "id_full" { value = local.enabled ? local.full : "" }
output "enabled" { value = local.enabled }
output "namespace" { value = local.enabled ? local.words.namespace : "" }
output "tenant" { value = local.enabled ? local.words.tenant : "" }
output "environment" { value = local.enabled ? local.words.environment : "" }
output "stage" { value = local.enabled ? local.words.stage : "" }
output "name" { value = local.enabled ? local.words.name : "" }
output "delimiter" { value = local.enabled ? local.delimiter : "" }
output "attributes" { value = local.enabled ? local.attributes : [] }
output "tags" { value = local.enabled ? local.tags : {} }
output "additional_tag_map" { value = local.more }
output "label_order" { value = local.order }
output "regex_replace_chars" { value = local.unwanted }
output "id_length_limit" { value = local.limit }
output "tags_as_list_of_maps" {
  value = [for key, value in local.tags : merge({ key = key, value = value }, local.more)]
}
output "descriptors" { value = local.descriptors_are_not_modelled }
output "normalized_context" {
  value = merge(local.words, {
    enabled             = local.enabled
    delimiter           = local.delimiter
    attributes          = local.attributes
    tags                = local.tags
    additional_tag_map  = local.more
    label_order         = local.order
    regex_replace_chars = local.unwanted
    id_length_limit     = local.limit
    label_key_case      = local.key_case
    label_value_case    = local.case
    labels_as_tags      = local.tagged
    descriptor_formats  = local.given.descriptor_formats
  })
}
output "context" { value = local.given }
