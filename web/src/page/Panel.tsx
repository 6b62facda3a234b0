/** A titled box of a page. */
import { Title } from "@mantine/core";
import type { ReactNode } from "react";
import css from "./page.module.css";

export function Panel({ title, right, children, flush = false, testId }: {
  title?: string;
  right?: ReactNode;
  children: ReactNode;
  /** no inner margin: for lists and grids */ flush?: boolean;
  testId?: string;
}) {
  return (
    <section className={css.panel} aria-label={title} data-testid={testId}>
      {title ? (
        <div className={css.panelHead}>
          <Title order={2} fz="sm">
            {title}
          </Title>
          {right ? <div className={css.panelRight}>{right}</div> : null}
        </div>
      ) : null}
      <div className={flush ? undefined : css.panelBody}>{children}</div>
    </section>
  );
}
