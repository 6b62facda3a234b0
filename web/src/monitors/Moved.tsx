/** The scores of a feature that moved, each in words, before and after. */
import { Anchor } from "@mantine/core";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { SmallTable } from "../page/SmallTable";
import type { FeatureDrift, Moved as Score } from "./data";

const NAMES = {
  middle: "middle", spread: "spread", "up to": "upTo", "low tail": "lowTail", "high tail": "highTail", tails: "tails", beyond: "beyond",
  far: "far", all: "all", rare: "rare", level: "level", value: "value", word: "word", missing: "missing", unseen: "unseen",
} as const;

// Scores without a share of rows of their own: what a person reads for them are the column's own numbers.
const READ_AS = { middle: "median", spread: "std_dev" } as const;

// The plainest come first; the deciles of a shifted column say the same again.
const SHOWN = 5;

export function Moved({ drift }: { drift: FeatureDrift }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [all, setAll] = useState(false);
  const shown = (one: Score, when: "before" | "after") => {
    if (one.score === "middle" || one.score === "spread") {
      const value = drift[when][READ_AS[one.score]];
      return value == null ? "–" : format.number(value);
    }
    const value = one[when];
    return value === null || one.score === "all" || one.score.includes(": ") ? "–" : format.percent(value);
  };
  return (
    <div>
      <SmallTable
        label={t("monitors.moved")}
        rows={all ? drift.moved : drift.moved.slice(0, SHOWN)}
        rowKey={(one) => one.score + one.subject}
        empty={null}
        columns={[
          { id: "score", header: t("monitors.moved"), cell: (one) => wordsOf(one, t) },
          { id: "before", header: t("monitors.baseline"), numeric: true, cell: (one) => shown(one, "before") },
          { id: "after", header: t("monitors.thisWindow"), numeric: true, cell: (one) => shown(one, "after") },
          { id: "effect", header: t("monitors.effect"), numeric: true, cell: (one) => (one.effect === null ? "–" : `${one.effect > 0 ? "+" : ""}${format.figures(one.effect)} σ`) },
        ]}
      />
      {drift.moved.length > SHOWN ? (
        <Anchor component="button" type="button" size="xs" mt={6} onClick={() => setAll(!all)}>
          {all ? t("monitors.movedFew", { n: SHOWN }) : t("monitors.movedAll", { n: drift.moved.length })}
        </Anchor>
      ) : null}
    </div>
  );
}

function wordsOf({ score, subject }: Score, t: TFunction<"studio">): string {
  // Of a text's traits (length, digits, ...) there are scores too: "length: middle".
  const cut = score.lastIndexOf(": ");
  const key = NAMES[score.slice(cut < 0 ? 0 : cut + 2) as keyof typeof NAMES];
  const words = key ? t(`monitors.scores.${key}`, { subject }) : score;
  return cut < 0 ? words : `${score.slice(0, cut)}: ${words}`;
}
