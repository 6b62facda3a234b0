/** The rows as a chart: chosen sensibly at first, then as the reader likes. The choice is in the address. */
import { MultiSelect, SegmentedControl, Select } from "@mantine/core";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Column } from "../api/client";
import { Chart, type ChartHandle } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { type Choice, chooseChart, specOf } from "../charts/rows";
import { isNumeric } from "../grid/cell";
import { EmptyState } from "../page/EmptyState";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import css from "./sql.module.css";

const TYPES = ["line", "bar", "scatter"] as const;
const NONE = "\u0000";

export function ResultChart({ columns, rows }: { columns: Column[]; rows: unknown[][] }) {
  const { t } = useTranslation();
  const patch = useUrlPatch();
  const [type] = useUrlState("chart");
  const [x] = useUrlState("x");
  const [y] = useUrlState("y");
  const [series] = useUrlState("series");
  const chart = useRef<ChartHandle>(null);
  const automatic = useMemo(() => chooseChart({ columns, rows }), [columns, rows]);
  const choice = useMemo<Choice | null>(() => {
    if (!automatic) return null;
    const has = (name: string | undefined) => columns.some((column) => column.name === name);
    const chosenY = y?.split(",").filter(has);
    return {
      type: TYPES.find((one) => one === type) ?? automatic.type,
      x: has(x) ? x! : automatic.x,
      y: chosenY?.length ? chosenY : automatic.y,
      series: series === NONE ? null : has(series) ? series! : automatic.series,
    };
  }, [automatic, columns, type, x, y, series]);
  const spec = useMemo(() => (choice ? specOf({ columns, rows }, choice) : null), [choice, columns, rows]);
  if (!choice || !spec) return <EmptyState small title={t("sql.noChart")} text={t("sql.noChartText")} />;
  const names = columns.map((column) => column.name);
  return (
    <div className={css.chart}>
      <div className={css.choices}>
        <SegmentedControl size="xs" value={choice.type} onChange={(next) => patch({ chart: next })} data={TYPES.map((one) => ({ value: one, label: t(`sql.${one}`) }))} aria-label={t("sql.chartType")} />
        <Select size="xs" label={t("sql.x")} data={names} value={choice.x} onChange={(next) => patch({ x: next ?? undefined })} allowDeselect={false} searchable />
        <MultiSelect size="xs" label={t("sql.y")} data={columns.filter(isNumeric).map((column) => column.name)} value={choice.y} onChange={(next) => patch({ y: next.join(",") || undefined })} maxValues={8} />
        <Select
          size="xs"
          label={t("sql.series")}
          data={[{ value: NONE, label: t("sql.noSeries") }, ...names.filter((name) => name !== choice.x).map((name) => ({ value: name, label: name }))]}
          value={choice.series ?? NONE}
          onChange={(next) => patch({ series: next ?? undefined })}
          allowDeselect={false}
        />
        <ChartMenu chart={chart} spec={spec} name="result" />
      </div>
      <div className={css.canvas}>
        <Chart ref={chart} spec={spec} title={spec.y.title} height="100%" />
      </div>
    </div>
  );
}
