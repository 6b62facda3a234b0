/** A record that fits a stream's columns, to start from. */
import type { StreamDetail } from "./data";

const NUMERIC = /^(TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DECIMAL)/;

export function exampleOf(stream: StreamDetail): Record<string, unknown> {
  if (stream.columns.length === 0) return { device: "m1", temperature: 91.2, ts: new Date().toISOString() };
  return Object.fromEntries(stream.columns.map((column) => [column.name, exampleValue(column.type)]));
}

function exampleValue(type: string): unknown {
  if (NUMERIC.test(type)) return type.startsWith("D") || type === "FLOAT" ? 91.2 : 1;
  if (type === "BOOLEAN") return true;
  if (type.startsWith("TIMESTAMP")) return new Date().toISOString();
  if (type === "DATE") return new Date().toISOString().slice(0, 10);
  if (type.startsWith("ARRAY")) return [];
  if (type.startsWith("ROW") || type.startsWith("MAP")) return {};
  return "m1";
}
