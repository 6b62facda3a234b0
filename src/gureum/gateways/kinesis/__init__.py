"""The Kinesis Data Streams API over HTTP, for boto3, the AWS CLI and every other client, unmodified.

`app.make_app` is the door; `operations.OPERATIONS` is the table of what it does, one file for each act.
"""
