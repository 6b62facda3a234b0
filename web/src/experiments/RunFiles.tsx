/** A run's files, folder by folder, to take along. */
import { Anchor, Button } from "@mantine/core";
import { IconDownload, IconFile, IconFolder } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { useUrlState } from "../shell/urlState";
import { artifactsQuery } from "./data";
import css from "./experiments.module.css";

export function RunFiles({ id }: { id: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [path = "", setPath] = useUrlState("path", true);
  const files = useQuery(artifactsQuery(id, path));
  if (files.error && !files.data) return <ProblemCard error={files.error} retry={() => void files.refetch()} />;
  const parts = path ? path.split("/") : [];
  return (
    <>
      <nav className={css.files} aria-label={t("experiments.tabFiles")}>
        <Anchor component="button" size="xs" onClick={() => setPath(undefined)}>
          {t("experiments.root")}
        </Anchor>
        {parts.map((part, place) => (
          <span key={place}>
            /{" "}
            <Anchor component="button" size="xs" onClick={() => setPath(parts.slice(0, place + 1).join("/"))}>
              {part}
            </Anchor>
          </span>
        ))}
      </nav>
      <SmallTable
        label={t("experiments.tabFiles")}
        rows={files.data}
        rowKey={(file) => file.path}
        empty={<EmptyState small title={t("experiments.noFiles")} />}
        columns={[
          {
            id: "name",
            header: t("experiments.file"),
            cell: (file) => {
              const name = file.path.split("/").at(-1);
              return file.bytes === null ? (
                <Anchor component="button" size="sm" onClick={() => setPath(file.path)} data-testid="run-folder">
                  <IconFolder size={15} style={{ verticalAlign: "-2px" }} aria-hidden /> {name}
                </Anchor>
              ) : (
                <span data-testid="run-file">
                  <IconFile size={15} style={{ verticalAlign: "-2px" }} aria-hidden /> {name}
                </span>
              );
            },
          },
          { id: "size", header: t("experiments.size"), numeric: true, width: 110, cell: (file) => (file.bytes === null ? "" : format.bytes(file.bytes)) },
          {
            id: "get",
            header: "",
            end: true,
            width: 150,
            cell: (file) =>
              file.bytes === null ? null : (
                <Button component="a" size="compact-xs" variant="subtle" leftSection={<IconDownload size={14} />} href={`/mlflow/get-artifact?run_uuid=${id}&path=${encodeURIComponent(file.path)}`} download>
                  {t("experiments.download")}
                </Button>
              ),
          },
        ]}
      />
    </>
  );
}
