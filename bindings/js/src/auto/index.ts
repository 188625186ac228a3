import type { Host } from "./host.js";
export const startCaptures = (_host: Host): (() => void) => () => {};
