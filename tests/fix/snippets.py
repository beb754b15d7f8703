"""Generates resources in the forms and layouts in which people write tags: facts of real estates, and their corners.

A snippet is deliberately not formatted; the tests let real ``terraform fmt`` do that where they need it.
"""

from random import Random

VALUES = ('"x"', '"${var.name}-x"', "var.name", "local.names[0]", 'format("%s-%s", "a", var.name)', "1", "true")
KEYS = ("Name", "n", '"Name"', '"kubernetes.io/cluster/x"', "(local.key)", '"${var.p}-x"', "Größe", "日本", "Env_name")
COMMENTS = ("", "", "", " # why", " // because", " /* so */")

OBJECTS = (
    "{}",
    "{ }",
    "{\n}",
    "{\n\n}",
    "{\n  # nothing yet\n}",
    "{ # nothing\n}",
    "{ /* nothing */ }",
    "{ %(pair)s }",
    "{%(pair)s}",
    "{ %(pair)s, %(pair2)s }",
    "{ %(pair)s, %(pair2)s, }",
    "{\n  %(pair)s%(comment)s\n}",
    "{\n  %(pair)s%(comment)s\n  %(pair2)s%(comment2)s\n}",
    "{\n  %(pair)s,%(comment)s\n  %(pair2)s%(comment2)s\n}",
    "{\n  %(pair)s,%(comment)s\n  %(pair2)s,%(comment2)s\n}",
    "{\n  %(pair)s\n\n  %(pair2)s%(comment)s\n  # Env = 1\n\n}",
    "{ %(pair)s,\n  %(pair2)s\n}",
    "{\n  %(pair)s,\n  %(pair2)s }",
    "{\n  %(key)s : %(value)s\n  %(key2)s: %(value2)s\n}",
    '{\n  "a" = %(value)s\n  "Bcd" = %(value2)s\n}',
    "{\n  %(pair)s\n  Text = <<-EOT\n    some\n    text = 1 # x\n  EOT\n}",
    "{\n  Text = <<EOT\nsome\nEOT\n  %(pair)s%(comment)s\n}",
    "{\n  %(pair)s\n  List = jsonencode([\n    1,\n    2\n  ])\n}",
    "{\n  %(pair)s\n  Why = var.a ? (\n    %(value)s\n  ) : %(value2)s\n}",
)
FORMS = (
    "%(object)s",
    "%(object)s",
    "%(object)s",
    "var.tags",
    "local.tags",
    "null",
    "module.label.tags",
    "each.value.tags",
    'each.value["tags"]',
    "local.all.*.tags[0]",
    "(var.tags)",
    "tomap(%(object)s)",
    "var.tags == null ? {} : var.tags",
    "var.on ? %(object)s : null",
    "var.on ? var.tags : {\n  a = 1\n}",
    "try(var.tags, {})",
    "try(\n  var.tags,\n  local.tags\n)",
    "coalesce(var.tags, %(object)s)",
    "{ for k, v in var.tags : k => v }",
    "{\n  for k, v in var.tags :\n  k => v\n}",
    'jsondecode(file("tags.json"))',
    "merge()",
    "merge(var.tags)",
    "merge(%(object)s)",
    "merge(var.tags, local.tags)",
    "merge(var.tags, local.tags,)",
    "merge(var.tags, %(object)s)",
    "merge(%(object)s, var.tags)",
    "merge(local.tags, var.tags, %(object)s)",
    "merge(\n  var.tags,\n  local.tags\n)",
    "merge(\n  var.tags,%(comment)s\n  local.tags,%(comment2)s\n)",
    "merge(\n  var.tags,\n  %(object)s\n)",
    "merge(\n  %(object)s,\n  var.tags,\n)",
    "merge(\n  %(object)s,\n  %(object2)s\n)",
    "merge(var.tags,\n  local.tags)",
    "merge(var.tags,\n  %(object)s)",
    "merge(%(object)s, %(object2)s)",
    "merge(local.maps...)",
    "merge(%(object)s, local.maps...)",
    "merge(try(var.tags, {}), tomap(%(object)s))",
    "merge(\n  var.tags, # the caller's\n  // and nothing else\n)",
    "merge(var.the_tags_of_the_whole_company, local.the_tags_of_the_whole_department, module.label.tags)",
    "merge(var.tags, {}, local.tags)",
    "merge({}, {\n  a = 1\n})",
)
ATTRIBUTES = (
    'bucket = "b"',
    "n = 1",
    "a_rather_long_name = var.x",
    "policy = jsonencode({\n  a = 1\n  bcd = 2\n})",
    "list = [\n  1,\n]",
    "text = <<EOF\na = 1\nEOF",
    "ordinary = { a = 1, b = 2 }",
    "# a comment",
    "/* another\n one */",
    "",
)
BLOCKS = (
    "versioning {\n  enabled = true\n}",
    "empty {}",
    "one { line = 1 }",
    "rule {\n  a = 1\n  inner {\n    bcd = 2\n  }\n}",
)
LAST = (
    "depends_on = [aws_x.y]",
    "lifecycle {\n  ignore_changes = [size]\n}",
    "# Keep it.\nlifecycle {\n}",
    'provisioner "local-exec" {\n  command = "true"\n}',
)


PRELUDE = """
terraform {
  backend "local" {}
}

variable "tags" {
  default = {}
}

variable "name" {
  default = "n"
}

variable "p" {
  default = "q"
}

variable "x" {
  default = "y"
}

variable "a" {
  default = true
}

variable "on" {
  default = true
}

variable "the_tags_of_the_whole_company" {
  default = {}
}

locals {
  tags = {}

  names = ["a"]
  all   = [{ tags = {} }]
  maps  = [{}, {}]
  the_tags_of_the_whole_department = {}
}

module "label" {
  source = "./label"
}
"""
"""What the snippets refer to; nothing in it has a tag."""


def snippet(random: Random, type_: str = "aws_x") -> str:
    """A file with one resource, drawn from everything above."""
    pick = random.choice
    tags = f"tags = {_form(random)}"
    if random.random() < 0.08:
        inside = ("", " ", f" {tags} " if "\n" not in tags and "#" not in tags and "//" not in tags else " ")
        text = f'resource "{type_}" "y" {{{pick(inside)}}}'
    else:
        parts = [pick(ATTRIBUTES) for _ in range(random.randrange(4))]
        if random.random() < 0.8:
            parts.append(tags + pick(COMMENTS))
            if "each." in tags:
                parts.insert(0, "for_each = { a = { tags = {} } }")
        parts += [pick(ATTRIBUTES[:4]) for _ in range(random.randrange(2))]
        parts += [pick(BLOCKS) for _ in range(random.randrange(2))]
        parts += [pick(LAST) for _ in range(random.randrange(3)) if random.random() < 0.5]
        lines = [part + (pick(COMMENTS) if _plain(part) else "") for part in _distinct(parts)]
        body = "".join(line + ("\n\n" if random.random() < 0.3 else "\n") for line in lines)
        text = f'resource "{type_}" "y" {{' + pick(("\n", "\n", "\n", " # the one\n", "\n\n")) + body + "}"
    text = pick(("", "", "# head\n", 'locals {\n  key = "k"\n}\n\n')) + text + pick(("\n", "\n", "", "\n\n# tail\n"))
    return text.replace("\n", "\r\n") if random.random() < 0.1 else text


def _plain(part: str) -> bool:
    return bool(part) and not part.startswith(("#", "/*")) and "<<" not in part and "#" not in part and "//" not in part


def _distinct(parts: list[str]) -> list[str]:
    """No argument twice: Terraform refuses that."""
    seen: set[str] = set()
    kept = []
    for part in parts:
        name = part.split("=")[0].strip() if "=" in part.split("\n")[0] else ""
        if not name or name not in seen:
            kept.append(part)
        seen.add(name)
    return kept


def _form(random: Random) -> str:
    pick = random.choice

    def pair() -> str:
        return f"{pick(KEYS)} = {pick(VALUES)}"

    def fields() -> dict[str, str]:
        return {
            "pair": pair(),
            "pair2": pair(),
            "key": pick(KEYS),
            "key2": pick(KEYS),
            "value": pick(VALUES),
            "value2": pick(VALUES),
            "comment": pick(COMMENTS),
            "comment2": pick(COMMENTS),
        }

    def nested() -> str:
        return (pick(OBJECTS) % fields()).replace("\n", "\n  ").replace("\n  EOT\n", "\nEOT\n")

    return pick(FORMS) % {**fields(), "object": nested(), "object2": nested()}
