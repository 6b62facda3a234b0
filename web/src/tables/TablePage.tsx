/** One Delta table: some of its rows, its columns, its versions, and what else there is to know. */
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { CopyAsCode } from "../code/CopyAsCode";
import { readTable } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { ColumnTable } from "../page/ColumnTable";
import { Confirm } from "../page/Confirm";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { may } from "../session/me";
import { useUrlState } from "../shell/urlState";
import { newestRows } from "../sql/examples";
import { type TableDetail, tableQuery } from "./data";
import css from "./tables.module.css";
import { TableAbout } from "./TableAbout";
import { TableHistory } from "./TableHistory";
import { TableSample } from "./TableSample";

export function TablePage() {
  const { t } = useTranslation();
  const format = useFormat();
  const { name } = useParams({ from: "/inside/tables/$name" });
  const [versionText] = useUrlState("version");
  const version = versionText && /^\d+$/.test(versionText) ? Number(versionText) : null;
  const table = useQuery(tableQuery(name));
  const crumbs = useMemo(() => [{ label: t("tables.title"), link: { to: "/tables" as const } }], [t]);
  const data = table.data;
  return (
    <>
      <PageHeader
        title={name}
        crumbs={crumbs}
        status={data?.problem ? <StatusWord state="broken" /> : null}
        actions={data ? <Actions table={data} version={version} /> : null}
        under={
          data ? (
            <>
              {data.rows === null ? null : (
                <span data-testid="table-rows">
                  {t("tables.rows")}: {format.whole(data.rows)}
                </span>
              )}
              {data.bytes === null ? null : (
                <span>
                  {t("tables.size")}: {format.bytes(data.bytes)}
                </span>
              )}
              {data.version === null ? null : (
                <span className="figures" data-testid="table-version">
                  {t("tables.version")}: {format.whole(data.version)}
                </span>
              )}
              <span>
                {t("tables.updated")}: <When atMs={data.updated_at_ms} />
              </span>
              <span>
                {t("list.owner")}: {data.owner}
              </span>
              {data.comment ? <span>{data.comment}</span> : null}
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      {data?.problem ? (
        <section className={css.broken} role="alert">
          <b>{t("tables.broken")}</b>
          <p>{data.problem}</p>
        </section>
      ) : null}
      {table.error && !data ? (
        <ProblemCard error={table.error} retry={() => void table.refetch()} />
      ) : (
        <PageTabs
          tabs={[
            { id: "sample", label: t("tables.tabSample"), body: () => <TableSample name={name} version={version} /> },
            {
              id: "columns",
              label: t("tables.tabColumns"),
              count: data?.columns.length,
              body: () => <ColumnTable columns={data?.columns} marked={data?.partition_columns} mark={t("tables.partition")} empty={null} />,
            },
            { id: "history", label: t("tables.tabHistory"), body: () => <TableHistory name={name} newest={data?.version ?? null} /> },
            { id: "about", label: t("tables.tabAbout"), body: () => <TableAbout table={data} /> },
            ...(may(data?.permission, "manage") ? [{ id: "access", label: t("tables.tabAccess"), body: () => <GrantsPanel kind="table" name={name} /> }] : []),
          ]}
        />
      )}
    </>
  );
}

function Actions({ table, version }: { table: TableDetail; version: number | null }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  return (
    <>
      <CopyAsCode recipes={readTable(table.name, version)} />
      <LinkButton to="/sql" search={{ query: newestRows(table.name) }} data-testid="table-ask">
        {t("tables.ask")}
      </LinkButton>
      {may(table.permission, "manage") ? (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon size={36} variant="default" aria-label={t("act.more")} data-testid="table-more">
              <IconDots size={17} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item color="var(--bad)" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)} data-testid="table-delete">
              {t("tables.delete")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ) : null}
      <Confirm
        opened={deleting}
        close={() => setDeleting(false)}
        title={t("tables.deleteTitle", { name: table.name })}
        text={`${t("tables.deleteText")} ${t("confirm.cannotUndo")}`}
        typeName={table.name}
        label={t("tables.delete")}
        act={async () => {
          await take(api.DELETE("/api/tables/{name}", { params: { path: { name: table.name } } }));
          note(t("tables.deleted", { name: table.name }));
          await navigate({ to: "/tables", replace: true });
          cache.removeQueries({ queryKey: ["table", table.name] });
          void cache.invalidateQueries({ queryKey: ["tables"] });
        }}
      />
    </>
  );
}
