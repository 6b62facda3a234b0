/** A time: relative to read, exact on hover and for screen readers' long form. */
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useNow } from "./now";

export function When({ atMs, missing }: { atMs: number | null | undefined; missing?: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const now = useNow();
  if (atMs == null) return <span style={{ color: "var(--ink-faint)" }}>{missing ?? t("list.never")}</span>;
  // The shared clock ticks every 5 s: what just came must not seem to lie in the future.
  return (
    <time dateTime={new Date(atMs).toISOString()} title={format.exact(atMs)} className="figures">
      {format.relative(atMs, Math.max(now, atMs > now && atMs - now < 6_000 ? atMs : now))}
    </time>
  );
}
