/** The last quarter of an hour of an endpoint: latency, and requests with their errors, a point a minute. */
import { Group, SegmentedControl } from "@mantine/core";
import { useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Chart, type ChartHandle, type ChartSpec } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import type { Endpoint } from "./data";
import css from "./endpoints.module.css";

const SHOWN_MS = 15 * 60_000;
const QUANTILES = ["p50_ms", "p95_ms", "p99_ms"] as const;

export function Traffic({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation();
  const [quantile, setQuantile] = useState<(typeof QUANTILES)[number]>("p95_ms");
  const latencyChart = useRef<ChartHandle>(null);
  const requestsChart = useRef<ChartHandle>(null);
  // Asked for every few seconds: drawn again only when it says something else.
  const key = JSON.stringify(endpoint.deployments.map(({ deployment, minutes }) => [deployment, minutes]));
  const [latency, requests] = useMemo((): [ChartSpec, ChartSpec] => {
    const routes = JSON.parse(key) as [string, Endpoint["deployments"][number]["minutes"]][];
    const x = { kind: "time" as const, title: "" };
    const to = Math.max(...routes.flatMap(([, minutes]) => minutes.map((one) => one.at_ms)), 0);
    const span = { from: to - SHOWN_MS, to };
    return [
      { type: "line", x, y: { title: t("endpoints.latency"), unit: "ms" }, ...span, series: routes.map(([name, minutes], colour) => ({ name, colour, points: minutes.map((one) => [one.at_ms, one[quantile]]) })) },
      {
        type: "line",
        area: true,
        ...span,
        x,
        y: { title: t("endpoints.perMinute") },
        series: [
          ...routes.map(([name, minutes], colour) => ({ name, colour, points: minutes.map((one): [number, number] => [one.at_ms, one.requests]) })),
          { name: t("endpoints.errors"), colour: 6, points: totals(routes) },
        ],
      },
    ];
  }, [key, quantile, t]);
  if (!endpoint.deployments.some((one) => one.minutes.some((minute) => minute.requests))) {
    return (
      <Panel>
        <EmptyState small title={t("endpoints.noTraffic")} text={t("endpoints.noTrafficText")} />
      </Panel>
    );
  }
  return (
    <div className={css.charts}>
      <Panel
        title={t("endpoints.latency")}
        right={
          <Group gap={6}>
            <SegmentedControl size="xs" aria-label={t("endpoints.quantile")} data={QUANTILES.map((value) => ({ value, label: value.slice(0, 3) }))} value={quantile} onChange={(next) => setQuantile(next as typeof quantile)} />
            <ChartMenu chart={latencyChart} spec={latency} name={`${endpoint.name}-latency`} />
          </Group>
        }
      >
        <Chart spec={latency} title={t("endpoints.latency")} height={220} ref={latencyChart} />
      </Panel>
      <Panel title={t("endpoints.perMinute")} right={<ChartMenu chart={requestsChart} spec={requests} name={`${endpoint.name}-requests`} />}>
        <Chart spec={requests} title={t("endpoints.perMinute")} height={220} ref={requestsChart} />
      </Panel>
    </div>
  );
}

function totals(routes: [string, { at_ms: number; errors: number }[]][]): [number, number][] {
  const found = new Map<number, number>();
  for (const [, minutes] of routes) for (const one of minutes) found.set(one.at_ms, (found.get(one.at_ms) ?? 0) + one.errors);
  return [...found].sort(([a], [b]) => a - b);
}
