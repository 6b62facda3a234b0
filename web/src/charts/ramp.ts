/** The colours of heat maps: one hue from pale to deep, so that it also reads in grey. */
const LIGHT = ["#eef2f7", "#c3d7ee", "#84b0dc", "#3f82bf", "#1a5690", "#0b3059"];
const DARK = ["#1d242d", "#1f3a57", "#275b8c", "#3d85c4", "#7db8ea", "#d0e8fb"];

export const rampOf = (dark: boolean) => (dark ? DARK : LIGHT);
