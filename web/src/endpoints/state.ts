/** What an endpoint's deployments say together. Pure. */
import type { Deployment, Endpoint } from "./data";

export function stateOf(endpoint: Endpoint): "serving" | "loading" | "failed" {
  const states = endpoint.deployments.filter((one) => one.weight > 0).map((one) => one.state);
  return states.includes("failed") ? "failed" : states.includes("loading") ? "loading" : "serving";
}

export const RANK = { failed: 0, loading: 1, serving: 2 };

/** What a deploy takes to mean the version of a deployment again: logged models have ids for names. */
export function referenceOf(deployment: Deployment): { model: string; version: string | null } {
  return /^m-[0-9a-f]{32}$/.test(deployment.model) ? { model: `models:/${deployment.model}`, version: null } : { model: deployment.model, version: deployment.version };
}

/** The deployment that a slider is for: the newest of several. */
export function canaryOf(endpoint: Endpoint): Deployment | null {
  return endpoint.deployments.length > 1 ? endpoint.deployments.at(-1)! : null;
}

/** A row that fits the signature, to begin with. */
export function exampleRow(endpoint: Endpoint): Record<string, unknown> {
  return Object.fromEntries(endpoint.columns.map((column) => [column.name, exampleOf(column.type)]));
}

function exampleOf(type: string): unknown {
  if (/^(DOUBLE|FLOAT|DECIMAL)/.test(type)) return 0.5;
  if (/^(BIGINT|INT|SMALLINT|TINYINT)/.test(type)) return 1;
  if (type.startsWith("BOOLEAN")) return true;
  if (type.startsWith("TIMESTAMP")) return "2026-01-31T12:00:00";
  return "";
}

/** A typed text as the column's JSON value; a text that is no number is left for the server to refuse by name. */
export function valueOf(text: string, type: string): unknown {
  if (text === "") return null;
  if (type.startsWith("BOOLEAN")) return text === "true";
  if (/^(DOUBLE|FLOAT|DECIMAL|BIGINT|INT|SMALLINT|TINYINT)/.test(type)) return Number.isNaN(Number(text)) ? text : Number(text);
  return text;
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** The rows for a monitor: what was asked, what was said and, where somebody labels, what was right. */
export function watchSql(endpoint: Endpoint, labelled: boolean): string {
  const features = endpoint.columns.map((column) => `r.request.${quoted(column.name.replace(/[ ,;{}()\n\t=]/g, "_"))} AS ${quoted(column.name)}`);
  const columns = ["r.at", ...features, "r.prediction", ...(labelled ? ["l.label"] : [])];
  const join = labelled ? `\nLEFT JOIN (SELECT s.id, s.row_number, arg_max(s.label, s.at) AS label FROM ${endpoint.labels_table} s GROUP BY s.id, s.row_number) l ON l.id = r.id AND l.row_number = r.row_number` : "";
  return `SELECT ${columns.join(", ")}\nFROM ${endpoint.table} r${join}\nWHERE r.error IS NULL`;
}
