/** One tuning: its trials as they come, how far the best has come, and which parameters mattered. */
import { Progress as Bar, Skeleton, useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { scoreText } from "../autopilot/fit";
import { useWhenEnded } from "../autopilot/FitPage";
import { OptionChart } from "../charts/OptionChart";
import { CopyAsCode } from "../code/CopyAsCode";
import { readTask } from "../code/recipes";
import { experimentsQuery } from "../experiments/data";
import { axesOf, AXES_MAX, parallelOption } from "../experiments/options";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Facts, Figures } from "../page/Facts";
import { useNow } from "../page/now";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { hasEnded, type Task, taskQuery } from "../tasks/data";
import { TaskActions, TaskEnd, TaskFacts, TaskLog } from "../tasks/TaskHead";
import tasksCss from "../tasks/tasks.module.css";
import { Importance } from "./Importance";
import css from "./tuning.module.css";
import { asPage, bestOf, curveOption, IMPORTANCE_TRIALS_MIN, isValued, progressOf, resultOf, textOf, type Trial, trialsWanted } from "./trials";
import { Trials } from "./Trials";

export function TuningPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/inside/tuning/$id" });
  const tuning = useQuery(taskQuery(id));
  const task = tuning.data;
  const crumbs = useMemo(() => [{ label: t("tuning.title"), link: { to: "/tuning" as const } }], [t]);
  useWhenEnded(task);
  if (tuning.error && !task) {
    return (
      <>
        <PageHeader title={t("tuning.title")} crumbs={crumbs} />
        <ProblemCard error={tuning.error} retry={() => void tuning.refetch()} />
      </>
    );
  }
  return (
    <>
      <PageHeader
        title={task?.name ?? "…"}
        crumbs={crumbs}
        status={task ? <StatusWord state={task.state} testId="tuning-state" /> : null}
        actions={
          task ? (
            <>
              <CopyAsCode recipes={readTask(id, "tuning")} />
              <TaskActions task={task} again="/tuning/new" />
            </>
          ) : null
        }
        under={task ? <TaskFacts task={task} /> : <span>&nbsp;</span>}
      />
      {task ? <TaskEnd task={task} /> : null}
      {!task ? (
        <Skeleton height={420} radius="md" />
      ) : task.state === "failed" && !progressOf(task).trials?.length ? (
        <TaskLog task={task} />
      ) : (
        <PageTabs
          tabs={[
            { id: "overview", label: t("autopilot.tabOverview"), body: () => <Overview task={task} /> },
            { id: "parallel", label: t("experiments.parallel"), body: () => <Parallel task={task} /> },
            { id: "log", label: t("tasks.log"), body: () => <TaskLog task={task} /> },
          ]}
        />
      )}
    </>
  );
}

const NONE: Trial[] = [];

function Overview({ task }: { task: Task }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const dark = useComputedColorScheme("light") === "dark";
  const progress = progressOf(task);
  const result = resultOf(task);
  const trials = progress.trials ?? NONE;
  const running = !hasEnded(task);
  const direction = result?.direction ?? progress.direction;
  const metric = result?.metric ?? progress.metric ?? t("tuning.value");
  const count = (...states: Trial["state"][]) => trials.filter((one) => states.includes(one.state)).length;
  const best = bestOf(trials, direction);
  const option = useMemo(
    () => curveOption(trials, { direction }, { trial: t("tuning.trialAxis"), best: t("tuning.bestSoFar"), one: t("tuning.oneTrial"), value: metric }, format, dark),
    [trials, direction, metric, t, format, dark],
  );
  const valued = trials.filter(isValued).length;
  const importance = result?.importance ?? progress.importance ?? {};
  return (
    <div className={tasksCss.stack}>
      {running ? <TuningProgress task={task} /> : null}
      <Figures
        facts={[
          { label: `${t("tuning.best")} · ${metric}`, value: scoreText(result?.best_value ?? progress.best_value, i18n.language), hint: direction ? t(`tuning.bestHint.${direction}`, { metric }) : undefined, testId: "tuning-best" },
          { label: t("tuning.ended"), value: format.whole(progress.ended ?? 0), testId: "tuning-ended" },
          { label: t("tuning.failed"), value: format.whole(count("failed")), testId: "tuning-failed" },
          running ? { label: t("tuning.running"), value: format.whole(count("running")) } : { label: t("tuning.pruned"), value: format.whole(count("pruned")) },
          { label: t("tuning.bestTrial"), value: best ? best.number : "–" },
        ]}
      />
      <div className={tasksCss.columns}>
        <div className={tasksCss.stack}>
          <Panel title={t("tuning.curve")} testId="curve">
            {valued ? <OptionChart option={option} title={t("tuning.curve")} height={270} /> : <EmptyState small title={t("tuning.noTrials")} text={running ? t("tuning.noTrialsText") : undefined} />}
          </Panel>
          <Trials trials={trials} direction={direction} metric={metric} earlier={progress.earlier ?? 0} running={running} />
        </div>
        <div className={tasksCss.stack}>
          <Importance importance={importance} missing={running ? t("tuning.importanceSoon", { n: IMPORTANCE_TRIALS_MIN }) : t("tuning.importanceFew")} />
          {best ? (
            <Panel title={t("tuning.bestParams")} testId="best-params">
              <Facts facts={Object.entries(result?.best_params ?? best.params).map(([name, value]) => ({ label: name, value: <span className="mono">{textOf(value)}</span> }))} />
            </Panel>
          ) : null}
          <Kept task={task} />
        </div>
      </div>
    </div>
  );
}

function TuningProgress({ task }: { task: Task }) {
  const { t } = useTranslation();
  const format = useFormat();
  const progress = progressOf(task);
  const wanted = trialsWanted(task);
  const budgetS = task.spec.budget_s ? Number(task.spec.budget_s) : null;
  const ended = progress.ended ?? 0;
  const now = useNow();
  const spent = task.started_at_ms === null ? 0 : Math.max(0, now - task.started_at_ms) / 1000;
  const share = Math.max(wanted ? ended / wanted : 0, budgetS ? Math.min(1, spent / budgetS) : 0);
  const text =
    task.state === "stopping" ? t("state.stopping") : task.state === "waiting" ? t("tasks.waitingText") : progress.phase === "read" || progress.phase === "search" || progress.phase === "done" ? t(`tuning.phases.${progress.phase}`) : t("autopilot.startingUp");
  return (
    <Panel testId="tuning-progress">
      <div className={tasksCss.progress}>
        <div className={tasksCss.progressHead}>
          <b role="status">{text}</b>
          <span>{[wanted ? t("tuning.ofTrials", { n: format.whole(ended), all: format.whole(wanted) }) : t("tuning.trialsSoFar", { count: ended, n: format.whole(ended) }), ...(budgetS ? [format.duration(budgetS * 1000)] : [])].join(" · ")}</span>
        </div>
        <Bar value={100 * share} size="md" radius="sm" animated={task.state === "running"} transitionDuration={500} aria-label={t("tuning.trials")} />
      </div>
    </Panel>
  );
}

function Kept({ task }: { task: Task }) {
  const { t } = useTranslation();
  const format = useFormat();
  const result = resultOf(task);
  const experiment = useQuery({ ...experimentsQuery, refetchInterval: hasEnded(task) ? false : 5_000 }).data?.find((one) => one.name === task.name);
  const run = result?.run_id ?? progressOf(task).run_id;
  const ended = result?.ended;
  const budgetS = task.spec.budget_s ? Number(task.spec.budget_s) : null;
  return (
    <Panel title={t("autopilot.keptAs")} testId="tuning-kept">
      <Facts
        facts={[
          ...(ended === "trials" || ended === "time" || ended === "interrupted" ? [{ label: t("experiments.ended"), value: t(`tuning.endedBy.${ended}`) }] : []),
          ...(trialsWanted(task) ? [{ label: t("tuning.trials"), value: format.whole(trialsWanted(task)!) }] : []),
          ...(budgetS ? [{ label: t("tasks.budget"), value: format.duration(budgetS * 1000) }] : []),
          ...(experiment
            ? [{
                label: t("tasks.experiment"),
                value: (
                  <Link to="/experiments/$id" params={{ id: experiment.id }} data-testid="tuning-experiment">
                    {experiment.name}
                  </Link>
                ),
              }]
            : []),
          ...(run
            ? [{
                label: t("tasks.run"),
                value: (
                  <Link to="/runs/$id" params={{ id: run }} className="mono" data-testid="tuning-run">
                    {run.slice(0, 8)}
                  </Link>
                ),
              }]
            : []),
          ...(run && experiment
            ? [{
                label: t("tuning.allRuns"),
                value: (
                  <Link to="/experiments/$id" params={{ id: experiment.id }} search={{ q: `tags.\`mlflow.parentRunId\` = '${run}'` }}>
                    {t("tasks.open")}
                  </Link>
                ),
              }]
            : []),
        ]}
      />
    </Panel>
  );
}

function Parallel({ task }: { task: Task }) {
  const { t } = useTranslation();
  const format = useFormat();
  const dark = useComputedColorScheme("light") === "dark";
  const trials = progressOf(task).trials ?? NONE;
  const metric = progressOf(task).metric ?? t("tuning.value");
  const importance = resultOf(task)?.importance ?? progressOf(task).importance;
  const { option, axes } = useMemo(() => {
    const page = asPage(trials, metric);
    const usable = axesOf(page);
    // With more parameters than fit, those that mattered.
    const mattered = (name: string) => Math.max(0, ...Object.entries(importance ?? {}).map(([path, share]) => (path === name || path.endsWith(`.${name}`) ? share : 0)));
    const kept = new Set(usable.filter((axis) => axis.kind === "params").sort((a, b) => mattered(b.name) - mattered(a.name)).slice(0, AXES_MAX - 1));
    const axes = usable.filter((axis) => axis.kind === "metrics" || kept.has(axis));
    return { axes, option: parallelOption(page, axes, axes.find((axis) => axis.kind === "metrics"), format, dark) };
  }, [trials, metric, importance, format, dark]);
  return (
    <Panel testId="tuning-parallel">
      <p className={css.said}>{t("tuning.parallelText", { metric })}</p>
      {axes.length < 2 ? <EmptyState small title={t("experiments.parallelNone")} /> : <OptionChart option={option} title={t("tuning.parallel")} height="max(380px, calc(100dvh - 330px))" />}
    </Panel>
  );
}
