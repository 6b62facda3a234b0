/** What is around every page: the rail of nouns, search, preferences, the account, and the line about a lost connection. */
import { Menu, Tooltip, UnstyledButton } from "@mantine/core";
import { spotlight } from "@mantine/spotlight";
import { IconKey, IconLogout, IconSearch, IconUserCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { startLive } from "../api/live";
import { signOut, useMe } from "../session/me";
import { ConnectionLine } from "./ConnectionLine";
import css from "./frame.module.css";
import { Logo } from "./Logo";
import { ADMIN, NOUNS } from "./nouns";
import { LanguageMenu, SchemeMenu } from "./Preferences";
import { statusQuery } from "./status";

const Search = lazy(() => import("./Search"));

export function Frame() {
  const { t } = useTranslation();
  const me = useMe();
  useEffect(startLive, []);
  return (
    <div className={css.frame}>
      <a href="#content" className={css.skip}>
        {t("frame.skip")}
      </a>
      <nav className={css.rail} aria-label={t("frame.navigation")}>
        <Link to="/" className={css.brand} aria-label="gureum">
          <Logo />
          <span>gureum</span>
        </Link>
        {NOUNS.map((noun) => (
          <RailLink key={noun.id} noun={noun} />
        ))}
        {me?.role === "admin" ? (
          <div className={css.foot}>
            <RailLink noun={ADMIN} />
          </div>
        ) : null}
      </nav>
      <div className={css.side}>
        <div className={css.top}>
          <UnstyledButton className={css.search} onClick={spotlight.open} data-testid="search">
            <IconSearch size={16} aria-hidden />
            <span className={css.searchText}>{t("frame.search")}</span>
            <kbd>Ctrl K</kbd>
          </UnstyledButton>
          <div className={css.topRight}>
            <LanguageMenu />
            <SchemeMenu />
            <AccountMenu />
          </div>
        </div>
        <ConnectionLine />
        <main id="content" className={css.main} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <Suspense>
        <Search />
      </Suspense>
    </div>
  );
}

function RailLink({ noun }: { noun: (typeof NOUNS)[number] | typeof ADMIN }) {
  const { t } = useTranslation();
  const problems = useQuery(statusQuery).data?.problems ?? [];
  const label = t(`nouns.${noun.id}`);
  const wrong = noun.id === "home" ? problems.length : 0;
  return (
    <Tooltip label={label} position="right" classNames={{ tooltip: css.railTip }}>
      <Link to={noun.to} className={css.link} activeOptions={{ exact: noun.to === "/" }} activeProps={{ "data-here": true }} data-testid={`rail-${noun.id}`}>
        <noun.Icon size={18} stroke={1.7} aria-hidden />
        <span className={css.linkText}>{label}</span>
        {wrong ? (
          <span className={css.wrong} data-severity={problems.some((problem) => problem.severity === "error") ? "error" : "warning"}>
            {wrong}
            <span className="unseen">{t("home.problems", { count: wrong, n: wrong })}</span>
          </span>
        ) : null}
      </Link>
    </Tooltip>
  );
}

function AccountMenu() {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  if (!me) return null;
  return (
    <Menu position="bottom-end" width={210}>
      <Menu.Target>
        <UnstyledButton className={css.account} aria-label={t("frame.account", { name: me.name })} data-testid="account">
          <IconUserCircle size={20} stroke={1.6} aria-hidden />
          <span className="cut">{me.name}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label style={{ overflowWrap: "anywhere" }}>
          {me.name} · {t(`account.roles.${me.role}`)}
        </Menu.Label>
        <Menu.Item leftSection={<IconKey size={16} />} onClick={() => void navigate({ to: "/account" })} data-testid="account-tokens">
          {t("frame.tokens")}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()} data-testid="sign-out">
          {t("frame.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
