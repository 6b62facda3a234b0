export function NewDashboard() { return <p>…</p>; }
