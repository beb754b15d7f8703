"""A broken apply: an old object is left over in the state, and another is marked tainted."""

import copy
import json
from pathlib import Path

import boto3

old = boto3.client("sns", region_name="us-east-1").create_topic(Name="left-over")["TopicArn"]

file = Path.home() / "terraform.tfstate"
state = json.loads(file.read_text("utf-8"))
for resource in state["resources"]:
    if resource["name"] == "half_replaced":
        deposed = copy.deepcopy(resource["instances"][0])
        deposed["deposed"] = "0123abcd"
        deposed["attributes"] |= {"arn": old, "id": old, "name": "left-over", "tags": {}, "tags_all": {}}
        resource["instances"].append(deposed)
    if resource["name"] == "tainted":
        resource["instances"][0]["status"] = "tainted"
state["serial"] += 1
file.write_text(json.dumps(state), "utf-8")
