// A backup and a restore as an ordinary script with the AWS SDK for JavaScript does them: a parallel scan of 8 segments
// into a file of JSON lines, and BatchWriteItem with 16 requests at a time. bench/end_to_end compares bulk with it.
//
//   node sdk_peer.mjs scan|write ENDPOINT FILE
import { BatchWriteItemCommand, DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";
import { createReadStream, createWriteStream } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";

const [, , command, endpoint, path] = process.argv;
const SEGMENTS = 8;
const IN_FLIGHT = 16;
const client = new DynamoDBClient({ endpoint, region: "us-east-1" });

// Binary values are byte arrays to the SDK, and base64 in DynamoDB JSON.
function toJson(key, value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}

function fromJson(value) {
  if ("B" in value) return { B: Buffer.from(value.B, "base64") };
  if ("BS" in value) return { BS: value.BS.map((one) => Buffer.from(one, "base64")) };
  if ("L" in value) return { L: value.L.map(fromJson) };
  if ("M" in value) return { M: Object.fromEntries(Object.entries(value.M).map(([name, one]) => [name, fromJson(one)])) };
  return value;
}

async function scan() {
  const out = createWriteStream(path);
  const segment = async (Segment) => {
    for await (const page of paginateScan({ client }, { TableName: "bench", Segment, TotalSegments: SEGMENTS })) {
      const lines = page.Items.map((item) => JSON.stringify({ Item: item }, toJson) + "\n").join("");
      if (!out.write(lines)) await once(out, "drain");
    }
  };
  await Promise.all(Array.from({ length: SEGMENTS }, (_, number) => segment(number)));
  out.end();
  await once(out, "finish");
}

async function send(puts) {
  let RequestItems = { bench: puts };
  for (let attempt = 0; RequestItems.bench?.length; ++attempt) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** Math.min(attempt, 8)));
    const reply = await client.send(new BatchWriteItemCommand({ RequestItems }));
    RequestItems = reply.UnprocessedItems ?? {};
  }
}

async function write() {
  const running = new Set();
  const start = async (puts) => {
    if (running.size >= IN_FLIGHT) await Promise.race(running);
    const one = send(puts).finally(() => running.delete(one));
    running.add(one);
  };
  let puts = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const item = JSON.parse(line).Item;
    puts.push({ PutRequest: { Item: Object.fromEntries(Object.entries(item).map(([n, v]) => [n, fromJson(v)])) } });
    if (puts.length === 25) {
      await start(puts);
      puts = [];
    }
  }
  if (puts.length > 0) await start(puts);
  await Promise.all(running);
}

await (command === "scan" ? scan() : write());
