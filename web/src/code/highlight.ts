/** Colours for short pieces of read-only code: comments, strings, numbers and words. The editor has its own parser. */

export type Piece = { kind: "plain" | "comment" | "string" | "number" | "keyword"; text: string };
export type CodeLanguage = "python" | "sql" | "shell" | "json";

const SQL =
  "select from where group by having order limit insert into values create table with as and or not null is in between like case when then else end join left right inner outer on distinct interval descriptor watermark for partition over union all desc asc tumble hop second minute hour day delete update set show describe history";
const PYTHON = "import from as for in if elif else def class return with print lambda None True False not and or is while try except finally raise yield pass break continue global nonlocal del assert async await";
const WORDS: Record<CodeLanguage, Set<string>> = {
  sql: new Set(SQL.split(" ")),
  python: new Set(PYTHON.split(" ")),
  shell: new Set(["gureum", "aws", "curl", "export"]),
  json: new Set(["true", "false", "null"]),
};
const COMMENT: Record<CodeLanguage, string> = { sql: "--[^\\n]*", python: "#[^\\n]*", shell: "(?<=^|\\s)#[^\\n]*", json: "(?!)" };
// Texts over several lines, before those of one.
const LONG: Record<CodeLanguage, string> = { sql: "", python: `"""[^]*?"""|'''[^]*?'''|`, shell: "", json: "" };

export function highlight(code: string, language: CodeLanguage): Piece[] {
  const token = new RegExp(
    `(${COMMENT[language]})|(${LONG[language]}"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*')|(\\b\\d[\\d_.]*\\b)|([\\p{L}_][\\p{L}\\d_]*)|([^])`,
    "gmu",
  );
  const pieces: Piece[] = [];
  for (const [text, comment, string, number, word] of code.matchAll(token)) {
    const isWord = word && WORDS[language].has(language === "sql" ? word.toLowerCase() : word);
    const kind = comment ? "comment" : string ? "string" : number ? "number" : isWord ? "keyword" : "plain";
    const last = pieces.at(-1);
    if (last?.kind === kind) last.text += text;
    else pieces.push({ kind, text });
  }
  return pieces;
}
