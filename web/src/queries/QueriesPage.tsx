export function QueriesPage() { return <p>…</p>; }
