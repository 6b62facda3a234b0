/** What could stand at the cursor: tables, streams, columns, functions and words. All local, from one cached answer.
 *
 * Called by Editor. Promise: no request while typing.
 */
import type { Completion as Option, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { syntaxTree } from "@codemirror/language";
import type { Schemas } from "../api/client";
import { sqlName, sqlStream } from "../code/recipes";
import { statementAt } from "./statements";

type Known = Schemas["Completion"];
type Thing = Known["tables"][number];

const WORD = /[\p{L}\p{N}_."]*/u;
const PART = /^[\p{L}\p{N}_]*$/u;
const TAKES_TABLE = /\b(from|join|into|table|describe|update)\s+["\p{L}\p{N}_.]*$/iu;

export function completionSource(known: () => Known | undefined) {
  return (context: CompletionContext): CompletionResult | null => {
    const all = known();
    if (!all) return null;
    const inside = syntaxTree(context.state).resolveInner(context.pos, -1).name;
    if (inside === "String" || inside === "LineComment" || inside === "BlockComment") return null;
    const word = context.matchBefore(WORD);
    if (!word || (word.from === word.to && !context.explicit)) return null;
    const text = context.state.doc.toString();
    const statement = statementAt(text, context.pos)?.text ?? "";
    const dot = word.text.lastIndexOf(".");
    if (dot >= 0) return afterDot(all, statement, word.text.slice(0, dot), word.from + dot + 1);

    const wantsTable = TAKES_TABLE.test(text.slice(Math.max(0, context.pos - 200), context.pos));
    const mentioned = all.tables.filter((table) => mentions(statement, table.name));
    const options: Option[] = all.tables.map((table) => ({ ...tableOption(table), boost: wantsTable ? 40 : 5 }));
    if (!wantsTable) {
      for (const table of mentioned) options.push(...columnOptions(table, 30));
      for (const name of all.functions) options.push({ label: name, type: "function", apply: `${name}(`, boost: 0 });
    }
    for (const label of all.keywords) options.push({ label, type: "keyword", boost: -5 });
    return { from: word.from, options, validFor: PART };
  };
}

function afterDot(all: Known, statement: string, before: string, from: number): CompletionResult | null {
  const name = before.replaceAll('"', "");
  const table = all.tables.find((one) => one.name === name) ?? aliased(all, statement, name);
  if (table) return { from, options: columnOptions(table, 10), validFor: PART };
  const inSchema = all.tables.filter((one) => one.kind === "table" && one.name.startsWith(`${name}.`));
  if (inSchema.length === 0) return null;
  return {
    from,
    options: inSchema.map((one) => ({ ...tableOption(one), label: one.name.slice(name.length + 1), apply: sqlName(one.name.slice(name.length + 1)) })),
    validFor: PART,
  };
}

function tableOption(table: Thing): Option {
  return {
    label: table.name,
    type: table.kind === "stream" ? "interface" : "class",
    detail: table.kind,
    apply: table.kind === "stream" ? sqlStream(table.name) : sqlName(table.name),
  };
}

function columnOptions(table: Thing, boost: number): Option[] {
  return table.columns.map((column) => ({ label: column.name, type: "property", detail: column.type.toLowerCase(), apply: sqlName(column.name), boost }));
}

function mentions(statement: string, name: string): boolean {
  return statement.replaceAll('"', "").toLowerCase().includes(name.toLowerCase());
}

/** The table behind `FROM demo.machine_windows AS w` when asked for `w`. */
function aliased(all: Known, statement: string, alias: string): Thing | undefined {
  const plain = statement.replaceAll('"', "");
  const found = new RegExp(`([\\p{L}\\p{N}_.-]+)\\s+(?:as\\s+)?${alias.replace(/[^\p{L}\p{N}_]/gu, "")}\\b`, "iu").exec(plain);
  const name = found?.[1]?.toLowerCase();
  return all.tables.find((one) => one.name.toLowerCase() === name || one.name.toLowerCase() === `main.${name}`);
}
