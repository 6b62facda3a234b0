/** The candidates, the best first, with their share in the ensemble; and those that could not be judged, with the reason. */
import { Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { SmallTable } from "../page/SmallTable";
import css from "./autopilot.module.css";
import { type Candidate, type Failure, scoreText } from "./fit";

// Further ones never get a vote; they are there for who asks.
const SHOWN_FIRST = 15;

export function Leaderboard({ candidates, metric, failed, failures }: { candidates: Candidate[]; metric: string | undefined; failed: number; failures: Failure[] }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const [all, setAll] = useState(false);
  const shown = all ? candidates : candidates.slice(0, SHOWN_FIRST);
  return (
    <Panel title={t("autopilot.leaderboard")} right={candidates.length ? format.whole(candidates.length) : null} flush testId="leaderboard">
      <SmallTable
        bare
        label={t("autopilot.leaderboard")}
        rows={shown}
        rowKey={(one) => one.name}
        empty={<EmptyState small title={t("autopilot.noCandidates")} text={t("autopilot.noCandidatesText")} />}
        columns={[
          { id: "rank", header: <span className="unseen">{t("autopilot.rank")}</span>, numeric: true, width: 44, cell: (one) => <span className={css.rank}>{candidates.indexOf(one) + 1}</span> },
          {
            id: "name",
            header: t("autopilot.candidate"),
            cell: (one) => (
              <details className={css.candidate} data-name={one.name}>
                <summary data-testid="candidate">
                  <b>{one.name}</b> {one.name.startsWith(one.family) ? null : <small>{one.family}</small>}
                </summary>
                <code>{Object.entries(one.params).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join("  ") || "–"}</code>
              </details>
            ),
          },
          { id: "score", header: metric ?? t("autopilot.score"), numeric: true, width: 120, cell: (one) => <b title={String(one.score)}>{scoreText(one.score, i18n.language)}</b> },
          {
            id: "weight",
            header: <span title={t("autopilot.weightHint")}>{t("autopilot.weight")}</span>,
            numeric: true,
            width: 150,
            cell: (one) =>
              one.weight ? (
                <span className={css.weight}>
                  <i aria-hidden>
                    <span style={{ width: `${100 * one.weight}%` }} />
                  </i>
                  {format.percent(Math.round(one.weight * 1000) / 1000)}
                </span>
              ) : (
                <span className={css.none}>–</span>
              ),
          },
          { id: "time", header: t("autopilot.time"), numeric: true, width: 90, cell: (one) => format.duration(one.seconds * 1000) },
        ]}
      />
      {candidates.length > SHOWN_FIRST && !all ? (
        <Button variant="subtle" size="xs" m={6} onClick={() => setAll(true)}>
          {t("autopilot.showAll", { n: format.whole(candidates.length) })}
        </Button>
      ) : null}
      {failed ? (
        <details className={css.failures}>
          <summary>{t("autopilot.notJudged", { count: failed, n: format.whole(failed) })}</summary>
          <ul>
            {failures.map((one) => (
              <li key={one.name}>
                <b>{one.name}</b> {one.error}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </Panel>
  );
}
