/** A JSON value as a tree that opens and closes. Big ones start closed below the second level. */
import { useTranslation } from "react-i18next";
import css from "./json.module.css";

const ITEMS_MAX = 200;

export function JsonTree({ value, name, depth = 0 }: { value: unknown; name?: string; depth?: number }) {
  const { t } = useTranslation();
  const label = name === undefined ? null : <span className={css.name}>{name}: </span>;
  if (value === null || typeof value !== "object") {
    const kind = value === null ? "null" : typeof value;
    return (
      <div className={css.leaf}>
        {label}
        <span data-kind={kind}>{typeof value === "string" ? (depth === 0 ? value : JSON.stringify(value)) : String(value)}</span>
      </div>
    );
  }
  const entries: [string, unknown][] = Object.entries(value);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) {
    return (
      <div className={css.leaf}>
        {label}
        {open + close}
      </div>
    );
  }
  return (
    <details open={depth < 2} className={css.branch}>
      <summary>
        {label}
        {open}
        <span className={css.size}>{entries.length}</span>
        {close}
      </summary>
      <div className={css.inside}>
        {entries.slice(0, ITEMS_MAX).map(([key, item]) => (
          <JsonTree key={key} name={key} value={item} depth={depth + 1} />
        ))}
        {entries.length > ITEMS_MAX ? <div className={css.size}>… {t("list.of", { shown: ITEMS_MAX, all: entries.length })}</div> : null}
      </div>
    </details>
  );
}
