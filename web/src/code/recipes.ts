/** What Studio does, as Python, SQL and shell. Each function gives the lines for one thing. */
import type { Recipes } from "./CopyAsCode";

const CONNECT = "import gureum\n\ng = gureum.connect()\n";
const py = (text: string) => JSON.stringify(text);
const sh = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const address = () => window.location.origin;
const python3 = (text: string) => (text.includes("\n") ? `"""\n${text.replaceAll('"""', '\\"\\"\\"')}\n"""` : py(text));

/** A table's name as SQL takes it: parts that are not plain identifiers are quoted. */
export function sqlName(name: string): string {
  return name
    .split(".")
    .map((part) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join(".");
}

/** A stream's name is one identifier, dots and all. */
export function sqlStream(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function createStream(name: string, shards: number, kinesis: string | null): Recipes {
  return {
    python: `${CONNECT}g.stream(${py(name)}).create(shards=${shards})`,
    cli: `gureum stream create ${name} --shards ${shards}`,
    boto3: `${boto(kinesis)}kinesis.create_stream(StreamName=${py(name)}, ShardCount=${shards})`,
    aws: `aws kinesis create-stream --endpoint-url ${endpoint(kinesis)} \\\n  --stream-name ${name} --shard-count ${shards}`,
  };
}

export function putAndTail(name: string, record: unknown, key: string | null, kinesis: string | null): Recipes {
  const json = JSON.stringify(record);
  const partition = key ?? "k";
  return {
    python: `${CONNECT}stream = g.stream(${py(name)})\nstream.put(${pythonValue(record)}${key ? `, key=${py(key)}` : ""})\nfor record in stream.tail():\n    print(record)`,
    cli: `gureum stream put ${name} ${sh(json)}\ngureum stream tail ${name}`,
    boto3: `import json\n${boto(kinesis)}kinesis.put_record(\n    StreamName=${py(name)},\n    Data=json.dumps(${pythonValue(record)}).encode(),\n    PartitionKey=${py(partition)},\n)`,
    aws: `aws kinesis put-record --endpoint-url ${endpoint(kinesis)} \\\n  --stream-name ${name} --partition-key ${sh(partition)} \\\n  --cli-binary-format raw-in-base64-out --data ${sh(json)}`,
    curl: `curl ${address()}/api/streams/${encodeURIComponent(name)}/records \\\n  -H "Authorization: Bearer $GUREUM_TOKEN" -H "Content-Type: application/json" -H "X-Gureum: curl" \\\n  -d ${sh(JSON.stringify({ records: [{ data: record, ...(key ? { key } : {}) }] }))}`,
  };
}

export function runSql(sql: string): Recipes {
  return {
    python: `${CONNECT}df = g.sql(${python3(sql)}).to_pandas()`,
    sql,
    cli: `gureum sql ${sh(sql)}`,
    curl: `curl ${address()}/api/sql \\\n  -H "Authorization: Bearer $GUREUM_TOKEN" -H "Content-Type: application/json" -H "X-Gureum: curl" \\\n  -d ${sh(JSON.stringify({ sql }))}`,
  };
}

export type Alert = { when?: string | null; key?: string[] | null; notify?: string[] };

export function standingQuery(name: string, sql: string, into: string | null, alert?: Alert | null): Recipes {
  const notify = alert?.notify ?? [];
  const given = [
    ...(into ? [`into=${py(into)}`] : []),
    ...(alert ? [`notify=${JSON.stringify(notify)}`] : []),
    ...(alert?.when ? [`when=${py(alert.when)}`] : []),
    ...(alert?.key ? [`key=${JSON.stringify(alert.key)}`] : []),
  ];
  const flags = [
    ...(into ? [`--into ${into}`] : []),
    ...(alert ? notify.map((one) => `--notify ${one}`) : []),
    ...(alert?.when ? [`--when ${sh(alert.when)}`] : []),
    ...(alert?.key ?? []).map((one) => `--key ${one}`),
  ];
  return {
    python: `${CONNECT}sql = ${python3(sql)}\ng.query(${[py(name), "sql", ...given].join(", ")}).start()`,
    sql,
    cli: `gureum query create ${[name, `--sql @${name}.sql`, ...flags].join(" \\\n  ")}\ngureum query show ${name}\ngureum query stop ${name}\ngureum query start ${name}`,
  };
}

export function readTable(name: string, version: number | null): Recipes {
  const sql = `SELECT * FROM ${sqlName(name)}${version === null ? "" : ` VERSION AS OF ${version}`} LIMIT 100`;
  return {
    python: `${CONNECT}df = g.table(${py(name)}).to_pandas(${version === null ? "" : `version=${version}`})`,
    sql,
    cli: version === null ? `gureum table show ${name}\ngureum table sample ${name}` : `gureum sql ${sh(sql)}`,
  };
}

export function listTables(): Recipes {
  return { python: `${CONNECT}for table in g.tables():\n    print(table["name"], table["rows"])`, sql: "SHOW TABLES", cli: "gureum table list" };
}

function endpoint(kinesis: string | null): string {
  return kinesis ?? `http://${window.location.hostname}:8601`;
}

function boto(kinesis: string | null): string {
  return `import boto3\n\nkinesis = boto3.client("kinesis", endpoint_url=${py(endpoint(kinesis))}, region_name="us-east-1")\n`;
}

function pythonValue(value: unknown): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value === "object") {
    const items = Object.entries(value as Record<string, unknown>).map(([key, item]) => `${py(key)}: ${pythonValue(item)}`);
    return `{${items.join(", ")}}`;
  }
  return JSON.stringify(value);
}
