export function AdminPage() { return <p>…</p>; }
