/** SQL to start from. */
import type { Column } from "../api/client";
import { sqlName } from "../code/recipes";

const NUMERIC = /^(TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DECIMAL)/;
const SCALAR = /^(BOOLEAN|STRING|DATE|TIMESTAMP|TIMESTAMP_LTZ)/;

const SENSORS: Column[] = [
  { name: "device", type: "STRING", nullable: true },
  { name: "temperature", type: "DOUBLE", nullable: true },
  { name: "ts", type: "TIMESTAMP_LTZ", nullable: true },
];

/** A standing question over a stream: what its records hold, and windows over them if there is a time in them. */
export function windowOver(stream: string, columns: Column[] = []): string {
  const known = (columns.length ? columns : SENSORS).filter((column) => NUMERIC.test(column.type) || SCALAR.test(column.type));
  const time = known.find((column) => column.type.startsWith("TIMESTAMP"))?.name;
  const value = known.find((column) => NUMERIC.test(column.type))?.name;
  const key = known.find((column) => column.type === "STRING")?.name;
  const source = `${stream.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_").slice(0, 60)}`;
  const lines = known.map((column) => `  ${sqlName(column.name)} ${typeOf(column.type)}`);
  if (time) lines.push(`  WATERMARK FOR ${sqlName(time)} AS ${sqlName(time)} - INTERVAL '5' SECOND`);
  const create = `CREATE TABLE ${source} (\n${lines.join(",\n")}\n) WITH ('stream' = '${stream}', 'format' = 'json');\n\n`;
  if (!time) return `${create}SELECT ${known.map((column) => sqlName(column.name)).join(", ")}\nFROM ${source}`;
  const groups = ["window_start", "window_end", ...(key ? [sqlName(key)] : [])];
  const measure = value ? `MAX(${sqlName(value)}) AS ${sqlName(`max_${value}`)}` : "COUNT(*) AS records";
  return `${create}SELECT ${groups.join(", ")}, ${measure}
FROM TABLE(TUMBLE(TABLE ${source}, DESCRIPTOR(${sqlName(time)}), INTERVAL '10' SECOND))
GROUP BY ${groups.join(", ")}`;
}

/** The name of a type as CREATE TABLE takes it: times are of milliseconds, as Flink has them. */
function typeOf(type: string): string {
  return /^TIMESTAMP(_LTZ)?$/.test(type) ? `${type}(3)` : type;
}

export function newestRows(table: string): string {
  return `SELECT *\nFROM ${sqlName(table)}\nLIMIT 100`;
}
