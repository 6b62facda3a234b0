/** All registered models that the reader may see. */
import { Badge } from "@mantine/core";
import { IconBox } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { CopyAsCode } from "../code/CopyAsCode";
import { readModels } from "../code/recipes";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { ThingList } from "../page/ThingList";
import { When } from "../page/When";
import { modelsQuery } from "./data";

export function ModelList() {
  const { t } = useTranslation();
  const format = useFormat();
  const models = useQuery(modelsQuery);
  return (
    <>
      <PageHeader title={t("models.title")} actions={<CopyAsCode recipes={readModels()} />} />
      <ThingList
        label={t("models.title")}
        rows={models.data}
        error={models.error}
        retry={() => void models.refetch()}
        rowKey={(model) => model.name}
        searchText={(model) => `${model.name} ${model.owner} ${model.description ?? ""} ${Object.keys(model.aliases).join(" ")}`}
        empty={
          <EmptyState icon={<IconBox size={40} stroke={1.3} />} title={t("models.emptyTitle")} text={t("models.emptyText")}>
            <LinkButton to="/experiments" variant="default">
              {t("experiments.title")}
            </LinkButton>
          </EmptyState>
        }
        columns={[
          {
            id: "name",
            header: t("list.name"),
            order: (model) => model.name,
            cell: (model) => (
              <Link to="/models/$name" params={{ name: model.name }} className="cut thing" title={model.description ?? model.name} data-row-link>
                {model.name}
              </Link>
            ),
          },
          { id: "latest", header: t("models.latest"), numeric: true, width: 100, order: (model) => model.latest, cell: (model) => (model.latest === null ? "–" : format.whole(model.latest)) },
          { id: "aliases", header: t("models.aliases"), width: 260, wideOnly: true, cell: (model) => <Aliases aliases={Object.entries(model.aliases).map(([alias, version]) => `${alias} → ${version}`)} /> },
          { id: "changed", header: t("models.changed"), width: 140, order: (model) => model.updated_at_ms, cell: (model) => <When atMs={model.updated_at_ms} missing="–" /> },
          { id: "owner", header: t("list.owner"), width: 140, wideOnly: true, order: (model) => model.owner, cell: (model) => model.owner },
        ]}
      />
    </>
  );
}

export function Aliases({ aliases }: { aliases: string[] }) {
  return (
    <>
      {aliases.map((alias) => (
        <Badge key={alias} size="sm" variant="light" mr={6} tt="none">
          {alias}
        </Badge>
      ))}
    </>
  );
}
