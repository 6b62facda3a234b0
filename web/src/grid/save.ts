/** Files that a browser saves: CSV of rows, and anything that has a URL. */
import { cellText } from "./cell";

/** RFC 4180. With a byte-order mark, or Excel reads Hangul as Latin. A null is an empty field, an empty text is "". */
export function csvOf(columns: string[], rows: unknown[][]): string {
  const field = (value: unknown) => {
    if (value === null || value === undefined) return "";
    const text = cellText(value);
    return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `\ufeff${[columns, ...rows].map((row) => row.map(field).join(",")).join("\r\n")}\r\n`;
}

export function saveCsv(columns: string[], rows: unknown[][], name: string): void {
  const url = URL.createObjectURL(new Blob([csvOf(columns, rows)], { type: "text/csv;charset=utf-8" }));
  saveUrl(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function saveUrl(url: string | null | undefined, name: string): void {
  if (!url) return;
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[\\/:*?"<>|]/g, "_");
  link.click();
}
