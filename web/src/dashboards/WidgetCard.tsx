/** One chart of a dashboard: draws its rows and keeps the last good picture when a read fails. */
import { ActionIcon, Menu, Skeleton } from "@mantine/core";
import { IconDots, IconPhoto, IconTableExport, IconTerminal2 } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Schemas } from "../api/client";
import { asProblem } from "../api/problem";
import { Chart, type ChartHandle } from "../charts/Chart";
import { type Choice, chooseChart, specOf } from "../charts/rows";
import { isNumeric, numberOf } from "../grid/cell";
import { ResultsGrid } from "../grid/ResultsGrid";
import { saveCsv, saveUrl } from "../grid/save";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { AlertsWidget } from "./AlertsWidget";
import css from "./dashboards.module.css";
import type { Widget } from "./data";
import { useWidgetRows } from "./rows";

type Rows = Schemas["SqlResult"];

export function WidgetCard({ widget, tools }: { widget: Widget; /** instead of the menu, while editing */ tools?: ReactNode }) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const chart = useRef<ChartHandle>(null);
  const rows = useWidgetRows(widget.type === "alerts" ? null : widget.sql);
  const { data, error } = rows;
  return (
    <section className={css.widget} data-width={widget.width ?? 1} data-height={widget.height ?? 1} aria-label={widget.title} data-testid="widget" data-widget={widget.id}>
      <div className={css.widgetHead}>
        <h2 className="cut" title={widget.title}>
          {widget.title}
        </h2>
        {tools ?? (
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon aria-label={`${t("charts.menu")}: ${widget.title}`} data-testid="widget-menu">
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {widget.type === "line" || widget.type === "bar" ? (
                <Menu.Item leftSection={<IconPhoto size={16} />} onClick={() => saveUrl(chart.current?.png(), `${widget.title}.png`)} data-testid="widget-png">
                  {t("dashboards.png")}
                </Menu.Item>
              ) : null}
              <Menu.Item
                leftSection={<IconTableExport size={16} />}
                disabled={!data}
                onClick={() => data && saveCsv(data.columns.map((column) => column.name), data.rows, `${widget.title}.csv`)}
                data-testid="widget-csv"
              >
                {t("dashboards.csv")}
              </Menu.Item>
              {widget.sql ? (
                <Menu.Item leftSection={<IconTerminal2 size={16} />} onClick={() => void navigate({ to: "/sql", search: { query: widget.sql! } })}>
                  {t("dashboards.openSql")}
                </Menu.Item>
              ) : null}
            </Menu.Dropdown>
          </Menu>
        )}
      </div>
      <div className={css.widgetBody}>
        {widget.type === "alerts" ? (
          <AlertsWidget />
        ) : data ? (
          <Body widget={widget} rows={data} chart={chart} />
        ) : error ? (
          <ProblemCard error={error} compact retry={() => void rows.refetch()} />
        ) : widget.sql?.trim() ? (
          <Skeleton height="100%" />
        ) : (
          <EmptyState small title={t("dashboards.noData")} />
        )}
      </div>
      {data && error ? (
        <p className={css.stale} role="status" data-testid="widget-stale">
          {t("dashboards.lastGood", { when: format.clock(data.atMs), message: asProblem(error).message || t("problem.network") })}
        </p>
      ) : null}
    </section>
  );
}

function Body({ widget, rows, chart }: { widget: Widget; rows: Rows; chart: React.RefObject<ChartHandle | null> }) {
  const { t } = useTranslation();
  const spec = useMemo(() => {
    if (widget.type !== "line" && widget.type !== "bar") return null;
    const automatic = chooseChart(rows);
    const x = widget.x ?? automatic?.x;
    const y = widget.y?.length ? widget.y : automatic?.y;
    if (!x || !y) return null;
    // What the author set holds as a whole: without a split in it there is none.
    const choice: Choice = { type: widget.type, x, y, series: widget.x || widget.y?.length ? (widget.series ?? null) : (widget.series ?? automatic?.series ?? null) };
    return specOf(rows, choice, { unit: widget.unit, threshold: widget.threshold, thresholdLabel: t("dashboards.threshold") });
  }, [widget, rows, t]);
  if (rows.rows.length === 0) return <EmptyState small title={t("dashboards.noData")} />;
  if (widget.type === "counter") return <Counter widget={widget} rows={rows} />;
  if (widget.type === "table") return <ResultsGrid columns={rows.columns} rows={rows.rows} label={widget.title} height="100%" numbered={false} />;
  if (!spec) return <EmptyState small title={t("sql.noChart")} text={t("sql.noChartText")} />;
  return <Chart ref={chart} spec={spec} title={widget.title} height="100%" />;
}

function Counter({ widget, rows }: { widget: Widget; rows: Rows }) {
  const { t } = useTranslation();
  const format = useFormat();
  const column = rows.columns.findIndex((one) => (widget.y?.[0] ? one.name === widget.y[0] : isNumeric(one)));
  const value = numberOf(rows.rows[0]?.[column]);
  const over = value !== null && widget.threshold != null && value >= widget.threshold;
  return (
    <div className={css.counter} data-over={over || undefined}>
      <strong data-testid="counter" title={value === null ? undefined : format.precise(value)}>
        {value === null ? t("sql.null") : Math.abs(value) >= 10_000_000 ? format.compact(value) : format.precise(Math.round(value * 100) / 100)}
      </strong>
      <span>{widget.unit ?? rows.columns[column]?.name}</span>
      {widget.threshold != null ? (
        <small>
          {t("dashboards.threshold")} {format.precise(widget.threshold)}
        </small>
      ) : null}
    </div>
  );
}
