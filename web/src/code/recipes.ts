/** What Studio does, as Python, SQL and shell. Each function gives the lines for one thing. */
import type { Schemas } from "../api/client";
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

export function listExperiments(): Recipes {
  return { python: `${CONNECT}for experiment in g.experiments():\n    print(experiment["name"], experiment["runs"])`, cli: "gureum experiment list" };
}

export function trackRun(experiment: string): Recipes {
  return { python: `import mlflow\n${CONNECT}with g.experiment(${py(experiment)}).run(name="first"):\n    mlflow.log_param("depth", 3)\n    mlflow.log_metric("auc", 0.91)` };
}

export function readExperiment(name: string, filter: string): Recipes {
  return {
    python: `${CONNECT}experiment = g.experiment(${py(name)})\nruns = experiment.to_pandas(${filter ? `filter=${py(filter)}` : ""})\nbest = experiment.best("auc")`,
    cli: `gureum experiment show ${sh(name)}${filter ? ` --filter ${sh(filter)}` : ""}\ngureum experiment best ${sh(name)} auc`,
  };
}

export function compareRuns(experiment: string, runs: string[]): Recipes {
  return { python: `${CONNECT}experiment = g.experiment(${py(experiment)})\nexperiment.compare(${runs.length ? JSON.stringify(runs, null, 4) : "[run.id for run in experiment.runs()]"})` };
}

export function readRun(id: string, metric: string | undefined): Recipes {
  return {
    python: `${CONNECT}run = g.run(${py(id)})\nprint(run.params, run.metrics, run.tables)\nfor finding in run.findings():\n    print(finding["rule"], finding["step"], finding["remedy"]["en"])${metric ? `\nrun.curve(${py(metric)}).plot("step", "value")` : ""}`,
    cli: `gureum run show ${id}\ngureum run findings ${id}`,
  };
}

export function watchTraining(): Recipes {
  return { python: "from gureum import debugger\n\nwith debugger.watch(model, optimizer=optimizer, loss=loss_fn):\n    ...  # the training loop as it is" };
}

export function readModels(): Recipes {
  return { python: `${CONNECT}for model in g.models():\n    print(model["name"], model["latest"], model["aliases"])` };
}

export function loadModel(name: string, alias: string | undefined, version: number | null): Recipes {
  const which = alias ? `${name}@${alias}` : `${name}/${version ?? 1}`;
  return { python: `import mlflow\n${CONNECT}# with your token in MLFLOW_TRACKING_TOKEN\nmlflow.set_tracking_uri(g.tracking_uri)\nmodel = mlflow.pyfunc.load_model(${py(`models:/${which}`)})` };
}

export function listFits(kind: "autopilot" | "tuning"): Recipes {
  return { python: `${CONNECT}for task in g.tasks(kind=${py(kind)}):\n    print(task["name"], task["state"])` };
}

const given = (pairs: [string, unknown][]) => pairs.flatMap(([name, value]) => (value === null || value === undefined || value === "" || value === "auto" || (Array.isArray(value) && !value.length) ? [] : [`${name}=${pythonValue(value)}`]));

export function startFit(body: Schemas["NewFit"]): Recipes {
  const options = Object.entries(body.options ?? {});
  const said = [py(body.name || "name"), `table=${python3(body.table || "table")}`, `target=${py(body.target || "target")}`, ...given([["task", body.task], ["metric", body.metric], ["budget_s", body.budget_s], ["runtime", body.runtime], ...options])];
  return { python: `${CONNECT}fit = g.autopilot(\n    ${said.join(",\n    ")},\n)\nfit.wait()\nfit.leaderboard()\nfit.save("handed-over")` };
}

export function readTask(id: string, kind: "autopilot" | "tuning"): Recipes {
  const rest = kind === "autopilot" ? 'result = task.wait()\nprint(result["metric"], result["score"])\ntask.save("handed-over")' : 'result = task.wait()\nprint(result["best_params"], result["best_value"])';
  return { python: `${CONNECT}task = g.task(${py(id)})\n${rest}` };
}

export function startTuning(body: Schemas["NewTuning"]): Recipes {
  const said = [py(body.name || "name"), `table=${python3(body.table || "table")}`, `target=${py(body.target || "target")}`, ...given([["task", body.task], ["metric", body.metric], ["trials", body.trials], ["budget_s", body.budget_s], ["n_jobs", body.n_jobs === 1 ? null : body.n_jobs], ["runtime", body.runtime]])];
  return { python: `${CONNECT}tuning = g.tuning(\n    ${said.join(",\n    ")},\n)\nresult = tuning.wait()\nprint(result["best_params"], result["importance"])` };
}

export function listEndpoints(): Recipes {
  return { python: `${CONNECT}for endpoint in g.endpoints():\n    print(endpoint["name"], endpoint["deployments"])`, cli: "gureum endpoint list" };
}

export function deployModel(name: string, model: string | null, version: string | null, weight: number): Recipes {
  const share = weight === 100 ? "" : `, weight=${weight}`;
  if (model === null) return { python: `${CONNECT}# an estimator of scikit-learn, LightGBM, XGBoost or CatBoost: it is logged, then served\ng.endpoint(${py(name)}).deploy(model, input_example=rows.head(3))` };
  return {
    python: `${CONNECT}g.endpoint(${py(name)}).deploy(${py(`${model}/${version ?? 1}`)}${share})`,
    cli: `gureum endpoint deploy ${name} ${sh(`${model}/${version ?? 1}`)}${weight === 100 ? "" : ` --weight ${weight}`}`,
  };
}

export function askEndpoint(name: string, row: Record<string, unknown> | null): Recipes {
  const body = row ? { dataframe_records: [row] } : { instances: [[1, 2]] };
  return {
    python: `${CONNECT}predicted = g.endpoint(${py(name)}).predict(${row ? pythonValue(row) : "rows"})`,
    cli: `gureum endpoint show ${name}`,
    curl: `curl ${address()}/endpoints/${encodeURIComponent(name)}/invocations \\\n  -H "Authorization: Bearer $GUREUM_TOKEN" -H "Content-Type: application/json" \\\n  -d ${sh(JSON.stringify(body))}`,
  };
}

export function listMonitors(): Recipes {
  return { python: `${CONNECT}for monitor in g.monitors():\n    print(monitor["name"], monitor["state"])` };
}

/** `baseline`: undefined is none yet, null the source's own rows, else a table or a SELECT. */
export function makeMonitor(body: Schemas["NewMonitor"], baseline: string | null | undefined): Recipes {
  const given = [
    python3(body.source || "table"),
    `time_column=${py(body.time_column || "at")}`,
    ...(body.prediction ? [`prediction=${py(body.prediction)}`] : []),
    ...(body.target ? [`target=${py(body.target)}`] : []),
    `every=${body.every_s}`,
    `rows_min=${body.rows_min}`,
    ...(body.notify?.length ? [`notify=${JSON.stringify(body.notify)}`] : []),
    ...(body.since ? [`since=${py(body.since)}`] : []),
    ...(body.endpoint ? [`endpoint=${py(body.endpoint)}`] : []),
  ];
  const learn = baseline === undefined ? "" : `\nmonitor.baseline(${baseline === null ? "" : python3(baseline)})`;
  return { python: `${CONNECT}monitor = g.monitor(${py(body.name || "name")}).watch(\n    ${given.join(",\n    ")},\n)${learn}` };
}

export function giveBaseline(name: string): Recipes {
  return { python: `${CONNECT}monitor = g.monitor(${py(name)})\nmonitor.baseline(df)  # rows on which the model was right: pandas, polars or Arrow\n\nrules = monitor.constraints()\nmonitor.set_constraints(rules)` };
}

export function readMonitor(name: string, table: string): Recipes {
  const sql = `SELECT "window", "until", alarm, culprit, "text" FROM ${sqlName(table)} ORDER BY "window" DESC LIMIT 100`;
  return {
    python: `${CONNECT}monitor = g.monitor(${py(name)})\nfor window in monitor.windows():\n    print(window["window"], window["alarm"], window["culprit"])\nreport = monitor.window(1)["report"]`,
    sql,
  };
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
