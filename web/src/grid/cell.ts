/** How a value of a result is written, and which columns hold numbers or times. */
import type { Column } from "../api/client";

const NUMERIC = /^(TINYINT|SMALLINT|INT|INTEGER|BIGINT|HUGEINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|REAL|DOUBLE|DECIMAL)/;
const TIME = /^(TIMESTAMP|DATE)/;

export const isNumeric = (column: Column) => NUMERIC.test(column.type);
export const isTime = (column: Column) => TIME.test(column.type);

/** The value as text, exactly: what is copied and saved. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A time for a chart's axis. Text without a zone is a clock on the wall: it is drawn as it is written. Null when it is no time. */
export function timeOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return null;
  // A bare date would be taken as UTC and land on another hour.
  const ms = Date.parse(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00` : value.replace(" ", "T"));
  return Number.isNaN(ms) ? null : ms;
}

/** A number for a chart; big integers and decimals come as text. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return null;
  const number = Number(value);
  return Number.isNaN(number) ? null : number;
}

/** An instant as the clock of the reader shows it, to the digit that the text has. */
export function localTime(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const fraction = /\.(\d+)/.exec(text)?.[0] ?? "";
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${fraction}`;
}
