"""Somebody at the console takes the owner away."""

import boto3

sns = boto3.client("sns", region_name="us-east-1")
sns.untag_resource(ResourceArn="arn:aws:sns:us-east-1:123456789012:compliant", TagKeys=["owner"])
