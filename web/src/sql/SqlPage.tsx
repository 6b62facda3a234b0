export function SqlPage() { return <p>…</p>; }
