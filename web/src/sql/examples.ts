/** SQL to start from. */
import { sqlName, sqlStream } from "../code/recipes";

export function windowOver(stream: string, key = "device", value = "temperature", time = "ts"): string {
  return `SELECT window_start, window_end, ${key}, MAX(${value}) AS max_${value}
FROM TABLE(TUMBLE(TABLE ${sqlStream(stream)}, DESCRIPTOR(${time}), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, ${key}`;
}

export function newestRows(table: string): string {
  return `SELECT *\nFROM ${sqlName(table)}\nLIMIT 100`;
}
