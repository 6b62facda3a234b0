/** How the debugger's values are said. Pure. */
import type { Schemas } from "../api/client";
import type { Format } from "../i18n/format";

export type Found = Schemas["Findings"];

/** A share in percent, a norm with three digits. */
export function shownNumber(value: number, share: boolean, format: Format): string {
  if (share) return `${format.precise(Math.round(value * 1000) / 10)}%`;
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : format.precise(value);
}

/** Evidence and thresholds as they are read: numbers short, words as they were written. */
export function shownValue(value: unknown, format: Format): string {
  return typeof value === "number" ? shownNumber(value, false, format) : String(value ?? "–");
}
