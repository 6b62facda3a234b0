/** What the ensemble is made of: one bar, a part for each model. */
import { useComputedColorScheme } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { coloursFor } from "../charts/palette";
import { useFormat } from "../i18n/format";
import { Panel } from "../page/Panel";
import css from "./autopilot.module.css";
import type { Candidate } from "./fit";

export function Ensemble({ members }: { members: Candidate[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const dark = useComputedColorScheme("light") === "dark";
  const colours = coloursFor(members.map(({ name }, place) => ({ name, colour: place })), dark);
  return (
    <Panel title={t("autopilot.members")} right={t("autopilot.membersOf", { count: members.length, n: format.whole(members.length) })} testId="ensemble">
      <div className={css.parts} aria-hidden>
        {members.map((one, place) => (
          <i key={one.name} style={{ flexGrow: one.weight, background: colours[place] }} />
        ))}
      </div>
      <ul className={css.members}>
        {members.map((one, place) => (
          <li key={one.name} data-name={one.name}>
            <i style={{ background: colours[place] }} aria-hidden />
            {one.name} <b>{format.percent(Math.round(one.weight! * 1000) / 1000)}</b>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
