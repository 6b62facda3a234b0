/** A page that broke, and one that never was. */
import { Button } from "@mantine/core";
import { IconCloudOff, IconZoomQuestion } from "@tabler/icons-react";
import { type ErrorComponentProps } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";

export function Crash({ error }: ErrorComponentProps) {
  const { t } = useTranslation();
  // After an update of the server the old page's pieces are gone.
  const message = error instanceof Error ? error.message : String(error);
  const stale = /dynamically imported module|Importing a module script failed/i.test(message);
  return (
    <EmptyState icon={<IconCloudOff size={40} stroke={1.3} />} title={t("frame.crashed")} text={stale ? t("frame.newVersion") : t("frame.crashedText")}>
      <Button onClick={() => window.location.reload()}>{t("act.reload")}</Button>
      <Button variant="default" onClick={() => window.location.assign("/")}>
        {t("frame.goHome")}
      </Button>
      {stale ? null : <pre style={{ whiteSpace: "pre-wrap", width: "100%", color: "var(--ink-dim)", fontSize: 12 }}>{message}</pre>}
    </EmptyState>
  );
}

export function NoSuchPage() {
  const { t } = useTranslation();
  return (
    <EmptyState icon={<IconZoomQuestion size={40} stroke={1.3} />} title={t("frame.notFound")} text={t("frame.notFoundText")}>
      <LinkButton to="/">
        {t("frame.goHome")}
      </LinkButton>
    </EmptyState>
  );
}
