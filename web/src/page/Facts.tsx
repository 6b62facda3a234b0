/** Pairs of a word and its value: as a list of details, or as big figures in a row. */
import { Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import css from "./page.module.css";

export type Fact = { label: string; value: ReactNode; hint?: string; testId?: string };

export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className={css.facts}>
      {facts.map((fact) => (
        <div key={fact.label}>
          <dt>{fact.label}</dt>
          <dd data-testid={fact.testId}>{fact.value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Figures({ facts }: { facts: Fact[] }) {
  return (
    <dl className={css.figuresRow}>
      {facts.map((fact) => (
        <div key={fact.label}>
          <dt>{fact.hint ? <Tooltip label={fact.hint}><span tabIndex={0}>{fact.label}</span></Tooltip> : fact.label}</dt>
          <dd data-testid={fact.testId}>{fact.value}</dd>
        </div>
      ))}
    </dl>
  );
}
