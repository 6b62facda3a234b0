/** How far a running fit is: against its budget, step by step, and what it does now. */
import { Progress as Bar } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { Panel } from "../page/Panel";
import type { Task } from "../tasks/data";
import { useSpentS } from "../tasks/spent";
import css from "../tasks/tasks.module.css";
import { budgetOf, phaseOf, progressOf, stepOf, STEPS } from "./fit";

export function Progress({ task }: { task: Task }) {
  const { t } = useTranslation();
  const format = useFormat();
  const progress = progressOf(task);
  const budget = budgetOf(task);
  const phase = phaseOf(progress);
  // The budget begins with the fit; before it, the process starts and the rows are read.
  const begun = stepOf(phase ?? undefined) > 0;
  const spent = Math.min(useSpentS(progress.spent_s ?? 0, begun && task.state === "running"), budget);
  const now = stepOf(phase ?? undefined);
  const text = task.state === "stopping" ? t("state.stopping") : task.state === "waiting" ? t("tasks.waitingText") : phase ? t(`autopilot.phases.${phase}`) : t("autopilot.startingUp");
  return (
    <Panel testId="fit-progress">
      <div className={css.progress}>
        <div className={css.progressHead}>
          <b role="status" data-testid="fit-phase" data-phase={phase ?? ""}>
            {text}
          </b>
          <span>{spent < 1 ? format.duration(budget * 1000) : t("autopilot.spentOf", { spent: format.duration(Math.floor(spent) * 1000), budget: format.duration(budget * 1000) })}</span>
        </div>
        <Bar value={(100 * spent) / budget} size="md" radius="sm" animated={task.state === "running"} transitionDuration={500} aria-label={t("tasks.budget")} />
        <ol className={css.steps}>
          {STEPS.map((step, place) => (
            <li key={step} data-step={place < now ? "past" : place === now ? "now" : "next"} aria-current={place === now ? "step" : undefined}>
              {t(`autopilot.steps.${step}`)}
            </li>
          ))}
        </ol>
      </div>
    </Panel>
  );
}
