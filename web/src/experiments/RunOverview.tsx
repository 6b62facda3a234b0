/** What a run was given and what it came to: parameters, last metrics, tables read, environment. */
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Facts } from "../page/Facts";
import { Panel } from "../page/Panel";
import { SmallTable } from "../page/SmallTable";
import { isStudy, StudyOfRun } from "../tuning/StudyOfRun";
import type { RunDetail } from "./data";
import css from "./experiments.module.css";
import { shownValue } from "./values";

export function RunOverview({ run }: { run: RunDetail | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const commit = run?.tags["mlflow.source.git.commit"];
  const environment = [
    ...(commit ? [{ label: t("experiments.commit"), value: <><span className="mono">{commit.slice(0, 12)}</span> {run?.tags["gureum.git.dirty"] === "true" ? t("experiments.dirty") : ""}</> }] : []),
    ...(run?.tags["mlflow.source.name"] ? [{ label: t("experiments.source"), value: <span className="mono">{run.tags["mlflow.source.name"]}</span> }] : []),
  ];
  // What gureum's own reading logged is told by "tables read".
  const datasets = run?.datasets.filter((dataset) => dataset.source_type !== "gureum") ?? [];
  return (
    <div className={css.columns}>
      <div className={css.stack}>
        {run?.note ? (
          <Panel>
            <p className={css.note}>{run.note}</p>
          </Panel>
        ) : null}
        {run && isStudy(run) ? <StudyOfRun run={run} /> : null}
        <Panel title={t("experiments.metrics")} flush testId="run-metrics">
          <div className={css.scroll}>
            <SmallTable
              bare
              label={t("experiments.metrics")}
              rows={run?.metrics}
              rowKey={(metric) => metric.name}
              empty={<EmptyState small title={t("experiments.noMetrics")} />}
              columns={[
                { id: "name", header: t("list.name"), cell: (metric) => metric.name },
                { id: "value", header: t("experiments.value"), numeric: true, cell: (metric) => <b title={String(metric.value)}>{shownValue(metric.value, "metrics", format)}</b> },
                { id: "step", header: t("experiments.step"), numeric: true, width: 90, cell: (metric) => format.whole(metric.step) },
              ]}
            />
          </div>
        </Panel>
      </div>
      <div className={css.stack}>
        <Panel title={t("experiments.params")} flush testId="run-params">
          <div className={css.scroll}>
            <SmallTable
              bare
              label={t("experiments.params")}
              rows={run && Object.entries(run.params)}
              rowKey={([key]) => key}
              empty={<EmptyState small title={t("experiments.noParams")} />}
              columns={[
                { id: "name", header: t("list.name"), cell: ([key]) => key },
                { id: "value", header: t("experiments.value"), cell: ([, value]) => <span className="mono">{value}</span> },
              ]}
            />
          </div>
        </Panel>
        <Panel title={t("experiments.tables")} flush testId="run-tables">
          <SmallTable
            bare
            label={t("experiments.tables")}
            rows={run?.tables}
            rowKey={(table) => `${table.name} ${table.version}`}
            empty={<EmptyState small title={t("experiments.noTables")} text={t("experiments.noTablesHint")} />}
            columns={[
              {
                id: "name",
                header: t("list.name"),
                cell: (table) => (
                  <Link to="/tables/$name" params={{ name: table.name }} search={{ version: String(table.version) }} className="thing">
                    {table.name}
                  </Link>
                ),
              },
              { id: "version", header: t("tables.version"), numeric: true, width: 110, cell: (table) => format.whole(table.version) },
            ]}
          />
        </Panel>
        {datasets.length ? (
          <Panel title={t("experiments.datasets")}>
            <Facts facts={datasets.map((dataset) => ({ label: dataset.name, value: <span className="mono">{dataset.digest}</span> }))} />
          </Panel>
        ) : null}
        {environment.length ? (
          <Panel title={t("experiments.environment")}>
            <Facts facts={environment} />
          </Panel>
        ) : null}
      </div>
    </div>
  );
}
