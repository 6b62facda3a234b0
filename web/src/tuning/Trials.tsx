/** The trials: their state, value, parameters, and why one failed. Live. */
import { Button, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { scoreText } from "../autopilot/fit";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { SmallTable } from "../page/SmallTable";
import css from "./tuning.module.css";
import { bestOf, type Direction, ordered, STATE_WORD, textOf, type Trial } from "./trials";

const SHOWN_FIRST = 50;
const ORDERS = ["newest", "best", "failed"] as const;

export function Trials({ trials, direction, metric, earlier, running }: { trials: Trial[]; direction: Direction | undefined; metric: string; earlier: number; running: boolean }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const [chosen, setOrder] = useState<(typeof ORDERS)[number] | null>(null);
  const order = chosen ?? (running ? "newest" : "best");
  const [all, setAll] = useState(false);
  const rows = ordered(trials, order, direction);
  const best = bestOf(trials, direction);
  return (
    <Panel
      title={t("tuning.trials")}
      flush
      testId="trials"
      right={
        <SegmentedControl
          size="xs"
          aria-label={t("tuning.trials")}
          data={ORDERS.map((value) => ({ value, label: t(`tuning.${value}First`) }))}
          value={order}
          onChange={(next) => setOrder(next as (typeof ORDERS)[number])}
          data-testid="trials-order"
        />
      }
    >
      <SmallTable
        bare
        label={t("tuning.trials")}
        rows={all ? rows : rows.slice(0, SHOWN_FIRST)}
        rowKey={(one) => String(one.number)}
        empty={trials.length ? <EmptyState small title={t("tuning.noFailed")} /> : <EmptyState small title={t("tuning.noTrials")} text={running ? t("tuning.noTrialsText") : undefined} />}
        columns={[
          { id: "number", header: t("tuning.number"), numeric: true, width: 70, cell: (one) => <span data-testid="trial" data-number={one.number}>{one.number}</span> },
          {
            id: "state",
            header: t("tuning.state"),
            width: 150,
            cell: (one) => (
              <span className={css.state} data-state={STATE_WORD[one.state]}>
                <i aria-hidden />
                {t(`tuning.states.${one.state}`)}
              </span>
            ),
          },
          {
            id: "value",
            header: metric,
            numeric: true,
            width: 120,
            cell: (one) => (one.value === null ? "–" : <b className={one === best ? css.best : undefined} title={String(one.value)}>{scoreText(one.value, i18n.language)}</b>),
          },
          {
            id: "params",
            header: t("tuning.params"),
            cell: (one) => (
              <div className={css.params}>
                {one.reason ? <p className={css.reason}>{one.reason}</p> : null}
                {Object.entries(one.params).map(([name, value]) => (
                  <span key={name}>
                    {name} <b>{textOf(value)}</b>
                  </span>
                ))}
              </div>
            ),
          },
          { id: "duration", header: t("experiments.duration"), numeric: true, width: 90, cell: (one) => (one.duration === null ? "–" : format.duration(one.duration * 1000)) },
        ]}
      />
      {rows.length > SHOWN_FIRST && !all ? (
        <Button variant="subtle" size="xs" m={6} onClick={() => setAll(true)}>
          {t("autopilot.showAll", { n: format.whole(rows.length) })}
        </Button>
      ) : null}
      {earlier ? <p className={css.earlier}>{t("tuning.earlier", { n: format.whole(earlier) })}</p> : null}
    </Panel>
  );
}
