export function GrantsPanel(_: { kind: string; name: string }) {
  return null;
}
