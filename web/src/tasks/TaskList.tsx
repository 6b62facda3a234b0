/** All tasks of one kind that one may see: what each learns from and predicts, how far it is, and what it came to. */
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { listFits } from "../code/recipes";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { StatusWord } from "../page/StatusWord";
import { type ListColumn, ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { useMayMake } from "../session/me";
import { RANK, type Task, tasksQuery } from "./data";

type Props = {
  kind: "autopilot" | "tuning";
  icon: ReactNode;
  testId: string;
  /** what this kind of task came to, after its target */ outcome: ListColumn<Task>[];
  /** what it was given, before its start */ given?: ListColumn<Task>[];
};

export function TaskList({ kind, icon, testId, outcome, given = [] }: Props) {
  const { t } = useTranslation();
  const mayMake = useMayMake();
  const tasks = useQuery(tasksQuery(kind));
  const create = mayMake ? (
    <LinkButton to={`/${kind}/new`} leftSection={<IconPlus size={16} />} data-testid={`${testId}-create`}>
      {t(`${kind}.create`)}
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader
        title={t(`${kind}.title`)}
        actions={
          <>
            <CopyAsCode recipes={listFits(kind)} />
            {create}
          </>
        }
      />
      <ThingList
        label={t(`${kind}.title`)}
        rows={tasks.data}
        error={tasks.error}
        retry={() => void tasks.refetch()}
        rowKey={(task) => task.id}
        searchText={(task) => `${task.name} ${String(task.spec.table)} ${String(task.spec.target)} ${task.owner} ${t(`state.${task.state}`)}`}
        empty={
          <EmptyState icon={icon} title={t(`${kind}.emptyTitle`)} text={t(`${kind}.emptyText`)}>
            {create}
          </EmptyState>
        }
        columns={[
          {
            id: "name",
            header: t("list.name"),
            order: (task) => task.name,
            cell: (task) => (
              <Link to={`/${kind}/$id`} params={{ id: task.id }} className="cut thing" title={task.name} data-row-link data-testid={`${testId}-link`}>
                {task.name}
              </Link>
            ),
          },
          { id: "state", header: t("queries.status"), width: 120, order: (task) => RANK[task.state], cell: (task) => <StatusWord state={task.state} /> },
          { id: "table", header: t("tasks.source"), width: 200, wideOnly: true, order: (task) => String(task.spec.table), cell: (task) => <Cut mono text={String(task.spec.table)} /> },
          { id: "target", header: t("tasks.target"), width: 150, order: (task) => String(task.spec.target), cell: (task) => <Cut text={String(task.spec.target)} /> },
          ...outcome,
          ...given,
          { id: "started", header: t("tasks.started"), width: 130, order: (task) => task.created_at_ms, cell: (task) => <When atMs={task.created_at_ms} /> },
          { id: "owner", header: t("tasks.by"), width: 120, wideOnly: true, order: (task) => task.owner, cell: (task) => <Cut text={task.owner} /> },
        ]}
        firstOrder={{ id: "started", dir: "desc" }}
      />
    </>
  );
}

function Cut({ text, mono = false }: { text: string; mono?: boolean }) {
  return (
    <span className={mono ? "cut mono" : "cut"} title={text}>
      {text}
    </span>
  );
}
