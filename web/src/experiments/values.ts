/** Values of runs as numbers and texts: what sorts, what is drawn, what differs. Pure. */
import type { Format } from "../i18n/format";
import type { RunColumn, RunPage } from "./data";

export type Value = RunColumn["values"][number];

/** The number in a value; null when there is none that can be drawn. */
export function numberIn(value: Value | undefined): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Whether a column is drawn as numbers: all that it has are, and there is one. */
export function isNumeric(column: RunColumn): boolean {
  const there = column.values.filter((value) => value !== null);
  return there.length > 0 && there.every((value) => numberIn(value) !== null || value === "NaN" || value === "Infinity" || value === "-Infinity");
}

/** As a person reads it: six digits of a metric, a parameter as it was written. */
export function shownValue(value: Value | undefined, kind: RunColumn["kind"], format: Format): string {
  if (value === null || value === undefined) return "";
  if (kind !== "metrics" || typeof value === "string") return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e9) ? value.toExponential(3) : format.precise(value);
}

/** Whether the runs of a page differ in a column. */
export const differs = (column: RunColumn) => new Set(column.values.map((value) => String(value))).size > 1;

/** Where the best value is, by the metric's name; null for what has no better. */
export function bestIndex(column: RunColumn): number | null {
  if (column.kind !== "metrics" || column.values.length < 2) return null;
  const sign = isMaximized(column.name) ? 1 : -1;
  let best: number | null = null;
  column.values.forEach((value, index) => {
    const number = numberIn(value);
    if (number !== null && (best === null || sign * number > sign * numberIn(column.values[best])!)) best = index;
  });
  return best;
}

const SMALLER = new Set("loss error err mae mse rmse mape smape logloss cost perplexity brier deviance latency time duration fpr fnr".split(" "));

/** As the SDK's `best` has it. */
export const isMaximized = (metric: string) => !metric.toLowerCase().split(/[^\p{L}\p{N}]+/u).some((word) => SMALLER.has(word));

/** The runs of a page with the named ones first, in their order; each is its place on the page. */
export function pinnedFirst(page: RunPage, pinned: string[]): number[] {
  const place = new Map(page.runs.id.map((id, index) => [id, index]));
  const top = pinned.flatMap((id) => place.get(id) ?? []);
  const on = new Set(top);
  return [...top, ...page.runs.id.flatMap((_, index) => (on.has(index) ? [] : [index]))];
}
