/** The head of every page: where you are, what this is, and what you can do with it (one primary action, at the right). */
import { Title } from "@mantine/core";
import { Link, type LinkProps } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import css from "./page.module.css";

export type Crumb = { label: string; link: LinkProps };

export function PageHeader({ title, crumbs = [], status, actions, under }: {
  title: string;
  crumbs?: Crumb[];
  status?: ReactNode;
  actions?: ReactNode;
  under?: ReactNode;
}) {
  useEffect(() => {
    document.title = [title, ...crumbs.map((crumb) => crumb.label).reverse(), "gureum"].join(" · ");
  }, [title, crumbs]);
  return (
    <header className={css.header}>
      {crumbs.length > 0 ? (
        <nav aria-label="breadcrumb" className={css.crumbs}>
          <ol>
            {crumbs.map((crumb) => (
              <li key={crumb.label}>
                <Link {...crumb.link}>{crumb.label}</Link>
              </li>
            ))}
            <li aria-current="page" className={css.crumbHere}>
              {title}
            </li>
          </ol>
        </nav>
      ) : null}
      <div className={css.headRow}>
        <div className={css.headTitle}>
          <Title order={1} fz="xl" className={css.titleName} title={title}>
            {title}
          </Title>
          {status}
        </div>
        {actions ? <div className={css.actions}>{actions}</div> : null}
      </div>
      {under ? <div className={css.under}>{under}</div> : null}
    </header>
  );
}
