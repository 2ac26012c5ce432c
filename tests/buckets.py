"""Object stores on this machine for tests: Google's through our emulator, Amazon's through moto."""

from __future__ import annotations

import http.client
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from biomech_xr.testing.gcs import BUCKET, GcsEmulator

GCS = f"gs://{BUCKET}"
"""URL of the emulator's bucket."""

SECOND = "biomech-second"
"""Another bucket of the emulator; clients are kept by bucket, so one of other time-outs needs it."""


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, for this process and for those that it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def emulated_gcs() -> Iterator[GcsEmulator]:
    """Start the emulator of Google Cloud Storage, found through the environment: ``gs://biomech/...``."""
    with GcsEmulator(buckets=(BUCKET, SECOND)) as emulator, environment(emulator.environment()):
        yield emulator


@contextmanager
def emulated_s3() -> Iterator[str]:
    """Start moto with one bucket, found through the environment, and yield its URL.

    The bucket is named after the port: clients are kept by bucket, and the next server has another port.
    """
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        bucket = f"biomech-{address.rsplit(':', 1)[-1]}"
        keys = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}
        with environment({"AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", **keys}):
            _make_bucket(address, bucket)
            yield f"s3://{bucket}"
    finally:
        server.stop()


def _make_bucket(address: str, bucket: str) -> None:
    connection = http.client.HTTPConnection(address.partition("//")[2], timeout=20)
    connection.request("PUT", f"/{bucket}")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.fixture(scope="module")
def gcs() -> Iterator[GcsEmulator]:
    """Return the emulator of Google Cloud Storage; its bucket is `bucket`."""
    with emulated_gcs() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Return the URL of a bucket of moto."""
    with emulated_s3() as url:
        yield url
