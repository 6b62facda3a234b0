/** Marks a thing that gureum makes and fills by itself. */
import { Badge, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function SystemMark() {
  const { t } = useTranslation();
  return (
    <Tooltip label={t("list.systemHint")}>
      <Badge size="sm" variant="default" style={{ flex: "none" }}>
        {t("list.system")}
      </Badge>
    </Tooltip>
  );
}
