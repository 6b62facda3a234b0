/** Which thing an alert is about: the values of its key. */
import css from "./queries.module.css";

export function AlertKey({ alertKey, without = {} }: { alertKey: Record<string, unknown>; without?: Record<string, unknown> }) {
  return (
    <span className={css.key}>
      {Object.entries(alertKey).filter(([column]) => !(column in without)).map(([column, value]) => (
        <span key={column}>
          {column} <b>{typeof value === "string" ? value : JSON.stringify(value)}</b>
        </span>
      ))}
    </span>
  );
}
