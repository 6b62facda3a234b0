/** People, groups, grants, runtimes and what was done: for administrators. */
import { IconLock } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { EmptyState } from "../page/EmptyState";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { useMe } from "../session/me";
import { Audit } from "./Audit";
import { Grants } from "./Grants";
import { Groups } from "./Groups";
import { Runtimes } from "./Runtimes";
import { Users } from "./Users";

export function AdminPage() {
  const { t } = useTranslation();
  const me = useMe();
  if (me && me.role !== "admin") {
    return (
      <>
        <PageHeader title={t("admin.title")} />
        <EmptyState icon={<IconLock size={38} stroke={1.3} />} title={t("admin.adminsOnly")} text={t("problem.deniedHint")} />
      </>
    );
  }
  return (
    <>
      <PageHeader title={t("admin.title")} />
      <PageTabs
        tabs={[
          { id: "users", label: t("admin.users"), body: () => <Users /> },
          { id: "groups", label: t("admin.groups"), body: () => <Groups /> },
          { id: "grants", label: t("admin.grants"), body: () => <Grants /> },
          { id: "runtimes", label: t("admin.runtimes"), body: () => <Runtimes /> },
          { id: "audit", label: t("admin.audit"), body: () => <Audit /> },
        ]}
      />
    </>
  );
}
