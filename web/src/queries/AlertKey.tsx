/** Which thing an alert is about: the values of its key. */
import css from "./queries.module.css";

export function AlertKey({ alertKey }: { alertKey: Record<string, unknown> }) {
  return (
    <span className={css.key}>
      {Object.entries(alertKey).map(([column, value]) => (
        <span key={column}>
          {column} <b>{typeof value === "string" ? value : JSON.stringify(value)}</b>
        </span>
      ))}
    </span>
  );
}
