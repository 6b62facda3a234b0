/** Layers by step: deeper is larger, a sign marks what is not finite. The arrow keys or the pointer choose a cell, told below. */
import { SegmentedControl, Skeleton, useComputedColorScheme } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ChartHandle } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { rampOf } from "../charts/ramp";
import { numberIn } from "../experiments/values";
import { useFormat } from "../i18n/format";
import { Panel } from "../page/Panel";
import { shownNumber } from "./words";
import css from "./debugger.module.css";
import { type Cell, cellOf, type Finding, type Heat, heatOption, isShare, type Measure, measureFor, rangeOf, step } from "./heat";

const HeatCanvas = lazy(() => import("../charts/HeatCanvas"));

const ROW_PX = 22;
const ROW_NARROW_PX = 14;
const KNOWN = ["gradient_norm", "update_ratio", "zero_share", "dead_share", "saturated_share"] as const;
const known = (name: string) => KNOWN.find((one) => one === name);

/** `finding` is the open one: its layer and step are chosen until another cell is. */
export function LayerHeat({ heat, finding }: { heat: Heat; finding: Finding | undefined }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<{ of: string | undefined; measure: string }>();
  const measure = heat.measures.find((one) => asked?.of === finding?.rule && one.name === asked?.measure) ?? measureFor(finding, heat.measures);
  if (!measure) return null;
  const choice = (
    <SegmentedControl
      size="xs"
      value={measure.name}
      onChange={(name) => setAsked({ of: finding?.rule, measure: name })}
      data={heat.measures.map((one) => ({ value: one.name, label: t(`debugger.${known(one.name) ?? "norm"}`) }))}
      aria-label={t("debugger.heat")}
      className={css.choice}
    />
  );
  return <OneMeasure key={`${measure.name} ${finding?.rule}`} measure={measure} steps={heat.steps} finding={finding} choice={choice} />;
}

function OneMeasure({ measure, steps, finding, choice }: { measure: Measure; steps: number[]; finding: Finding | undefined; choice: ReactNode }) {
  const { t } = useTranslation();
  const format = useFormat();
  const dark = useComputedColorScheme("light") === "dark";
  const chart = useRef<ChartHandle>(null);
  const [chosen, choose] = useState<Cell>(() => cellOf(finding, measure, steps));
  const share = isShare(measure);
  const said = useMemo(
    () =>
      ({ row, column }: Cell) => {
        const value = measure.values[row]?.[column];
        const about = { layer: measure.layers[row] ?? "", step: format.whole(steps[column] ?? 0), interpolation: { escapeValue: false } };
        if (value == null) return t("debugger.cellNone", about);
        return t("debugger.cell", { ...about, value: typeof value === "number" ? shownNumber(value, share, format) : `${t("debugger.notFinite")} (${value})` });
      },
    [measure, steps, share, t, format],
  );
  const option = useMemo(() => heatOption(measure, steps, chosen, dark, { tip: said, axis: t("debugger.step") }), [measure, steps, chosen, dark, said, t]);
  const height = measure.layers.length * (measure.layers.length > 24 ? ROW_NARROW_PX : ROW_PX) + 58;
  const [low, high] = rangeOf(measure);
  const end = (power: number) => shownNumber(share ? power : Number((10 ** power).toPrecision(1)), share, format);
  const name = known(measure.name);
  return (
    <Panel
      title={t("debugger.heat")}
      testId="debugger-heat-panel"
      right={
        <ChartMenu
          chart={chart}
          name={`layers-${name ?? "measure"}`}
          spec={{ type: "line", x: { kind: "number", title: "step" }, y: { title: measure.name }, series: measure.layers.map((layer, row) => ({ name: layer, points: steps.map((at, column) => [at, numberIn(measure.values[row]?.[column])]) })) }}
        />
      }
    >
      <div className={css.heatHead}>
        {choice}
        <span className={css.legend}>
          {end(low)}
          <i style={{ background: `linear-gradient(90deg, ${rampOf(dark).join(", ")})` }} aria-hidden />
          {end(high)}
        </span>
      </div>
      <p className={css.about}>
        {t(`debugger.${name ?? "other"}Text`)}
        {measure.layers.length < measure.layers_seen ? ` ${t("debugger.heatFirst", { n: format.whole(measure.layers.length), all: format.whole(measure.layers_seen) })}` : ""}
      </p>
      <div
        className={css.heat}
        role="group"
        tabIndex={0}
        aria-label={t("debugger.heatKeys")}
        aria-describedby="debugger-cell"
        data-testid="debugger-heat"
        onKeyDown={(event) => {
          const next = step(measure, steps, chosen, event.key);
          if (!next) return;
          event.preventDefault();
          choose(next);
        }}
      >
        <Suspense fallback={<Skeleton height={height} />}>
          <HeatCanvas option={option} height={height} press={(cell: Cell) => choose(cell)} ref={chart} />
        </Suspense>
      </div>
      <p id="debugger-cell" className={css.cell} aria-live="polite" data-testid="debugger-cell">
        {said(chosen)}
      </p>
    </Panel>
  );
}
