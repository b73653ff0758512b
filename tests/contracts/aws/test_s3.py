"""Reading an object that may be missing, answered by moto."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from contracts.aws.s3 import get_or_none


@mock_aws
def test_a_missing_object_is_none_and_a_present_one_is_read_whole() -> None:
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    s3.create_bucket(Bucket="bucket")
    assert get_or_none(s3, bucket="bucket", key="k") is None
    etag = s3.put_object(Bucket="bucket", Key="k", Body=b"content")["ETag"]
    found = get_or_none(s3, bucket="bucket", key="k")
    assert found is not None
    assert (found.content, found.etag) == (b"content", etag)


@mock_aws
def test_a_missing_bucket_is_an_error_and_not_a_missing_object() -> None:
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        get_or_none(s3, bucket="bucket", key="k")
