"""One resource of nearly every row of the writer's table, made in moto by the SDK. Each maker gives the ARN and the
Terraform type; the name of a maker is the row's service and the kind."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.aws import HOME, AwsServer

Client = Callable[[str], Any]
Maker = Callable[[Client], str]

_SERVICE_ROLE = f"arn:aws:iam::{HOME}:role/service"
_TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
_LEAVE = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
)
_HERE = f"us-east-1:{HOME}"


def _role(client: Client) -> str:
    return str(
        client("iam").create_role(RoleName="role", Path="/team/", AssumeRolePolicyDocument=_TRUST)["Role"]["Arn"]
    )


def _subnets(client: Client) -> list[str]:
    shown = client("ec2").describe_subnets()["Subnets"]
    return [str(one["SubnetId"]) for one in shown[:2]]


def _instance(client: Client) -> str:
    made = client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]
    return f"arn:aws:ec2:{_HERE}:instance/{made['InstanceId']}"


def _volume(client: Client) -> str:
    made = client("ec2").create_volume(Size=1, AvailabilityZone="us-east-1a")
    return f"arn:aws:ec2:{_HERE}:volume/{made['VolumeId']}"


def _address(client: Client) -> str:
    return f"arn:aws:ec2:{_HERE}:elastic-ip/{client('ec2').allocate_address(Domain='vpc')['AllocationId']}"


def _group(client: Client) -> str:
    made = client("ec2").create_launch_template(
        LaunchTemplateName="template", LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}
    )
    name = "a group / with words"
    scaling = client("autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"]},
        AvailabilityZones=["us-east-1a"],
    )
    shown = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    return str(shown["AutoScalingGroups"][0]["AutoScalingGroupARN"])


def _bucket(client: Client) -> str:
    client("s3").create_bucket(Bucket="a-bucket")
    return "arn:aws:s3:::a-bucket"


def _function(client: Client) -> str:
    _simple_role(client)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "")
    made = client("lambda").create_function(
        FunctionName="function",
        Runtime="python3.12",
        Role=_SERVICE_ROLE,
        Handler="main.run",
        Code={"ZipFile": packed.getvalue()},
    )
    return str(made["FunctionArn"])


def _simple_role(client: Client) -> None:
    client("iam").create_role(RoleName="service", AssumeRolePolicyDocument=_TRUST)


def _balancer(client: Client) -> str:
    made = client("elbv2").create_load_balancer(Name="balancer", Subnets=_subnets(client))
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def _target_group(client: Client) -> str:
    return str(
        client("elbv2").create_target_group(Name="targets", Protocol="HTTP", Port=80, VpcId=_vpc(client))[
            "TargetGroups"
        ][0]["TargetGroupArn"]
    )


def _vpc(client: Client) -> str:
    return str(client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"])


def _classic(client: Client) -> str:
    client("elb").create_load_balancer(
        LoadBalancerName="classic",
        Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=["us-east-1a"],
    )
    return f"arn:aws:elasticloadbalancing:{_HERE}:loadbalancer/classic"


def _database(client: Client) -> str:
    made = client("rds").create_db_instance(
        DBInstanceIdentifier="db",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        MasterUsername="someone",
        MasterUserPassword="x" * 12,
        AllocatedStorage=20,
    )
    return str(made["DBInstance"]["DBInstanceArn"])


def _table(client: Client) -> str:
    made = client("dynamodb").create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return str(made["TableDescription"]["TableArn"])


def _queue(client: Client) -> str:
    client("sqs").create_queue(QueueName="queue")
    return f"arn:aws:sqs:{_HERE}:queue"


def _stream(client: Client) -> str:
    client("kinesis").create_stream(StreamName="stream", ShardCount=1)
    return f"arn:aws:kinesis:{_HERE}:stream/stream"


def _parameter(name: str) -> Maker:
    def make(client: Client) -> str:
        client("ssm").put_parameter(Name=name, Value="x", Type="String")
        return f"arn:aws:ssm:{_HERE}:parameter/{name.removeprefix('/')}"

    return make


def _log_group(client: Client) -> str:
    client("logs").create_log_group(logGroupName="/app/web")
    return f"arn:aws:logs:{_HERE}:log-group:/app/web"


def _alarm(client: Client) -> str:
    client("cloudwatch").put_metric_alarm(
        AlarmName="alarm",
        MetricName="m",
        Namespace="n",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
    )
    return f"arn:aws:cloudwatch:{_HERE}:alarm:alarm"


def _zone(client: Client) -> str:
    made = client("route53").create_hosted_zone(Name="example.com.", CallerReference="1")["HostedZone"]
    return f"arn:aws:route53:::{made['Id'].strip('/')}"


def _distribution(client: Client) -> str:
    made = client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "1",
            "Comment": "",
            "Enabled": False,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "o",
                        "DomainName": "a-bucket.s3.amazonaws.com",
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "o",
                "ViewerProtocolPolicy": "allow-all",
                "MinTTL": 0,
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            },
        }
    )
    return str(made["Distribution"]["ARN"])


def _cluster(client: Client) -> str:
    _simple_role(client)
    made = client("eks").create_cluster(
        name="cluster",
        roleArn=_SERVICE_ROLE,
        resourcesVpcConfig={"subnetIds": _subnets(client)},
    )
    return str(made["cluster"]["arn"])


def _redshift(client: Client) -> str:
    client("redshift").create_cluster(
        ClusterIdentifier="warehouse", NodeType="ra3.large", MasterUsername="someone", MasterUserPassword="Xx1" * 4
    )
    return f"arn:aws:redshift:{_HERE}:cluster:warehouse"


def _trail(client: Client) -> str:
    client("s3").create_bucket(Bucket="trails")
    return str(client("cloudtrail").create_trail(Name="trail", S3BucketName="trails")["TrailARN"])


def _machine(client: Client) -> str:
    _simple_role(client)
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    made = client("stepfunctions").create_state_machine(name="machine", definition=definition, roleArn=_SERVICE_ROLE)
    return str(made["stateMachineArn"])


def _job(client: Client) -> str:
    client("glue").create_job(Name="job", Role="role", Command={"Name": "glueetl"})
    return f"arn:aws:glue:{_HERE}:job/job"


def _notebook(client: Client) -> str:
    made = client("sagemaker").create_notebook_instance(
        NotebookInstanceName="book", InstanceType="ml.t3.medium", RoleArn=_SERVICE_ROLE
    )
    return str(made["NotebookInstanceArn"])


def _domain(client: Client) -> str:
    return str(client("opensearch").create_domain(DomainName="search")["DomainStatus"]["ARN"])


def _http(client: Client) -> str:
    made = client("apigatewayv2").create_api(Name="http", ProtocolType="HTTP")
    return f"arn:aws:apigateway:us-east-1::/apis/{made['ApiId']}"


MAKERS: Mapping[str, Maker] = {
    "ec2 instance": _instance,
    "ec2 volume": _volume,
    "ec2 elastic-ip": _address,
    "autoscaling group": _group,
    "s3 bucket": _bucket,
    "iam role": _role,
    "iam user": lambda c: c("iam").create_user(UserName="someone")["User"]["Arn"],
    "iam policy": lambda c: c("iam").create_policy(PolicyName="p", PolicyDocument=_LEAVE)["Policy"]["Arn"],
    "kms key": lambda c: c("kms").create_key()["KeyMetadata"]["Arn"],
    "secretsmanager secret": lambda c: c("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"],
    "acm certificate": lambda c: c("acm").request_certificate(DomainName="example.com")["CertificateArn"],
    "lambda function": _function,
    "ecs cluster": lambda c: c("ecs").create_cluster(clusterName="c")["cluster"]["clusterArn"],
    "eks cluster": _cluster,
    "ecr repository": lambda c: c("ecr").create_repository(repositoryName="r/q")["repository"]["repositoryArn"],
    "elbv2 loadbalancer": _balancer,
    "elbv2 targetgroup": _target_group,
    "elb loadbalancer": _classic,
    "efs file-system": lambda c: c("efs").create_file_system(CreationToken="x")["FileSystemArn"],
    "backup vault": lambda c: c("backup").create_backup_vault(BackupVaultName="v")["BackupVaultArn"],
    "rds db": _database,
    "dynamodb table": _table,
    "redshift cluster": _redshift,
    "opensearch domain": _domain,
    "sqs queue": _queue,
    "sns topic": lambda c: c("sns").create_topic(Name="t")["TopicArn"],
    "kinesis stream": _stream,
    "events bus": lambda c: c("events").create_event_bus(Name="bus")["EventBusArn"],
    "stepfunctions machine": _machine,
    "glue job": _job,
    "sagemaker notebook": _notebook,
    "cloudfront distribution": _distribution,
    "route53 zone": _zone,
    "apigatewayv2 http": _http,
    "logs group": _log_group,
    "cloudwatch alarm": _alarm,
    "cloudtrail trail": _trail,
    "ssm parameter": _parameter("/app/web/secret"),
    "ssm root parameter": _parameter("/lonely"),
    "ssm plain parameter": _parameter("plain"),
    "scheduler group": lambda c: c("scheduler").create_schedule_group(Name="g")["ScheduleGroupArn"],
    "servicediscovery namespace": lambda c: f"arn:aws:servicediscovery:{_HERE}:namespace/" + _namespace(c),
}


def _namespace(client: Client) -> str:
    client("servicediscovery").create_http_namespace(Name="n")
    return str(client("servicediscovery").list_namespaces()["Namespaces"][0]["Id"])


def make(server: AwsServer, name: str) -> str:
    """The ARN of a new resource."""
    return MAKERS[name](lambda service: server.client(service))
