"""AWS of our own on the loopback, with what a deployment finds there: network, cluster, capacity, task definition."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any

import boto3
import pytest
from moto.moto_api import state_manager

from tests.workspace.object_store import bucket, object_store

__all__ = ["DEPLOYMENT", "PLACES", "Cluster", "bucket", "cluster", "object_store", "task_definition"]

DEPLOYMENT = Path(__file__).resolve().parent.parent.parent / "dagster_home" / "deployments" / "aws"
N_MACHINES = 8
PLACES = {
    "AWS_ACCOUNT": "123456789012",
    "AWS_REGION": "us-east-1",
    "SYNTH_IMAGE": "123456789012.dkr.ecr.us-east-1.amazonaws.com/synth",
    "SYNTH_STORAGE": "s3://synth-storage/workspaces",
    "SYNTH_LOGS_BUCKET": "synth-logs",
    "SYNTH_POSTGRES_HOST": "db.internal",
    "SYNTH_POSTGRES_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:synth",
}


def task_definition(name: str) -> dict[str, Any]:
    """One of the deployment's task definitions, filled in as its README says."""
    text = (DEPLOYMENT / f"task-definition-{name}.json").read_text()
    found: dict[str, Any] = json.loads(Template(text).substitute(PLACES))
    return found


@dataclass(frozen=True)
class Cluster:
    """An ECS cluster in which the deployment's services run as one task."""

    name: str
    subnet: str
    services: str
    """ARN of the task that holds web server, daemon and code server."""


@pytest.fixture(scope="session")
def cluster(object_store: str) -> Iterator[Cluster]:
    """A cluster; to whoever asks, as every task may, this process is the task of the services."""
    ec2, ecs = boto3.client("ec2"), boto3.client("ecs")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="synth", Description="synth", VpcId=vpc)["GroupId"]
    ecs.create_cluster(clusterName="synth")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    # moto's capacity providers make no machines: it wants them to be there, and looks at their memory
    for machine in ec2.run_instances(ImageId=image, MinCount=N_MACHINES, MaxCount=N_MACHINES)["Instances"]:
        identity = {"instanceId": machine["InstanceId"], "region": "us-east-1", "accountId": PLACES["AWS_ACCOUNT"]}
        ecs.register_container_instance(cluster="synth", instanceIdentityDocument=json.dumps(identity))
    for name in ("services", "run"):
        ecs.register_task_definition(**task_definition(name))
    inside = {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "DISABLED"}
    [task] = ecs.run_task(
        cluster="synth",
        taskDefinition="synth-services",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": inside},
    )["tasks"]
    # otherwise looking at a task a few times is enough for moto to let it end
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1000})
    with _metadata_of(task) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECS_CONTAINER_METADATA_URI_V4", url)
        yield Cluster("synth", subnet, task["taskArn"])
    state_manager.unset_transition("ecs::task")


@contextmanager
def _metadata_of(task: dict[str, Any]) -> Iterator[str]:
    """The metadata service that ECS offers to the containers of a task."""
    body = json.dumps({"Cluster": task["clusterArn"], "TaskARN": task["taskArn"]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: tests are read by people."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
