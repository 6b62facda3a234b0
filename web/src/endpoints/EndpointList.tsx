/** All endpoints: how each does, what it serves, how quick it is. */
import { IconApi, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { listEndpoints } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { StatusWord } from "../page/StatusWord";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { useMayMake } from "../session/me";
import { type Endpoint, endpointsQuery } from "./data";
import { RANK, stateOf } from "./state";

const sum = (endpoint: Endpoint, of: "requests" | "errors") => endpoint.deployments.reduce((all, one) => all + one[of], 0);
const slowest = (endpoint: Endpoint) => endpoint.deployments.reduce<number | null>((most, one) => (one.p95_ms === null ? most : Math.max(most ?? 0, one.p95_ms)), null);

export function EndpointList() {
  const { t } = useTranslation();
  const format = useFormat();
  const mayMake = useMayMake();
  const endpoints = useQuery(endpointsQuery);
  const create = mayMake ? (
    <LinkButton to="/endpoints/new" leftSection={<IconPlus size={16} />} data-testid="endpoint-create">
      {t("endpoints.create")}
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader
        title={t("endpoints.title")}
        actions={
          <>
            <CopyAsCode recipes={listEndpoints()} />
            {create}
          </>
        }
      />
      <ThingList
        label={t("endpoints.title")}
        rows={endpoints.data}
        error={endpoints.error}
        retry={() => void endpoints.refetch()}
        rowKey={(endpoint) => endpoint.name}
        searchText={(endpoint) => `${endpoint.name} ${endpoint.owner} ${endpoint.deployments.map((one) => `${one.deployment} ${one.model}`).join(" ")}`}
        firstOrder={{ id: "name", dir: "asc" }}
        empty={
          <EmptyState icon={<IconApi size={40} stroke={1.3} />} title={t("endpoints.emptyTitle")} text={t("endpoints.emptyText")}>
            {create}
          </EmptyState>
        }
        columns={[
          {
            id: "name",
            header: t("list.name"),
            order: (endpoint) => endpoint.name,
            cell: (endpoint) => (
              <Link to="/endpoints/$name" params={{ name: endpoint.name }} className="cut thing" title={endpoint.name} data-row-link>
                {endpoint.name}
              </Link>
            ),
          },
          { id: "state", header: t("queries.status"), width: 118, order: (endpoint) => RANK[stateOf(endpoint)], cell: (endpoint) => <StatusWord state={stateOf(endpoint)} /> },
          {
            id: "serves",
            header: t("endpoints.serves"),
            wideOnly: true,
            cell: (endpoint) => {
              const text = endpoint.deployments.map((one) => (endpoint.deployments.length > 1 ? `${one.deployment} ${one.weight} %` : one.deployment)).join(", ");
              return (
                <span className="cut" title={text}>
                  {text}
                </span>
              );
            },
          },
          { id: "requests", header: t("endpoints.requests15"), numeric: true, width: 150, order: (endpoint) => sum(endpoint, "requests"), cell: (endpoint) => format.whole(sum(endpoint, "requests")) },
          { id: "errors", header: t("endpoints.errors"), numeric: true, width: 90, order: (endpoint) => sum(endpoint, "errors"), cell: (endpoint) => format.whole(sum(endpoint, "errors")) },
          { id: "p95", header: "p95", numeric: true, width: 100, order: slowest, cell: (endpoint) => milliseconds(slowest(endpoint), format) },
          { id: "changed", header: t("endpoints.changed"), width: 120, wideOnly: true, order: (endpoint) => endpoint.updated_at_ms, cell: (endpoint) => <When atMs={endpoint.updated_at_ms} /> },
          { id: "owner", header: t("list.owner"), width: 110, wideOnly: true, order: (endpoint) => endpoint.owner, cell: (endpoint) => endpoint.owner },
        ]}
      />
    </>
  );
}

export function milliseconds(value: number | null, format: ReturnType<typeof useFormat>): string {
  return value === null ? "–" : `${format.figures(value)} ms`;
}
