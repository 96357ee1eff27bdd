"""An S3 service of our own on the loopback, for tests that need a real object store."""

from collections.abc import Iterator
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The URL of a running S3 service; the environment leads every client of this session there."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield url
        _close_sessions()
    server.stop()


@pytest.fixture
def bucket(object_store: str) -> str:
    """The URL of a new, empty bucket."""
    from s3fs import S3FileSystem

    name = f"b{uuid4().hex}"
    S3FileSystem().mkdir(name)
    return f"s3://{name}"


def _close_sessions() -> None:
    from s3fs import S3FileSystem

    for fs in list(S3FileSystem._cache.values()):
        S3FileSystem.close_session(fs.loop, fs.s3)
    S3FileSystem.clear_instance_cache()
