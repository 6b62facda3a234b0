export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="2 3 28 26" aria-hidden focusable="false">
      <path fill="var(--mantine-color-cloud-6)" d="M9.2 25.5A6.7 6.7 0 0 1 8.3 12.2a8.4 8.4 0 0 1 16.1 1.9 5.8 5.8 0 0 1-.9 11.4z" />
      <path fill="none" stroke="#fff" strokeWidth="1.9" strokeLinecap="round" d="M10.6 20.4c1.5-1.5 3-1.5 4.5 0s3 1.5 4.5 0 2.3-1.4 3.2-.9" />
    </svg>
  );
}
