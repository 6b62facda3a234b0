"""Put and read records with boto3, as against AWS; only the endpoint is another.

eval "$(gureum key create)"        # prints the four variables that boto3 and the AWS CLI read
python examples/kinesis_clients.py
"""

import json

import boto3


def main() -> None:
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
    records = [
        {"Data": json.dumps({"order": n, "amount": n * 1.5}), "PartitionKey": f"customer-{n % 7}"} for n in range(100)
    ]
    answer = kinesis.put_records(StreamName="orders", Records=records)
    print(f"{len(records) - answer['FailedRecordCount']} records stored")
    for shard in kinesis.list_shards(StreamName="orders")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="orders", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        page = kinesis.get_records(ShardIterator=iterator)
        print(f"{shard['ShardId']}: {len(page['Records'])} records, the first is {page['Records'][0]['Data'].decode()}")
    kinesis.delete_stream(StreamName="orders")


if __name__ == "__main__":
    main()
