/** The draft in the editor and what was run lately, kept in this browser. */

const DRAFT = "gureum.sql.draft";
const RECENT = "gureum.sql.recent";
const RECENT_MAX = 30;

export function readDraft(): string {
  return localStorage.getItem(DRAFT) ?? "";
}

export function keepDraft(text: string): void {
  localStorage.setItem(DRAFT, text);
}

export function recent(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export function remember(sql: string): void {
  if (!sql.trim()) return;
  localStorage.setItem(RECENT, JSON.stringify([sql, ...recent().filter((one) => one !== sql)].slice(0, RECENT_MAX)));
}
