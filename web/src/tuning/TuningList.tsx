/** All tunings that one may see: how far each is and the best that it found. */
import { IconAdjustmentsHorizontal } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { scoreText } from "../autopilot/fit";
import { useFormat } from "../i18n/format";
import { TaskList } from "../tasks/TaskList";
import { progressOf, resultOf, trialsWanted } from "./trials";

export function TuningList() {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  return (
    <TaskList
      kind="tuning"
      testId="tuning"
      icon={<IconAdjustmentsHorizontal size={40} stroke={1.3} />}
      outcome={[
        {
          id: "best",
          header: t("tuning.best"),
          numeric: true,
          width: 180,
          cell: (task) => {
            const { best_value: value, metric } = { ...progressOf(task), ...(resultOf(task) ?? {}) };
            return value == null ? "–" : `${metric ?? ""} ${scoreText(value, i18n.language)}`;
          },
        },
        {
          id: "trials",
          header: t("tuning.trials"),
          numeric: true,
          width: 130,
          order: (task) => progressOf(task).ended ?? 0,
          cell: (task) => {
            const ended = progressOf(task).ended;
            const wanted = trialsWanted(task);
            return ended === undefined ? "–" : wanted && task.state === "running" ? t("tuning.ofTrials", { n: format.whole(ended), all: format.whole(wanted) }) : format.whole(ended);
          },
        },
      ]}
    />
  );
}
