/** All fits that one may see: what each predicts, how far it is, and what it came to. */
import { IconWand } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { TaskList } from "../tasks/TaskList";
import { budgetOf, phaseOf, progressOf, resultOf, scoreText } from "./fit";

export function FitList() {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  return (
    <TaskList
      kind="autopilot"
      testId="fit"
      icon={<IconWand size={40} stroke={1.3} />}
      outcome={[
        {
          id: "score",
          header: t("autopilot.score"),
          numeric: true,
          width: 190,
          cell: (task) => {
            const result = resultOf(task);
            const progress = progressOf(task);
            const phase = phaseOf(progress);
            if (result) return <span title={result.metric}>{`${result.metric} ${scoreText(result.score, i18n.language)}`}</span>;
            if (task.state !== "running") return "–";
            return progress.best == null ? (phase ? t(`autopilot.steps.${phase === "read" ? "read" : "explore"}`) : t("autopilot.startingUp")) : `${progress.metric} ${scoreText(progress.best, i18n.language)}`;
          },
        },
      ]}
      given={[{ id: "budget", header: t("tasks.budget"), numeric: true, width: 110, wideOnly: true, order: budgetOf, cell: (task) => format.duration(budgetOf(task) * 1000) }]}
    />
  );
}
