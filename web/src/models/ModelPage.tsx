/** One registered model: its versions, which run made each, and who may use it. */
import { Button } from "@mantine/core";
import { IconApi, IconExternalLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { GrantsPanel } from "../admin/GrantsPanel";
import type { Schemas } from "../api/client";
import { CopyAsCode } from "../code/CopyAsCode";
import { loadModel } from "../code/recipes";
import { shortId } from "../experiments/data";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { When } from "../page/When";
import { may, useMayMake } from "../session/me";
import { modelQuery } from "./data";
import { Aliases } from "./ModelList";

export function ModelPage() {
  const { t } = useTranslation();
  const { name } = useParams({ from: "/inside/models/$name" });
  const mayMake = useMayMake();
  const model = useQuery(modelQuery(name));
  const crumbs = useMemo(() => [{ label: t("models.title"), link: { to: "/models" as const } }], [t]);
  const data = model.data;
  return (
    <>
      <PageHeader
        title={name}
        crumbs={crumbs}
        status={data ? <Aliases aliases={Object.keys(data.aliases)} /> : null}
        actions={
          data ? (
            <>
              <CopyAsCode recipes={loadModel(name, Object.keys(data.aliases)[0], data.latest)} />
              <Button component="a" variant="default" href={`/mlflow/#/models/${encodeURIComponent(name)}`} target="_blank" rel="noopener" leftSection={<IconExternalLink size={16} />}>
                {t("experiments.inMlflow")}
              </Button>
              {mayMake && data.latest !== null ? (
                <LinkButton to="/endpoints/new" search={{ model: name }} leftSection={<IconApi size={16} />} data-testid="model-serve">
                  {t("endpoints.serve")}
                </LinkButton>
              ) : null}
            </>
          ) : null
        }
        under={
          data ? (
            <>
              <span>
                {t("models.changed")}: <When atMs={data.updated_at_ms} />
              </span>
              <span>
                {t("list.owner")}: {data.owner}
              </span>
              {data.description ? <span>{data.description}</span> : null}
            </>
          ) : (
            <span>&nbsp;</span>
          )
        }
      />
      {model.error && !data ? (
        <ProblemCard error={model.error} retry={() => void model.refetch()} />
      ) : (
        <PageTabs
          tabs={[
            { id: "versions", label: t("models.versions"), count: data?.versions, body: () => <Versions versions={data?.all_versions} /> },
            ...(may(data?.permission, "manage") ? [{ id: "access", label: t("tables.tabAccess"), body: () => <GrantsPanel kind="model" name={name} /> }] : []),
          ]}
        />
      )}
    </>
  );
}

function Versions({ versions }: { versions: Schemas["ModelVersionEntry"][] | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <SmallTable
      label={t("models.versions")}
      rows={versions}
      rowKey={(one) => String(one.version)}
      empty={<EmptyState small title={t("models.noVersions")} />}
      columns={[
        { id: "version", header: t("models.version"), numeric: true, width: 90, cell: (one) => <b>{format.whole(one.version)}</b> },
        { id: "aliases", header: t("models.aliases"), cell: (one) => <Aliases aliases={one.aliases} /> },
        {
          id: "run",
          header: t("models.madeBy"),
          cell: (one) =>
            one.run === null ? (
              "–"
            ) : one.experiment === null ? (
              <span>{t("models.hiddenRun")}</span>
            ) : (
              <Link to="/runs/$id" params={{ id: one.run }} className="thing" data-testid="model-run">
                {one.run_name || shortId(one.run)}
              </Link>
            ),
        },
        { id: "at", header: t("models.made"), width: 130, cell: (one) => <When atMs={one.created_at_ms} /> },
        { id: "user", header: t("experiments.user"), width: 140, cell: (one) => one.user ?? "–" },
        { id: "about", header: "", cell: (one) => one.message ?? one.description ?? "" },
      ]}
    />
  );
}
