/** An empty platform: three steps to the first answer, each by a button or by code. */
import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { CodeBlock } from "../code/CodeBlock";
import { RecipeTabs } from "../code/CopyAsCode";
import { createStream, putAndTail, standingQuery } from "../code/recipes";
import { LinkButton } from "../page/LinkButton";
import { useMayMake } from "../session/me";
import { windowOver } from "../sql/examples";
import css from "./home.module.css";

const RECORD = { device: "m1", temperature: 91.2, ts: "2026-03-02T08:00:00Z" };

export function FirstSteps({ kinesis }: { kinesis: string | null }) {
  const { t } = useTranslation();
  const mayMake = useMayMake();
  return (
    <div className={css.first} data-testid="first-steps">
      <div>
        <Title order={2} fz="lg">
          {t("home.emptyTitle")}
        </Title>
        <Text c="dimmed" size="sm">
          {t("home.emptyText")}
        </Text>
      </div>
      <ol className={css.steps}>
        <Step number={1} title={t("home.step1")} text={t("home.step1Text")} code={<RecipeTabs recipes={createStream("sensors", 1, kinesis)} />}>
          {mayMake ? (
            <LinkButton to="/streams/new" data-testid="first-create-stream">
              {t("home.step1Do")}
            </LinkButton>
          ) : null}
        </Step>
        <Step number={2} title={t("home.step2")} text={t("home.step2Text")} code={<RecipeTabs recipes={putAndTail("sensors", RECORD, "m1", kinesis)} />}>
          <LinkButton to="/streams" variant="default">
            {t("home.step2Do")}
          </LinkButton>
        </Step>
        <Step number={3} title={t("home.step3")} text={t("home.step3Text")} code={<RecipeTabs recipes={standingQuery("hot", windowOver("sensors"), "main.hot")} />}>
          <LinkButton to="/sql" search={{ mode: "standing", query: windowOver("sensors") }} variant="default">
            {t("home.step3Do")}
          </LinkButton>
        </Step>
      </ol>
      <div className={css.demo}>
        <Text size="sm" c="dimmed">
          {t("home.demo")}
        </Text>
        <CodeBlock code="gureum demo" language="shell" />
      </div>
    </div>
  );
}

function Step({ number, title, text, code, children }: { number: number; title: string; text: string; code: ReactNode; children: ReactNode }) {
  return (
    <li>
      <div className={css.stepHead}>
        <span className={css.stepNumber} aria-hidden>
          {number}
        </span>
        <Title order={3} fz="md">
          {title}
        </Title>
        <Text size="sm" c="dimmed">
          {text}
        </Text>
        <div>{children}</div>
      </div>
      <div className={css.stepCode}>{code}</div>
    </li>
  );
}
