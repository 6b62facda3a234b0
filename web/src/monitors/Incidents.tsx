/** Windows that alarmed, newest first: what moved, in a sentence, and the way to look at it. */
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { SmallTable } from "../page/SmallTable";
import { When } from "../page/When";
import type { MonitorWindow } from "./data";
import css from "./monitors.module.css";
import { culpritText, findingsOf, firstFeature, textOf, utcMs } from "./state";

const OTHERS_SHOWN = 3;

export function Incidents({ checked }: { checked: MonitorWindow[] | undefined }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  return (
    <div data-testid="incidents">
      <SmallTable
        bare
        label={t("monitors.incidents")}
        rows={checked?.filter((window) => window.alarm)}
        rowKey={(window) => String(window.window)}
        empty={<EmptyState small title={t("monitors.noIncidents")} text={t("monitors.noIncidentsText")} />}
        columns={[
          {
            id: "window",
            header: t("monitors.windowAxis"),
            width: 90,
            cell: (window) => (
              <Link to="." search={{ window: String(window.window), feature: firstFeature(window) }} className="thing" data-testid={`incident-${window.window}`}>
                {window.window}
              </Link>
            ),
          },
          {
            id: "what",
            header: t("monitors.whatMoved"),
            cell: (window) => {
              const others = findingsOf(window).filter((finding) => finding.alarm).slice(1);
              return (
                <div className={css.incident}>
                  <b>{culpritText(window, i18n.language)}</b>
                  {others.slice(0, OTHERS_SHOWN).map((finding) => (
                    <span key={finding.text.en}>{textOf(finding, i18n.language)}</span>
                  ))}
                  {others.length > OTHERS_SHOWN ? <span>{t("monitors.andMore", { count: others.length - OTHERS_SHOWN, n: others.length - OTHERS_SHOWN })}</span> : null}
                </div>
              );
            },
          },
          { id: "rows", header: t("monitors.rows"), numeric: true, width: 100, cell: (window) => (window.rows === null ? "–" : format.whole(window.rows)) },
          { id: "until", header: t("monitors.until"), width: 140, cell: (window) => <When atMs={utcMs(window.until) ?? window.at_ms} /> },
        ]}
      />
    </div>
  );
}
