#!/usr/bin/python3
"""A backup and a restore as an ordinary boto3 script does them, with 8 threads: a parallel scan into a file of JSON
lines, and batch_writer from it. bench/end_to_end compares bulk with it.

    boto3_peer.py scan|write ENDPOINT FILE
"""
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

THREADS = 8


def client(endpoint):
    return boto3.client("dynamodb", endpoint_url=endpoint, config=Config(max_pool_connections=THREADS))


def default(value):
    import base64

    return base64.b64encode(value).decode()  # binary values, as in DynamoDB JSON


def scan(endpoint, path):
    dynamodb = client(endpoint)
    lock = threading.Lock()
    with open(path, "w", encoding="utf-8") as out:

        def segment(number):
            pages = dynamodb.get_paginator("scan").paginate(TableName="bench", Segment=number, TotalSegments=THREADS)
            for page in pages:
                lines = [json.dumps({"Item": item}, default=default, ensure_ascii=False) for item in page["Items"]]
                with lock:
                    out.writelines(line + "\n" for line in lines)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(segment, range(THREADS)))


def restored(value):
    """Binary values back from base64, within lists and maps too."""
    import base64

    (kind, inner), = value.items()
    if kind == "B":
        return {"B": base64.b64decode(inner)}
    if kind == "BS":
        return {"BS": [base64.b64decode(one) for one in inner]}
    if kind == "L":
        return {"L": [restored(one) for one in inner]}
    if kind == "M":
        return {"M": {name: restored(one) for name, one in inner.items()}}
    return value


def write(endpoint, path):
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    deserializer = TypeDeserializer()

    def part(number):
        table = boto3.session.Session().resource("dynamodb", endpoint_url=endpoint).Table("bench")
        with table.batch_writer() as batch:
            for line in lines[number::THREADS]:
                item = json.loads(line)["Item"]
                batch.put_item({name: deserializer.deserialize(restored(value)) for name, value in item.items()})

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(part, range(THREADS)))


if __name__ == "__main__":
    {"scan": scan, "write": write}[sys.argv[1]](sys.argv[2], sys.argv[3])
