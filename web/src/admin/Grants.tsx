/** The grants of a thing that is looked for. */
import { Autocomplete, Group, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { dashboardsQuery } from "../dashboards/data";
import { EmptyState } from "../page/EmptyState";
import { queriesQuery } from "../queries/data";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import { streamsQuery } from "../streams/data";
import { tablesQuery } from "../tables/data";
import { GrantsPanel } from "./GrantsPanel";

const KINDS = ["stream", "table", "query", "dashboard", "destination", "experiment", "model", "endpoint", "monitor"] as const;

export function Grants() {
  const { t } = useTranslation();
  const patch = useUrlPatch();
  const [kind] = useUrlState("kind");
  const [name] = useUrlState("name");
  const streams = useQuery({ ...streamsQuery, enabled: kind === "stream" }).data;
  const tables = useQuery({ ...tablesQuery, enabled: kind === "table" }).data;
  const queries = useQuery({ ...queriesQuery, enabled: kind === "query" }).data;
  const dashboards = useQuery({ ...dashboardsQuery, enabled: kind === "dashboard" }).data;
  const known = KINDS.find((one) => one === kind);
  const lists: Record<string, { name: string }[] | undefined> = { stream: streams, table: tables, query: queries, dashboard: dashboards };
  return (
    <>
      <Group mb="md" align="end" gap="sm">
        <Select
          label={t("admin.kind")}
          data={KINDS.map((value) => ({ value, label: t(`admin.kinds.${value}`) }))}
          value={kind ?? null}
          onChange={(next) => patch({ kind: next ?? undefined, name: undefined })}
          clearable
          w={160}
        />
        {kind ? (
          <Autocomplete label={t("admin.thing")} data={(lists[kind] ?? []).map((one) => one.name)} value={name ?? ""} onChange={(next) => patch({ name: next || undefined })} w={320} limit={50} />
        ) : null}
      </Group>
      {known && name ? <GrantsPanel kind={known} name={name} /> : <EmptyState small title={t("admin.pickThing")} text={t("admin.grantsText")} />}
    </>
  );
}
