/** Drift by feature and window: darker moved further, a sign marks what drifted. Pressing a cell, or the arrow keys, choose one. */
import { Anchor, Skeleton, useComputedColorScheme } from "@mantine/core";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ChartHandle } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { rampOf } from "../charts/ramp";
import { useFormat } from "../i18n/format";
import { Panel } from "../page/Panel";
import type { MonitorWindow } from "./data";
import { type Cell, EFFECT_SHOWN_MAX, type Heat, heatOf, heatOption, SIGN, signOf, step } from "./heat";
import css from "./monitors.module.css";
import { utcMs } from "./state";

const HeatCanvas = lazy(() => import("../charts/HeatCanvas"));

const FEATURES_SHOWN = 20;
const ROW_PX = 25;

export function HeatMap({ name, checked, chosen, choose }: { name: string; checked: MonitorWindow[]; chosen: Cell | null; choose: (cell: Cell) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const dark = useComputedColorScheme("light") === "dark";
  const chart = useRef<ChartHandle>(null);
  const [all, setAll] = useState(false);
  // Read again every few seconds: drawn again only when it says something else.
  const key = checked.map((one) => `${one.window}:${one.task}`).join();
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const whole = useMemo(() => heatOf(checked), [key]);
  const heat: Heat = useMemo(() => ({ ...whole, features: all ? whole.features : whole.features.slice(0, FEATURES_SHOWN) }), [whole, all]);

  const said = useMemo(() => {
    const byNumber = new Map(whole.windows.map((one) => [one.window, one]));
    return ({ feature, window: number }: Cell) => {
      const window = byNumber.get(number);
      const effect = window?.effects[feature];
      if (!window || effect === undefined) return t("monitors.cellAbsent", { feature, window: number });
      const sign = signOf(window, feature);
      const size = `${format.figures(Math.abs(effect ?? 0))} σ`;
      return sign ? t("monitors.cellDrifted", { feature, window: number, size, sign }) : t("monitors.cellCalm", { feature, window: number, size });
    };
  }, [whole, t, format]);

  const option = useMemo(
    () =>
      heatOption(heat, chosen, dark, {
        label: (window) => `${window.window} · ${format.clock(utcMs(window.until) ?? window.at_ms).slice(0, 5)}`,
        tip: said,
        axis: t("monitors.windowAxis"),
      }),
    [heat, chosen, dark, format, said, t],
  );
  const height = heat.features.length * ROW_PX + 52;
  return (
    <Panel
      title={t("monitors.heat")}
      right={
        <>
          <Legend dark={dark} />
          <ChartMenu
            chart={chart}
            name={`${name}-drift`}
            spec={{
              type: "line",
              x: { kind: "category", title: "window" },
              y: { title: "effect" },
              series: whole.features.map((feature) => ({ name: feature, points: whole.windows.map((window) => [window.window, window.effects[feature] ?? null]) })),
            }}
          />
        </>
      }
    >
      <div
        className={css.heat}
        role="group"
        tabIndex={0}
        aria-label={t("monitors.heatKeys")}
        aria-describedby="heat-said"
        data-testid="heat"
        onKeyDown={(event) => {
          const next = chosen ? step(heat, chosen, event.key) : null;
          if (!next) return;
          event.preventDefault();
          choose(next);
        }}
      >
        <Suspense fallback={<Skeleton height={height} />}>
          <HeatCanvas option={option} height={height} press={choose} ref={chart} />
        </Suspense>
      </div>
      <div className={css.heatFoot}>
        <span id="heat-said" aria-live="polite" data-testid="heat-cell">
          {chosen ? said(chosen) : ""}
        </span>
        {whole.features.length > FEATURES_SHOWN ? (
          <Anchor component="button" type="button" size="xs" onClick={() => setAll(!all)} data-testid="heat-all">
            {all ? t("monitors.heatFew", { n: FEATURES_SHOWN }) : t("monitors.heatAll", { n: whole.features.length })}
          </Anchor>
        ) : null}
      </div>
    </Panel>
  );
}

function Legend({ dark }: { dark: boolean }) {
  const { t } = useTranslation();
  return (
    <span className={css.legend}>
      <span>0 σ</span>
      <i style={{ background: `linear-gradient(90deg, ${rampOf(dark).join(", ")})` }} aria-hidden />
      <span>{t("monitors.legendMax", { n: EFFECT_SHOWN_MAX })}</span>
      <span className={css.legendSign}>{SIGN} {t("monitors.legendDrifted")}</span>
    </span>
  );
}
