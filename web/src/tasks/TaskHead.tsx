/** What the pages of a fit and of a tuning have alike: where and when, cancelling, running again, how it failed, its log. */
import { Button, Skeleton } from "@mantine/core";
import { IconPlayerStop, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Copy } from "../code/CodeBlock";
import { useFormat } from "../i18n/format";
import { Confirm } from "../page/Confirm";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { useNow } from "../page/now";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { When } from "../page/When";
import { TargetLink } from "../queries/TargetLink";
import { useMayMake } from "../session/me";
import { cancelTask, hasEnded, type Task, taskErrorOf, taskLogQuery } from "./data";
import css from "./tasks.module.css";

export const isSelect = (source: string) => /^\s*(select|with)\b/i.test(source);

export function TaskFacts({ task }: { task: Task }) {
  const { t } = useTranslation();
  const format = useFormat();
  const now = useNow();
  const source = String(task.spec.table ?? "");
  return (
    <>
      <span className={css.source}>
        {t("tasks.source")}: {isSelect(source) ? <code title={source}>{source}</code> : <TargetLink target={source} />}
      </span>
      <span>
        {t("tasks.target")}: <b className={css.word}>{String(task.spec.target)}</b>
      </span>
      <span>
        {t("tasks.started")}: <When atMs={task.started_at_ms ?? task.created_at_ms} />
      </span>
      {task.started_at_ms == null ? null : (
        <span>
          {t("tasks.took")}: {format.duration(Math.max(0, (task.ended_at_ms ?? Math.max(now, task.started_at_ms)) - task.started_at_ms))}
        </span>
      )}
      <span>
        {t("tasks.by")}: {task.owner}
      </span>
      {task.attempt > 1 ? <span>{t("tasks.attempt", { n: task.attempt })}</span> : null}
    </>
  );
}

export function TaskActions({ task, again }: { task: Task; again: "/autopilot/new" | "/tuning/new" }) {
  const { t } = useTranslation();
  const mayMake = useMayMake();
  const [asking, setAsking] = useState(false);
  if (hasEnded(task)) {
    return mayMake ? (
      <LinkButton to={again} search={{ task: task.id }} variant="default" leftSection={<IconRefresh size={16} />} title={t("tasks.againHint")} data-testid="task-again">
        {t("tasks.again")}
      </LinkButton>
    ) : null;
  }
  return (
    <>
      <Button variant="default" leftSection={<IconPlayerStop size={16} />} onClick={() => setAsking(true)} disabled={task.state === "stopping"} data-testid="task-cancel">
        {t("tasks.cancel")}
      </Button>
      <Confirm
        opened={asking}
        close={() => setAsking(false)}
        title={t("tasks.cancelTitle", { name: task.name })}
        text={t("tasks.cancelText")}
        label={t("tasks.cancel")}
        act={async () => {
          await cancelTask(task.id);
          note(t("tasks.cancelNote", { name: task.name }));
        }}
      />
    </>
  );
}

/** How it failed, in words, with the cure; or that somebody stopped it. */
export function TaskEnd({ task }: { task: Task }) {
  const { t } = useTranslation();
  const error = taskErrorOf(task);
  if (task.state === "cancelled") {
    return (
      <section className={css.end} data-tone="idle" data-testid="task-cancelled">
        <b>{t("tasks.cancelledTitle")}</b>
        <p>{t("tasks.cancelledText")}</p>
      </section>
    );
  }
  if (task.state !== "failed") return null;
  return (
    <section className={css.end} data-tone="bad" role="alert" data-testid="task-failed" data-code={error?.code}>
      <b>{t("tasks.failedTitle")}</b>
      <p>{error?.message ?? t("problem.internal")}</p>
      {error?.hint ? (
        <p className={css.cure} data-testid="task-hint">
          {error.hint}
        </p>
      ) : null}
      {error?.code ? <p className="mono">{error.code}</p> : null}
    </section>
  );
}

export function TaskLog({ task }: { task: Task }) {
  const { t } = useTranslation();
  const log = useQuery(taskLogQuery(task.id, !hasEnded(task)));
  if (log.error && !log.data) return <ProblemCard error={log.error} retry={() => void log.refetch()} />;
  return (
    <Panel title={t("tasks.log")} right={log.data ? <Copy text={log.data} /> : null} flush>
      {log.data === undefined ? (
        <Skeleton height={120} m="sm" />
      ) : log.data.trim() ? (
        <pre className={css.log} tabIndex={0} aria-label={t("tasks.logTail")} data-testid="task-log">
          {log.data}
        </pre>
      ) : (
        <EmptyState small title={t("tasks.noLog")} />
      )}
    </Panel>
  );
}
