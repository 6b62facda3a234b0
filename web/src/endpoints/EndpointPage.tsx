/** One endpoint: who gets the requests and how it goes, trying it, what was kept of it; live by asking again. */
import { ActionIcon, Menu, Skeleton, Stack } from "@mantine/core";
import { IconDots, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import { cache } from "../api/cache";
import { api, take } from "../api/client";
import { Copy } from "../code/CodeBlock";
import { CopyAsCode } from "../code/CopyAsCode";
import { askEndpoint } from "../code/recipes";
import { Confirm } from "../page/Confirm";
import { LinkButton } from "../page/LinkButton";
import { note } from "../page/note";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { may, useMayMake } from "../session/me";
import { Captured } from "./Captured";
import { type Endpoint, endpointQuery } from "./data";
import { Deployments } from "./Deployments";
import css from "./endpoints.module.css";
import { exampleRow, stateOf } from "./state";
import { Traffic } from "./Traffic";
import { TryIt } from "./TryIt";

export function EndpointPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: "/inside/endpoints/$name" });
  const endpoint = useQuery(endpointQuery(name));
  const crumbs = useMemo(() => [{ label: t("endpoints.title"), link: { to: "/endpoints" as const } }], [t]);
  const data = endpoint.data;
  const url = `${window.location.origin}/endpoints/${encodeURIComponent(name)}/invocations`;
  return (
    <>
      <PageHeader
        title={name}
        crumbs={crumbs}
        status={data ? <StatusWord state={stateOf(data)} testId="endpoint-state" /> : null}
        actions={
          data ? (
            <>
              <CopyAsCode recipes={askEndpoint(name, data.columns.length ? exampleRow(data) : null)} />
              <Actions endpoint={data} />
            </>
          ) : null
        }
        under={
          data ? (
            <>
              <span className={css.url}>
                <span className="mono cut" title={url}>
                  POST {url}
                </span>
                <Copy text={url} label={t("endpoints.copyUrl")} />
              </span>
              <span>
                {t("endpoints.changed")}: <When atMs={data.updated_at_ms} />
              </span>
              <span>
                {t("list.owner")}: {data.owner}
              </span>
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      {endpoint.error && !data ? (
        <ProblemCard error={endpoint.error} retry={() => void endpoint.refetch()} />
      ) : (
        <PageTabs
          tabs={[
            {
              id: "overview",
              label: t("queries.tabOverview"),
              body: () =>
                data ? (
                  <Stack>
                    <Deployments endpoint={data} />
                    <Traffic endpoint={data} />
                  </Stack>
                ) : (
                  <Skeleton height={360} />
                ),
            },
            { id: "try", label: t("endpoints.tabTry"), body: () => (data ? <TryIt key={data.version} endpoint={data} /> : <Skeleton height={300} />) },
            { id: "captured", label: t("endpoints.captured"), body: () => (data ? <Captured endpoint={data} /> : <Skeleton height={300} />) },
            ...(may(data?.permission, "manage") ? [{ id: "access", label: t("queries.tabAccess"), body: () => <GrantsPanel kind="endpoint" name={name} /> }] : []),
          ]}
        />
      )}
    </>
  );
}

function Actions({ endpoint }: { endpoint: Endpoint }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mayMake = useMayMake();
  const [deleting, setDeleting] = useState(false);
  const { name } = endpoint;
  return (
    <>
      {mayMake && may(endpoint.permission, "write") ? (
        <LinkButton to="/endpoints/new" search={{ name }} leftSection={<IconPlus size={16} />} data-testid="endpoint-deploy">
          {t("endpoints.deployVersion")}
        </LinkButton>
      ) : null}
      {may(endpoint.permission, "manage") ? (
        <Menu position="bottom-end" width={220}>
          <Menu.Target>
            <ActionIcon size={36} variant="default" aria-label={t("act.more")} data-testid="endpoint-more">
              <IconDots size={17} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item color="var(--bad)" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)} data-testid="endpoint-delete">
              {t("endpoints.delete")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ) : null}
      <Confirm
        opened={deleting}
        close={() => setDeleting(false)}
        title={t("endpoints.deleteTitle", { name })}
        text={`${t("endpoints.deleteText")} ${t("confirm.cannotUndo")}`}
        typeName={name}
        label={t("endpoints.delete")}
        act={async () => {
          await take(api.DELETE("/api/endpoints/{name}", { params: { path: { name } } }));
          note(t("endpoints.deleted", { name }));
          await navigate({ to: "/endpoints", replace: true });
          cache.removeQueries({ queryKey: ["endpoint", name] });
          void cache.invalidateQueries({ queryKey: ["endpoints"] });
        }}
      />
    </>
  );
}
