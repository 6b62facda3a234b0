export function TablePage() { return <p>…</p>; }
