"""What runs inside the network, in the probe: Python programs that end by printing JSON. `A` holds their arguments."""

MONGO = '''
import os
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError


def client(user, password):
    who = {"username": user, "password": password, "authSource": "guanxi"} if user else {}
    return MongoClient("mongodb://mongo:27017/?replicaSet=guanxi", serverSelectionTimeoutMS=8000, **who)


def tried(act):
    """What came of it: "allowed", or the name of MongoDB's error."""
    try:
        act()
    except OperationFailure as error:
        return (error.details or {}).get("codeName") or str(error)
    return "allowed"
'''

RIGHTS_IN_MONGODB = (
    MONGO
    + """
result = {}
for user, password, collection, action in A["cases"]:
    with client(user, password) as c:
        db = c["guanxi"]
        act = {
            "find": lambda: db[collection].find_one(),
            "insert": lambda: db[collection].insert_one({"_id": "planted"}),
            "javascript": lambda: db[collection].find_one({"$where": "true"}),
            "list users": lambda: db.command("usersInfo", 1),
            "other database": lambda: c["admin"]["system.users"].find_one(),
        }[action]
        result["/".join([user, collection, action])] = tried(act)
print(json.dumps(result))
"""
)

ROWS = (
    MONGO
    + """
with client("reader", A["password"]) as c:
    rows = c["guanxi"]["customers"].find({"_id": {"$regex": A["prefix"]}}, {"net_365d": 1, "version": 1})
    print(json.dumps({row["_id"]: row["net_365d"] for row in rows}))
"""
)

RIGHTS_ON_KAFKA = """
import asyncio, logging
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

logging.disable(logging.CRITICAL)


def options(user, password):
    if not user:
        return {"bootstrap_servers": "kafka:9092", "request_timeout_ms": 5000}
    return {
        "bootstrap_servers": "kafka:9092", "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user, "sasl_plain_password": password, "request_timeout_ms": 5000,
    }


async def write(who, topic):
    producer = AIOKafkaProducer(**options(*who), acks="all")
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"{}", partition=0)
    finally:
        await producer.stop()


async def read(who, topic, group=None):
    consumer = AIOKafkaConsumer(**options(*who), group_id=group, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.getmany(timeout_ms=1500)
        await consumer.end_offsets([TopicPartition(topic, 0)])
        if group:
            await consumer.commit({TopicPartition(topic, 0): 0})
    finally:
        await consumer.stop()


async def tried(act):
    try:
        await asyncio.wait_for(act, 20)
    except Exception as error:
        return type(error).__name__
    return "allowed"


async def main():
    result = {}
    for user, password, action, topic, group in A["cases"]:
        act = write((user, password), topic) if action == "write" else read((user, password), topic, group or None)
        result["/".join(filter(None, [user, action, topic, group]))] = await tried(act)
    print(json.dumps(result))


asyncio.run(main())
"""

SEND = (
    RIGHTS_ON_KAFKA.rpartition("async def main")[0]
    + """
async def main():
    producer = AIOKafkaProducer(**options(*A["who"]), acks="all", enable_idempotence=True)
    await producer.start()
    waiting = [await producer.send("guanxi.inbox", value=json.dumps(event).encode()) for event in A["events"]]
    await asyncio.gather(*waiting)
    await producer.stop()
    print(len(waiting))


asyncio.run(main())
"""
)
