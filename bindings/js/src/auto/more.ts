// The captures that nothing is lost of if they begin a moment later, so that pages need not wait for their code.
import type { Start } from "./capture.js";
import { errors } from "./errors.js";
import { forms } from "./forms.js";
import { links } from "./links.js";
import { shares } from "./shares.js";
import { video } from "./video.js";
import { vitals } from "./vitals.js";

export { trackPlayer, type Player } from "./video.js";

/** By the names of their switches. */
export const more: Record<string, Start> = { forms, links, shares, video, vitals, errors };
