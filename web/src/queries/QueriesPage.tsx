/** Standing queries, the alerts they raised, and where alerts are sent. */
import { IconInfinity, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { standingQuery } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { StatusWord } from "../page/StatusWord";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { useMayMake } from "../session/me";
import { windowOver } from "../sql/examples";
import { AlertLists } from "./AlertLists";
import { alertsQuery, queriesQuery } from "./data";
import { Destinations } from "./Destinations";
import { lagOf, RANK, stateOf } from "./state";
import { TargetLink } from "./TargetLink";

export function QueriesPage() {
  const { t } = useTranslation();
  const mayMake = useMayMake();
  const firing = useQuery(alertsQuery).data?.firing.length;
  return (
    <>
      <PageHeader
        title={t("queries.title")}
        actions={
          <>
            <CopyAsCode recipes={standingQuery("hot", windowOver("sensors"), "main.hot")} />
            {mayMake ? <Create /> : null}
          </>
        }
      />
      <PageTabs
        tabs={[
          { id: "list", label: t("queries.tabList"), body: () => <QueryList /> },
          { id: "alerts", label: t("queries.tabAlerts"), count: firing || null, body: () => <AlertLists /> },
          { id: "destinations", label: t("queries.tabDestinations"), body: () => <Destinations /> },
        ]}
      />
    </>
  );
}

function Create() {
  const { t } = useTranslation();
  return (
    <LinkButton to="/sql" search={{ mode: "standing" }} leftSection={<IconPlus size={16} />} data-testid="query-create">
      {t("queries.create")}
    </LinkButton>
  );
}

function QueryList() {
  const { t } = useTranslation();
  const format = useFormat();
  const mayMake = useMayMake();
  const queries = useQuery(queriesQuery);
  return (
    <ThingList
      label={t("queries.title")}
      rows={queries.data}
      error={queries.error}
      retry={() => void queries.refetch()}
      rowKey={(query) => query.name}
      searchText={(query) => `${query.name} ${query.into} ${query.sources.join(" ")} ${t(`state.${stateOf(query.status)}`)}`}
      empty={
        <EmptyState icon={<IconInfinity size={40} stroke={1.3} />} title={t("queries.emptyTitle")} text={t("queries.emptyText")}>
          {mayMake ? <Create /> : null}
        </EmptyState>
      }
      columns={[
        {
          id: "name",
          header: t("list.name"),
          order: (query) => query.name,
          cell: (query) => (
            <Link to="/queries/$name" params={{ name: query.name }} className="cut thing" title={query.name} data-row-link>
              {query.name}
            </Link>
          ),
        },
        { id: "status", header: t("queries.status"), width: 118, order: (query) => RANK[stateOf(query.status)], cell: (query) => <StatusWord state={stateOf(query.status)} /> },
        { id: "watermark", header: t("queries.watermark"), width: 116, wideOnly: true, order: (query) => query.status.watermark_ms, cell: (query) => <When atMs={query.status.watermark_ms} missing="–" /> },
        {
          id: "lag",
          header: t("queries.lag"),
          numeric: true,
          width: 110,
          order: (query) => lagOf(query.status),
          cell: (query) => (query.status.lag_ms === null || (query.status.state !== "running" && query.status.state !== "draining") ? "–" : format.duration(lagOf(query.status))),
        },
        { id: "in", header: t("queries.rateIn"), numeric: true, width: 92, order: (query) => query.status.rows_in_per_s, cell: (query) => format.perSecond(query.status.rows_in_per_s) },
        { id: "out", header: t("queries.rateOut"), numeric: true, width: 92, wideOnly: true, order: (query) => query.status.rows_out_per_s, cell: (query) => format.perSecond(query.status.rows_out_per_s) },
        { id: "into", header: t("queries.into"), width: 200, wideOnly: true, order: (query) => query.into, cell: (query) => <TargetLink target={query.into} /> },
        { id: "owner", header: t("list.owner"), width: 110, wideOnly: true, order: (query) => query.owner, cell: (query) => query.owner },
      ]}
    />
  );
}
