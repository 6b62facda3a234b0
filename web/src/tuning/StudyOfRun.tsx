/** A run that is a study, from a task or from anybody's program: its best trial, what mattered, the way to its trials. */
import { IconChartDots3 } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { RunDetail } from "../experiments/data";
import { useFormat } from "../i18n/format";
import { Facts } from "../page/Facts";
import { LinkButton } from "../page/LinkButton";
import { Panel } from "../page/Panel";
import { Importance } from "./Importance";

const IMPORTANCE = "importance.";
const BEST = "gureum.best.";

export const isStudy = (run: RunDetail) => "gureum.study" in run.tags;

export function StudyOfRun({ run }: { run: RunDetail }) {
  const { t } = useTranslation();
  const format = useFormat();
  const importance = Object.fromEntries(run.metrics.flatMap(({ name, value }) => (name.startsWith(IMPORTANCE) && typeof value === "number" ? [[name.slice(IMPORTANCE.length), value] as const] : [])));
  const best = run.metrics.find(({ name }) => name.startsWith("best."));
  const params = Object.entries(run.tags).filter(([key]) => key.startsWith(BEST));
  const filter = `tags.\`mlflow.parentRunId\` = '${run.id}'`;
  const number = run.tags["gureum.best_trial"];
  return (
    <>
      <Panel
        title={t("tuning.study")}
        testId="run-study"
        right={
          run.children ? (
            <LinkButton to="/experiments/$id/compare" params={{ id: run.experiment_id }} search={{ q: filter }} size="compact-xs" variant="default" leftSection={<IconChartDots3 size={14} />} data-testid="study-trials">
              {t("tuning.compareTrials")}
            </LinkButton>
          ) : null
        }
      >
        <Facts
          facts={[
            ...(best && typeof best.value === "number" ? [{ label: `${t("tuning.best")} · ${best.name.slice(5)}`, value: <b>{format.number(best.value)}</b> }] : []),
            ...(number ? [{ label: t("tuning.bestTrial"), value: number }] : []),
            ...params.map(([key, value]) => ({ label: key.slice(BEST.length), value: <span className="mono">{value}</span> })),
            ...(run.children
              ? [{
                  label: t("tuning.allRuns"),
                  value: (
                    <Link to="/experiments/$id" params={{ id: run.experiment_id }} search={{ q: filter }}>
                      {t("experiments.children", { count: run.children, n: format.whole(run.children) })}
                    </Link>
                  ),
                }]
              : []),
          ]}
        />
      </Panel>
      <Importance importance={importance} missing={run.status === "running" ? t("tuning.importanceSoon", { n: 10 }) : t("tuning.importanceFew")} />
    </>
  );
}
