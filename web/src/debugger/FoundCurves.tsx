/** The curves that the debugger saw, with a number where each finding began. */
import { SegmentedControl } from "@mantine/core";
import { useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Chart, type ChartHandle, type ChartSpec } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { numberIn } from "../experiments/values";
import { Panel } from "../page/Panel";
import css from "./debugger.module.css";
import type { Found } from "./words";

const STEEP = 1_000;
const ROLES = ["loss", "accuracy", "norm", "rate", "leaves"] as const;

export function FoundCurves({ found, open }: { found: Found; open: string | undefined }) {
  const { t } = useTranslation();
  const chart = useRef<ChartHandle>(null);
  const roles = ROLES.filter((role) => found.curves.some((curve) => curve.role === role));
  const [asked, setAsked] = useState<string>();
  const role = roles.find((one) => one === asked) ?? roles[0];
  const spec = useMemo<ChartSpec | null>(() => {
    if (!role) return null;
    // What backward was called on is drawn only where it is another than the loss.
    const loss = found.curves.find((curve) => curve.name === "loss");
    const curves = found.curves.filter((curve) => curve.role === role && !(curve.name === "objective" && JSON.stringify(curve.values) === JSON.stringify(loss?.values)));
    const values = curves.flatMap((curve) => curve.values.map(numberIn)).filter((value) => value !== null);
    // A loss that explodes hides all that was before, unless it is drawn by powers of ten.
    const middle = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
    const steep = values.every((value) => value > 0) && Math.max(...values) > STEEP * middle;
    return {
      type: curves.every((curve) => curve.steps.length < 2) ? "scatter" : "line",
      x: { kind: "number", title: t(found.unit === "round" ? "debugger.round" : "debugger.step") },
      y: { title: curves.length === 1 ? t(`debugger.${role}`) : "", log: role === "norm" || (role === "loss" && steep) },
      series: curves.map((curve) => ({ name: curve.name, points: curve.steps.map((step, place) => [step, numberIn(curve.values[place])]) })),
      marks: found.findings.flatMap((one, place) => (one.step == null ? [] : [{ x: one.step, label: String(place + 1), tone: one.severity === "error" ? ("bad" as const) : ("warn" as const), strong: one.rule === open }])),
    };
  }, [found, role, open, t]);
  if (!spec) return null;
  return (
    <Panel title={t("debugger.curves")} testId="debugger-curves" right={<ChartMenu chart={chart} spec={spec} name={`debugger-${role}`} />}>
          <div className={css.heatHead}>
            {roles.length > 1 ? <SegmentedControl size="xs" value={role} onChange={setAsked} data={roles.map((one) => ({ value: one, label: t(`debugger.${one}`) }))} aria-label={t("debugger.curves")} className={css.choice} /> : null}
            {spec.marks?.length ? <span className={css.legend}>{t("debugger.marks")}</span> : null}
          </div>
          <Chart ref={chart} spec={spec} title={t(`debugger.${role ?? "loss"}`)} height={260} />
    </Panel>
  );
}
