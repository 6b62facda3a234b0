/** How well the model did, window by window, once labels are there; before, what it probably lost. */
import { Badge, Select, Stack } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { type ReactNode, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Chart, type ChartHandle, type ChartSpec } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { SmallTable } from "../page/SmallTable";
import { type Metric, type Monitor, type MonitorWindow, windowQuery } from "./data";
import { utcMs } from "./state";

const WINDOWS_SHOWN = 20;

export function Performance({ monitor, checked }: { monitor: Monitor; checked: MonitorWindow[] }) {
  const { t } = useTranslation();
  const shown = checked.slice(0, WINDOWS_SHOWN);
  const reports = useQueries({ queries: shown.map((window) => windowQuery(monitor.name, window.window)) });
  const newest = reports.find((one) => one.data?.report?.performance.length)?.data;
  const metrics = newest?.report?.performance ?? [];
  const [asked, setAsked] = useState<string | null>(null);
  const name = metrics.find((one) => one.name === asked)?.name ?? metrics.find((one) => !one.estimated)?.name ?? metrics[0]?.name;
  if (reports.some((one) => one.isPending)) return <Metrics label={t("monitors.performance")} metrics={undefined} />;
  if (!newest || name === undefined) {
    return <EmptyState small title={t("monitors.noPerformance")} text={monitor.prediction ? (monitor.target ? t("monitors.noPerformanceLabels") : t("monitors.noPerformanceTarget")) : t("monitors.noPerformancePrediction")} />;
  }
  return (
    <Stack data-testid="performance">
      <History
        name={name}
        choice={<Select size="xs" w={200} aria-label={t("monitors.metric")} data={metrics.map((one) => one.name)} value={name} onChange={setAsked} allowDeselect={false} />}
        points={reports.flatMap(({ data }) => {
          const metric = data?.report?.performance.find((one) => one.name === name);
          const atMs = utcMs(data?.until ?? null);
          return metric && atMs !== null ? [{ atMs, metric }] : [];
        })}
      />
      <Metrics label={t("monitors.performanceOf", { n: newest.window })} metrics={metrics} />
    </Stack>
  );
}

function Metrics({ label, metrics }: { label: string; metrics: Metric[] | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const number = (value: number | null) => (value === null ? "–" : format.number(value));
  return (
    <SmallTable
      label={label}
      rows={metrics}
      rowKey={(one) => one.name}
      empty={null}
      columns={[
        {
          id: "name",
          header: t("monitors.metric"),
          cell: (one) => (
            <>
              <b>{one.name}</b>
              {one.estimated ? (
                <Badge size="sm" ml={8} variant="default" title={t("monitors.estimatedHint")}>
                  {t("monitors.estimated")}
                </Badge>
              ) : null}
            </>
          ),
        },
        { id: "baseline", header: t("monitors.baseline"), numeric: true, cell: (one) => number(one.baseline) },
        { id: "value", header: t("monitors.thisWindow"), numeric: true, cell: (one) => number(one.value) },
        { id: "interval", header: t("monitors.interval"), numeric: true, cell: (one) => (one.low === null || one.high === null || one.low === one.high ? "–" : `${number(one.low)} – ${number(one.high)}`) },
      ]}
    />
  );
}

function History({ name, choice, points }: { name: string; choice: ReactNode; points: { atMs: number; metric: Metric }[] }) {
  const { t } = useTranslation();
  const chart = useRef<ChartHandle>(null);
  const key = JSON.stringify(points);
  const spec: ChartSpec = useMemo(() => {
    const inTime = (JSON.parse(key) as typeof points).sort((a, b) => a.atMs - b.atMs);
    return {
      type: "line",
      x: { kind: "time", title: "" },
      y: { title: name },
      series: [{ name, colour: 0, points: inTime.map(({ atMs, metric }) => [atMs, metric.value]) }],
      threshold: inTime.at(-1)?.metric.baseline ?? null,
      thresholdLabel: t("monitors.baseline"),
    };
  }, [key, name, t]);
  return (
    <Panel
      title={t("monitors.performance")}
      right={
        <>
          {choice}
          <ChartMenu chart={chart} spec={spec} name={name} />
        </>
      }
    >
      <Chart spec={spec} title={name} height={240} ref={chart} />
    </Panel>
  );
}
