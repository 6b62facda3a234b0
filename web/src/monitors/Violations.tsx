/** What a window breaks of the constraints, as constraint_violations.json would say it, in the reader's language where known. */
import { Group, Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { EmptyState } from "../page/EmptyState";
import { ProblemCard } from "../page/ProblemCard";
import { SmallTable } from "../page/SmallTable";
import { useUrlState } from "../shell/urlState";
import { CHECKS } from "./constraints";
import { type MonitorWindow, type Violation, windowQuery } from "./data";
import { SIGN } from "./heat";
import { findingsOf } from "./state";

export function Violations({ name, checked }: { name: string; checked: MonitorWindow[] }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useUrlState("window");
  const window = checked.find((one) => String(one.window) === asked) ?? checked[0];
  return window ? (
    <Stack gap="sm">
      <Group gap="sm">
        <Select
          aria-label={t("monitors.windowAxis")}
          size="xs"
          w={220}
          data={checked.map((one) => ({ value: String(one.window), label: `${t("monitors.window", { n: one.window })}${one.alarm ? ` ${SIGN}` : ""}` }))}
          value={String(window.window)}
          onChange={(next) => setAsked(next ?? undefined)}
          allowDeselect={false}
          data-testid="violations-window"
        />
        <Text size="xs" c="dimmed">
          {t("monitors.violationsText")}
        </Text>
      </Group>
      <OfWindow name={name} window={window} />
    </Stack>
  ) : (
    <EmptyState small title={t("monitors.noWindows")} text={t("monitors.noWindowsText")} />
  );
}

function OfWindow({ name, window }: { name: string; window: MonitorWindow }) {
  const { t, i18n } = useTranslation();
  const found = useQuery(windowQuery(name, window.window));
  if (found.error && !found.data) return <ProblemCard error={found.error} retry={() => void found.refetch()} />;
  const said = (violation: Violation) => {
    // The file has English alone; the finding that was made of it has both.
    const finding = findingsOf(window).find((one) => one.text.en === `${violation.feature_name}: ${violation.description}` || violation.description.includes(one.text.en));
    return i18n.language === "ko" && finding ? finding.text.ko.slice(violation.feature_name.length + 2).replaceAll(" -> ", " → ") : violation.description;
  };
  return (
    <div data-testid="violations">
      <SmallTable
        label={t("monitors.violations")}
        rows={found.data ? (found.data.report?.violations ?? []) : undefined}
        rowKey={(violation) => violation.feature_name + violation.constraint_check_type + violation.description}
        empty={<EmptyState small title={t("monitors.noViolations")} />}
        columns={[
          { id: "feature", header: t("monitors.feature"), width: 200, cell: (violation) => <b>{violation.feature_name}</b> },
          {
            id: "check",
            header: t("monitors.check"),
            width: 190,
            cell: (violation) => {
              const check = CHECKS.find((one) => one === violation.constraint_check_type);
              return <span title={violation.constraint_check_type}>{check ? t(`monitors.checks.${check}`) : violation.constraint_check_type}</span>;
            },
          },
          { id: "what", header: t("monitors.whatIsBroken"), cell: said },
        ]}
      />
    </div>
  );
}
