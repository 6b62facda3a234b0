/** A file that a fit handed over, to read here and to take along: the program, a notebook, the card. Nothing of it runs here. */
import { Button, Skeleton } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { asProblem } from "../api/problem";
import { CodeBlock } from "../code/CodeBlock";
import { Markdown } from "../notebook/Markdown";
import { Notebook } from "../notebook/Notebook";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { fileAddress, taskFileQuery } from "../tasks/data";
import css from "./autopilot.module.css";

export function HandedOver({ task, file, about }: { task: string; file: string; about: ReactNode }) {
  const { t } = useTranslation();
  const text = useQuery(taskFileQuery(task, file));
  if (text.error && !text.data) {
    return asProblem(text.error).code === "task.no_file" ? <EmptyState small title={t("autopilot.noFile")} /> : <ProblemCard error={text.error} retry={() => void text.refetch()} />;
  }
  return (
    <div className={css.file} data-testid="handed-over" data-file={file}>
      <div className={css.fileHead}>
        <p>{about}</p>
        <Button component="a" variant="default" size="xs" href={fileAddress(task, file)} download={file} leftSection={<IconDownload size={15} />} data-testid="file-download">
          {file}
        </Button>
      </div>
      {text.data === undefined ? <Skeleton height={420} radius="md" /> : <Body file={file} text={text.data} />}
    </div>
  );
}

function Body({ file, text }: { file: string; text: string }) {
  if (file.endsWith(".ipynb")) return <Notebook text={text} />;
  if (file.endsWith(".md")) {
    return (
      <article className={css.card} data-testid="card">
        <Markdown source={text} />
      </article>
    );
  }
  return (
    <div className={css.program}>
      <CodeBlock code={text} language="python" label={file} testId="program" />
    </div>
  );
}
