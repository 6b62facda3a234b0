/** Which thing an alert is about: the values of its key. */
import { cellText, localTime } from "../grid/cell";
import { type Format, useFormat } from "../i18n/format";
import css from "./queries.module.css";

export function AlertKey({ alertKey, without = {} }: { alertKey: Record<string, unknown>; without?: Record<string, unknown> }) {
  const format = useFormat();
  return (
    <span className={css.key}>
      {Object.entries(alertKey).filter(([column]) => !(column in without)).map(([column, value]) => (
        <span key={column}>
          {column} <b>{shown(value, format)}</b>
        </span>
      ))}
    </span>
  );
}

function shown(value: unknown, format: Format): string {
  if (typeof value === "number") return format.precise(value);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(value)) return localTime(value);
  return value === null ? "null" : cellText(value);
}
