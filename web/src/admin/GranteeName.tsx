import { useTranslation } from "react-i18next";

/** A user's name, or a group's, said plainly. */
export function GranteeName({ grantee }: { grantee: string }) {
  const { t } = useTranslation();
  if (grantee === "group:everyone") return t("admin.everyone");
  return grantee.startsWith("group:") ? t("admin.group", { name: grantee.slice(6) }) : grantee;
}

const KINDS = ["stream", "table", "query", "dashboard", "destination", "experiment", "model", "endpoint", "monitor"] as const;

/** A kind of thing in the reader's language; one that Studio does not know yet as it is. */
export function KindName({ kind }: { kind: string }) {
  const { t } = useTranslation();
  const known = KINDS.find((one) => one === kind);
  return known ? t(`admin.kinds.${known}`) : kind;
}
