/** One fit: live while it runs; then its score, its ensemble, and what it handed over. */
import { Skeleton } from "@mantine/core";
import { IconRocket } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { cache } from "../api/cache";
import { CopyAsCode } from "../code/CopyAsCode";
import { readTask } from "../code/recipes";
import { experimentsQuery } from "../experiments/data";
import { useFormat } from "../i18n/format";
import { Facts, Figures } from "../page/Facts";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { useMayMake } from "../session/me";
import { hasEnded, type Task, taskQuery } from "../tasks/data";
import { LEARNINGS } from "../tasks/learning";
import { TaskActions, TaskEnd, TaskFacts, TaskLog } from "../tasks/TaskHead";
import tasksCss from "../tasks/tasks.module.css";
import { Ensemble } from "./Ensemble";
import { Findings } from "./Findings";
import { budgetOf, membersOf, progressOf, resultOf, scoreText } from "./fit";
import { HandedOver } from "./HandedOver";
import { Leaderboard } from "./Leaderboard";
import { Progress } from "./Progress";

export function FitPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/autopilot/$id" });
  const fit = useQuery(taskQuery(id));
  const task = fit.data;
  const mayMake = useMayMake();
  const crumbs = useMemo(() => [{ label: t("autopilot.title"), link: { to: "/autopilot" as const } }], [t]);
  useWhenEnded(task);
  if (fit.error && !task) {
    return (
      <>
        <PageHeader title={t("autopilot.title")} crumbs={crumbs} />
        <ProblemCard error={fit.error} retry={() => void fit.refetch()} />
      </>
    );
  }
  const result = task ? resultOf(task) : null;
  return (
    <>
      <PageHeader
        title={task?.name ?? "…"}
        crumbs={crumbs}
        status={task ? <StatusWord state={task.state} testId="fit-state" /> : null}
        actions={
          task ? (
            <>
              <CopyAsCode recipes={readTask(id, "autopilot")} />
              <TaskActions task={task} again="/autopilot/new" />
              {result?.version && mayMake ? (
                <LinkButton to="/endpoints/new" search={{ model: result.model, version: result.version }} leftSection={<IconRocket size={16} />} data-testid="fit-deploy">
                  {t("autopilot.deploy")}
                </LinkButton>
              ) : null}
            </>
          ) : null
        }
        under={task ? <TaskFacts task={task} /> : <span>&nbsp;</span>}
      />
      {task ? <TaskEnd task={task} /> : null}
      {!task ? (
        <Skeleton height={420} radius="md" />
      ) : task.state === "failed" && !progressOf(task).leaderboard?.length ? (
        <TaskLog task={task} />
      ) : (
        <PageTabs
          tabs={[
            { id: "overview", label: t("autopilot.tabOverview"), body: () => <Overview task={task} /> },
            ...(result
              ? [
                  { id: "program", label: t("autopilot.tabProgram"), body: () => <HandedOver key="program" task={id} file="model.py" about={t("autopilot.programText", { data: "data.parquet" })} /> },
                  { id: "exploration", label: t("autopilot.tabExploration"), body: () => <HandedOver key="exploration" task={id} file="exploration.ipynb" about={t("autopilot.explorationText")} /> },
                  { id: "candidates", label: t("autopilot.tabCandidates"), body: () => <HandedOver key="candidates" task={id} file="candidates.ipynb" about={t("autopilot.candidatesText")} /> },
                  { id: "card", label: t("autopilot.tabCard"), body: () => <HandedOver key="card" task={id} file="card.md" about={t("autopilot.cardText")} /> },
                ]
              : []),
            { id: "log", label: t("tasks.log"), body: () => <TaskLog task={task} /> },
          ]}
        />
      )}
    </>
  );
}

/** What it made is news to the lists that were read before. */
export function useWhenEnded(task: Task | undefined) {
  const ended = task ? hasEnded(task) : undefined;
  const before = useRef(ended);
  useEffect(() => {
    if (before.current === false && ended) {
      for (const key of ["tasks", "experiments", "models"]) void cache.invalidateQueries({ queryKey: [key] });
    }
    before.current = ended;
  }, [ended]);
}

function Overview({ task }: { task: Task }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const progress = progressOf(task);
  const result = resultOf(task);
  const candidates = progress.leaderboard ?? [];
  const members = membersOf(candidates);
  const metric = result?.metric ?? progress.metric;
  const rows = result?.rows ?? progress.rows;
  const running = !hasEnded(task);
  const learning = LEARNINGS.find((one) => one === (result?.task ?? progress.task));
  return (
    <div className={tasksCss.stack}>
      {running ? <Progress task={task} /> : null}
      <Figures
        facts={[
          {
            label: result ? `${t("autopilot.score")} · ${metric}` : metric ? `${t("autopilot.best")} · ${metric}` : t("autopilot.best"),
            value: scoreText(result?.score ?? progress.best, i18n.language),
            hint: metric ? t("autopilot.scoreHint", { metric }) : undefined,
            testId: "fit-score",
          },
          { label: t("autopilot.candidates"), value: format.whole(progress.judged ?? candidates.length), testId: "fit-candidates" },
          { label: t("autopilot.members"), value: members.length ? t("autopilot.membersOf", { count: members.length, n: format.whole(members.length) }) : "–" },
          { label: t("autopilot.rows"), value: rows == null ? "–" : format.whole(rows) },
          { label: t("tasks.task"), value: learning ? t(`tasks.kinds.${learning}`) : "–" },
        ]}
      />
      <div className={tasksCss.columns}>
        <div className={tasksCss.stack}>
          {members.length > 1 ? <Ensemble members={members} /> : null}
          <Leaderboard candidates={candidates} metric={metric} failed={progress.failed ?? 0} failures={progress.failures ?? []} />
        </div>
        <div className={tasksCss.stack}>
          {result ? <Kept task={task} /> : null}
          <Findings findings={result?.findings ?? progress.findings ?? []} running={running} />
          <Settings task={task} />
        </div>
      </div>
    </div>
  );
}

function Kept({ task }: { task: Task }) {
  const { t } = useTranslation();
  const experiment = useQuery(experimentsQuery).data?.find((one) => one.name === task.name);
  const result = resultOf(task)!;
  return (
    <Panel title={t("autopilot.keptAs")} testId="fit-kept">
      <Facts
        facts={[
          {
            label: t("autopilot.model"),
            value: (
              <Link to="/models/$name" params={{ name: result.model }} data-testid="fit-model">
                {result.model} {result.version}
              </Link>
            ),
          },
          ...(experiment
            ? [{
                label: t("tasks.experiment"),
                value: (
                  <Link to="/experiments/$id" params={{ id: experiment.id }} data-testid="fit-experiment">
                    {experiment.name}
                  </Link>
                ),
              }]
            : []),
          ...(result.run_id
            ? [{
                label: t("tasks.run"),
                value: (
                  <Link to="/runs/$id" params={{ id: result.run_id }} className="mono" data-testid="fit-run">
                    {result.run_id.slice(0, 8)}
                  </Link>
                ),
              }]
            : []),
        ]}
      />
    </Panel>
  );
}

const NAMED = ["time_column", "group_column", "ignore", "keep", "folds", "seed", "holdout", "include", "exclude", "candidates", "class_weights", "positive", "n_jobs"] as const;

function Settings({ task }: { task: Task }) {
  const { t } = useTranslation();
  const format = useFormat();
  const options = (task.spec.options ?? {}) as Record<string, unknown>;
  const words = (value: unknown) => (Array.isArray(value) ? value.map(String).join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value));
  const folds = progressOf(task).folds;
  return (
    <Panel title={t("autopilot.settings")}>
      <Facts
        facts={[
          { label: t("tasks.budget"), value: format.duration(budgetOf(task) * 1000) },
          ...NAMED.filter((name) => options[name] !== undefined).map((name) => ({ label: t(`autopilot.optionNames.${name}`), value: words(options[name]) })),
          ...(folds && folds > 1 && options.folds === undefined ? [{ label: t("autopilot.optionNames.folds"), value: format.whole(folds) }] : []),
          ...(task.spec.runtime ? [{ label: t("tasks.runtime"), value: String(task.spec.runtime) }] : []),
        ]}
      />
    </Panel>
  );
}
