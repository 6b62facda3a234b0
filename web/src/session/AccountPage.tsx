/** My tokens and Kinesis keys, with lines to paste. */
import { useTranslation } from "react-i18next";
import { PageHeader } from "../page/PageHeader";
import { PageTabs } from "../page/PageTabs";
import { KeysPanel } from "./KeysPanel";
import { useMe } from "./me";
import { TokensPanel } from "./TokensPanel";

export function AccountPage() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <>
      <PageHeader
        title={t("account.title")}
        under={
          me ? (
            <>
              <span>{me.name}</span>
              <span>
                {t("account.role")}: {t(`account.roles.${me.role}`)}
              </span>
              <span>
                {t("account.groups")}: {me.groups.length ? me.groups.join(", ") : t("list.none")}
              </span>
            </>
          ) : null
        }
      />
      <PageTabs
        tabs={[
          { id: "tokens", label: t("account.tokens"), body: () => <TokensPanel /> },
          { id: "keys", label: t("account.keys"), body: () => <KeysPanel /> },
        ]}
      />
    </>
  );
}
