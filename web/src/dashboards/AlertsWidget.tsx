/** What fires now and what happened last, on a dashboard. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { AlertKey } from "../queries/AlertKey";
import { alertsQuery } from "../queries/data";
import css from "./dashboards.module.css";

const EVENTS_SHOWN = 20;

export function AlertsWidget() {
  const { t } = useTranslation();
  const alerts = useQuery(alertsQuery);
  if (!alerts.data) return alerts.error ? <ProblemCard error={alerts.error} compact /> : null;
  const lines = [
    ...alerts.data.firing.map((alert) => ({ ...alert, state: "firing" as const, atMs: alert.since_ms, now: true })),
    ...alerts.data.events.slice(0, EVENTS_SHOWN).map((event) => ({ ...event, atMs: event.at_ms, now: false })),
  ];
  if (lines.length === 0) return <EmptyState small title={t("dashboards.allQuiet")} text={t("queries.noFiring")} />;
  return (
    <ul className={css.alerts} tabIndex={0} aria-label={t("nouns.alerts")}>
      {lines.map((line, index) => (
        <li key={index} data-now={line.now || undefined}>
          <StatusWord state={line.state} quiet={!line.now} />
          <span className={css.alertText}>
            <Link to="/queries/$name" params={{ name: line.query }} search={{ tab: "alerts" }} className="cut">
              {line.query}
            </Link>
            <AlertKey alertKey={line.key} />
          </span>
          <When atMs={line.atMs} />
        </li>
      ))}
    </ul>
  );
}
