/** Which parameters mattered, as bars: of a tuning's task, or of the run that a program's tuning left in MLflow. */
import { useTranslation } from "react-i18next";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { Bars } from "../tasks/Bars";

// Further ones mattered so little that their order is chance.
const SHOWN_MAX = 12;

export function Importance({ importance, missing }: { importance: Record<string, number>; /** why there is none */ missing: string }) {
  const { t } = useTranslation();
  const bars = Object.entries(importance)
    .map(([name, share]) => ({ name, share }))
    .sort((a, b) => b.share - a.share)
    .slice(0, SHOWN_MAX);
  return (
    <Panel title={t("tuning.importance")} testId="importance">
      {bars.length ? (
        <>
          <Bars bars={bars.map((bar) => ({ ...bar, name: shortName(bar.name), title: bar.name }))} label={t("tuning.importance")} />
          <p style={{ margin: "12px 0 0", color: "var(--ink-dim)", fontSize: "var(--mantine-font-size-xs)" }}>{t("tuning.importanceHint")}</p>
        </>
      ) : (
        <EmptyState small title={missing} />
      )}
    </Panel>
  );
}

/** A parameter below a choice has the way to it as its name, `family.lightgbm.num_leaves`: itself, and the option that it is of. */
export function shortName(path: string): string {
  const steps = path.split(".");
  return steps.length > 2 ? `${steps.at(-1)} · ${steps.at(-2)}` : path;
}
