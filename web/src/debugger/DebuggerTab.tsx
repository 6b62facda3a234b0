/** What the training debugger found in a run: findings beside the curves and the layers they are about. */
import { Skeleton } from "@mantine/core";
import { IconBugOff, IconCircleCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { CodeBlock } from "../code/CodeBlock";
import { watchTraining } from "../code/recipes";
import { findingsQuery } from "../experiments/data";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { useUrlState } from "../shell/urlState";
import css from "./debugger.module.css";
import { FindingCard } from "./FindingCard";
import { FoundCurves } from "./FoundCurves";
import { LayerHeat } from "./LayerHeat";
import type { Found } from "./words";

// The address says so when all are closed.
const NONE = "none";

export function DebuggerTab({ id, live }: { id: string; live: boolean }) {
  const { t } = useTranslation();
  const findings = useQuery(findingsQuery(id, live));
  if (findings.error && !findings.data) return <ProblemCard error={findings.error} retry={() => void findings.refetch()} />;
  if (!findings.data) return <Skeleton height={420} radius="md" />;
  if (!findings.data.found) {
    return (
      <EmptyState icon={<IconBugOff size={30} stroke={1.5} />} title={t("debugger.notWatchedTitle")} text={t("debugger.notWatchedText")}>
        <div className={css.howTo}>
          <CodeBlock code={watchTraining().python ?? ""} language="python" testId="debugger-how" />
        </div>
      </EmptyState>
    );
  }
  return <FoundIn found={findings.data.found} />;
}

function FoundIn({ found }: { found: Found }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [asked, open] = useUrlState("finding");
  const rule = asked ?? found.findings[0]?.rule;
  const finding = found.findings.find((one) => one.rule === rule);
  // An estimator that was only looked at has no curves and no layers.
  const bare = !found.curves.length && !found.heat.measures.length;
  const about = { framework: found.framework, steps: format.whole(found.steps), unit: t(found.unit === "round" ? "debugger.unitRound" : "debugger.unitStep"), rules: format.whole(found.rules), interpolation: { escapeValue: false } };
  return (
    <div className={css.page} data-bare={bare || undefined}>
      {bare ? null : (
        <div className={css.pictures}>
          {found.curves.length ? <FoundCurves found={found} open={rule} /> : null}
          {found.heat.steps.length ? <LayerHeat heat={found.heat} finding={finding} /> : null}
        </div>
      )}
      <Panel title={t("debugger.findings")} right={<span data-testid="findings-seen">{t("debugger.seen", about)}</span>} flush={found.findings.length > 0} testId="debugger-findings">
        {found.findings.length ? (
          <ol className={css.findings}>
            {found.findings.map((one, place) => (
              <FindingCard key={one.rule} finding={one} number={place + 1} found={found} open={one.rule === rule} toggle={() => open(one.rule === rule ? NONE : one.rule)} />
            ))}
          </ol>
        ) : (
          <div className={css.healthy} data-testid="debugger-healthy">
            <IconCircleCheck size={26} stroke={1.6} aria-hidden />
            <div>
              <b>{t("debugger.none")}</b>
              <p>{t("debugger.healthyText", about)}</p>
            </div>
          </div>
        )}
        {found.troubles.length ? (
          <div className={css.troubles}>
            <b>{t("debugger.troubles")}</b>
            <ul>
              {found.troubles.map((one, place) => (
                <li key={place}>{one}</li>
              ))}
            </ul>
          </div>
        ) : null}
      </Panel>
    </div>
  );
}
