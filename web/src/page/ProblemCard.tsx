/** A failed read or act, told to a person: what happened, what to do, and the request's number for a report. */
import { Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconPlugConnectedX, IconZoomQuestion } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { asProblem, type Problem } from "../api/problem";
import { Copy } from "../code/CodeBlock";
import css from "./page.module.css";

type Known = "network" | "denied" | "notFound" | "unavailable" | "conflict" | "invalid" | "limit" | "internal" | "studio";

export function kindOf(problem: Problem): Known {
  if (problem.code === "network") return "network";
  if (problem.code === "studio") return "studio";
  switch (problem.status) {
    case 401:
    case 403:
      return "denied";
    case 404:
      return "notFound";
    case 409:
    case 412:
      return "conflict";
    case 413:
    case 429:
      return "limit";
    case 502:
    case 503:
    case 504:
    case 507:
      return "unavailable";
    default:
      return problem.status >= 500 ? "internal" : "invalid";
  }
}

const ICONS: Partial<Record<Known, typeof IconLock>> = { denied: IconLock, notFound: IconZoomQuestion, network: IconPlugConnectedX };

export function ProblemCard({ error, retry, compact = false, children }: {
  error: unknown;
  retry?: () => void;
  compact?: boolean;
  children?: ReactNode;
}) {
  const { t } = useTranslation();
  const problem = asProblem(error);
  const kind = kindOf(problem);
  const Icon = ICONS[kind] ?? IconAlertTriangle;
  const hintKey = `problem.${kind}Hint` as const;
  const hint =
    problem.hint ??
    (kind === "network" || kind === "denied" || kind === "notFound" || kind === "unavailable" || kind === "internal"
      ? t(hintKey as "problem.networkHint")
      : null);
  return (
    <div className={css.problem} data-compact={compact || undefined} role="alert" data-testid="problem" data-code={problem.code}>
      <Icon size={compact ? 18 : 22} stroke={1.7} className={css.problemIcon} aria-hidden />
      <div className={css.problemText}>
        <Text fw={600} size="sm">
          {problem.message && compact ? problem.message : t(`problem.${kind}`)}
        </Text>
        {problem.message && !compact ? <Text size="sm">{problem.message}</Text> : null}
        {hint ? (
          <Text size="sm" c="dimmed" data-testid="problem-hint">
            {hint}
          </Text>
        ) : null}
        {children}
        {retry || problem.requestId ? (
          <Group gap="xs" mt={8}>
            {retry ? (
              <Button size="xs" variant="default" onClick={retry} data-testid="retry">
                {t("act.retry")}
              </Button>
            ) : null}
            {problem.requestId ? (
              <Group gap={2}>
                <Text size="xs" c="dimmed" className="mono">
                  {t("problem.request", { id: problem.requestId })}
                </Text>
                <Copy text={problem.requestId} label={t("problem.copyRequest")} />
              </Group>
            ) : null}
          </Group>
        ) : null}
      </div>
    </div>
  );
}
