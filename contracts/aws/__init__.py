"""The AWS forms that programs share: S3 events and objects, CloudWatch's metric format, a Lambda's wiring."""
