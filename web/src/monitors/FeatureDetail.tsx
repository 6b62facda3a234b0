/** One feature in one window: what is said of it, both distributions over the same bins, and the numbers that moved. */
import { Skeleton, Stack, Text } from "@mantine/core";
import { IconRuler2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Chart, type ChartHandle, type ChartSpec } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { StatusWord } from "../page/StatusWord";
import { type FeatureDrift, type Histogram, type Report, windowQuery } from "./data";
import type { Cell } from "./heat";
import css from "./monitors.module.css";
import { Moved } from "./Moved";
import { featuresOf, textOf } from "./state";

export function FeatureDetail({ name, cell }: { name: string; cell: Cell }) {
  const { t } = useTranslation();
  const found = useQuery(windowQuery(name, cell.window));
  const report = found.data?.report;
  const drift = report ? featuresOf(report).find((one) => one.feature === cell.feature) : undefined;
  if (found.error && !found.data) return <ProblemCard error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) {
    return (
      <Panel title={t("monitors.inWindow", { feature: cell.feature, window: cell.window })}>
        <Skeleton height={300} />
      </Panel>
    );
  }
  return drift && report ? (
    <Detail name={name} cell={cell} drift={drift} report={report} />
  ) : (
    <Panel title={t("monitors.inWindow", { feature: cell.feature, window: cell.window })}>
      <EmptyState small title={t("monitors.cellAbsent", cell)} text={t("monitors.absentText")} />
    </Panel>
  );
}

function Detail({ name, cell, drift, report }: { name: string; cell: Cell; drift: FeatureDrift; report: Report }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const chart = useRef<ChartHandle>(null);
  const spec = useMemo(
    () => (drift.histogram ? histogramSpec(drift.histogram, cell.feature, { before: t("monitors.baseline"), after: t("monitors.window", { n: cell.window }), share: t("monitors.shareOfRows"), named: { "(rare)": t("monitors.scores.rare", { subject: "" }), "(unseen)": t("monitors.scores.unseen", { subject: "" }) } }) : null),
    [drift, cell, t],
  );
  const said = report.findings.filter((finding) => finding.feature === cell.feature);
  return (
    <Panel
      title={t("monitors.inWindow", { feature: cell.feature, window: cell.window })}
      right={
        <>
          <StatusWord state={drift.drifted ? "drifting" : "healthy"} />
          {spec ? <ChartMenu chart={chart} spec={spec} name={`${name}-${cell.feature}-${cell.window}`} /> : null}
        </>
      }
      testId="feature"
    >
      <div className={css.feature}>
        <Stack gap="xs">
          {said.length ? (
            <ul className={css.said}>
              {said.map((finding) => (
                <li key={finding.text.en}>{textOf(finding, i18n.language)}</li>
              ))}
            </ul>
          ) : (
            <Text size="sm" c="dimmed">
              {t("monitors.asBaseline")}
            </Text>
          )}
          {drift.unit ? (
            <p className={css.unit} data-testid="unit-hint">
              <IconRuler2 size={17} stroke={1.7} aria-hidden />
              <span>
                {t("monitors.unit", { change: drift.unit.name === "sign flipped" ? t("monitors.signFlipped") : drift.unit.name.replace("->", "→") })}{" "}
                <span className="mono">
                  {t("monitors.unitFormula", { factor: format.precise(drift.unit.factor), offset: `${drift.unit.offset < 0 ? "−" : "+"} ${format.precise(Math.abs(drift.unit.offset))}` })}
                </span>
              </span>
            </p>
          ) : null}
          {spec ? <Chart spec={spec} title={cell.feature} height={270} ref={chart} /> : <EmptyState small title={t("monitors.noPicture")} text={t("monitors.noPictureText")} />}
        </Stack>
        <Stack gap="sm">
          {drift.moved.length ? <Moved drift={drift} /> : null}
          <Numbers drift={drift} />
        </Stack>
      </div>
    </Panel>
  );
}

const NUMBERS = ["rows", "missing", "median", "mean", "std_dev", "p05", "p95", "min", "max"] as const;

function Numbers({ drift }: { drift: FeatureDrift }) {
  const { t } = useTranslation();
  const format = useFormat();
  const shown = (which: (typeof NUMBERS)[number], value: number | null | undefined) =>
    value == null ? "–" : which === "missing" ? format.percent(value) : which === "rows" ? format.whole(value) : format.number(value);
  return (
    <SmallTable
      label={t("monitors.numbers")}
      rows={NUMBERS.filter((one) => drift.before[one] != null || drift.after[one] != null)}
      rowKey={(one) => one}
      empty={null}
      columns={[
        { id: "what", header: t("monitors.number"), cell: (one) => t(`monitors.numberNames.${one}`) },
        { id: "before", header: t("monitors.baseline"), numeric: true, cell: (one) => shown(one, drift.before[one]) },
        { id: "after", header: t("monitors.thisWindow"), numeric: true, cell: (one) => shown(one, drift.after[one]) },
      ]}
    />
  );
}

/** Numbers as two outlines over the same bins, values as pairs of bars. */
export function histogramSpec(histogram: Histogram, title: string, words: { before: string; after: string; share: string; named: Record<string, string> }): ChartSpec {
  const percent = (share: number) => Math.round(share * 100_000) / 1000;
  const { edges, values } = histogram;
  // A level that is on neither side is no news.
  const seen = (place: number) => Boolean(histogram.before[place] || histogram.after[place]);
  const points = (shares: number[]): [number | string, number][] =>
    edges
      ? shares.flatMap((share, bin): [number, number][] => [[edges[bin]!, percent(share)], [edges[bin + 1]!, percent(share)]])
      : shares.flatMap((share, place): [string, number][] => {
          const value = values?.[place] ?? "";
          return seen(place) ? [[words.named[value] ?? value, percent(share)]] : [];
        });
  return {
    type: edges ? "line" : "bar",
    area: Boolean(edges),
    x: { kind: edges ? "number" : "category", title },
    y: { title: words.share, unit: "%" },
    series: [
      { name: words.before, colour: 0, points: points(histogram.before) },
      { name: words.after, colour: 1, points: points(histogram.after) },
    ],
  };
}
