/** What was found in the data, with the reason in words, and what it meant for the fit. */
import { Badge } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { EmptyState } from "../page/EmptyState";
import { Panel } from "../page/Panel";
import css from "./autopilot.module.css";
import { type Finding, inOrder, kindOf } from "./fit";

export function Findings({ findings, running }: { findings: Finding[]; running: boolean }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("autopilot.findings")} right={findings.length || null} flush testId="findings">
      {findings.length ? (
        <ul className={css.findings}>
          {inOrder(findings).map((finding, place) => (
            <li key={place} data-what={finding.what} data-column={finding.column ?? ""} data-tone={finding.what === "leak" ? "bad" : finding.left_out ? "warn" : "calm"}>
              <div>
                <b>{t(`autopilot.finding.${kindOf(finding)}`)}</b>
                {finding.column ? <code title={finding.column}>{finding.column}</code> : null}
                {finding.left_out ? (
                  <Badge size="sm" variant="default">
                    {t("autopilot.leftOut")}
                  </Badge>
                ) : null}
              </div>
              <p>{finding.reason}</p>
            </li>
          ))}
        </ul>
      ) : (
        <EmptyState small title={running ? t("autopilot.phases.data") : t("autopilot.noFindings")} />
      )}
    </Panel>
  );
}
