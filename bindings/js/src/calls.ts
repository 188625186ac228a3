import { Do } from "./core.js";
import type { Properties } from "./types.js";

/**
 * A call as it waits for the core, and as it crosses to another tab or another visit: what, the two clocks, the
 * page's context, an id, and what the command takes. Arrays, because another version of the tag may read them.
 */
export type Call = [
  command: Do,
  mono: number,
  wall: number,
  context: string,
  id: string,
  ...rest: (string | number)[],
];

let before: readonly [number, number] = [0, 0];
let slept = 0;

/**
 * Both clocks, in ms. The first only moves forward, all tabs share it, and it begins near 1970. `performance.now`
 * stands still while some systems sleep, so a wall clock that is 5 s to a week further than it says counted a sleep.
 */
export const clocks = (): [mono: number, wall: number] => {
  const [passed, wall] = [performance.now(), Date.now()];
  const gap = before[1] && wall - before[1] - (passed - before[0]);
  if (gap > 5e3 && gap < 6e8) slept += gap;
  before = [passed, wall];
  return [Math.round(performance.timeOrigin + passed + slept), wall];
};

/** Ends a task, so that none is long on a slow phone. */
export const pause = (): Promise<void> => new Promise((done) => setTimeout(done));

export const random = (bytes: number): Uint8Array<ArrayBuffer> =>
  crypto.getRandomValues(new Uint8Array(bytes));

/** A UUID of version 7 (RFC 9562). `crypto.randomUUID` makes none, and is missing on plain HTTP. */
export const uuid = (wall = Date.now()): string => {
  const hex =
    wall.toString(16).padStart(12, "0") +
    Array.from(random(10), (byte) => (byte + 256).toString(16).slice(1)).join("");
  return hex.replace(/(.{8})(.{4}).(.{3}).(.{3})(.{12})/, "$1-$2-7$3-8$4-$5");
};

/** JSON text of an object; empty for none, `!` for what is none, which the core counts as invalid. */
export const json = (value: Properties | undefined): string => {
  try {
    return value ? JSON.stringify(value) : "";
  } catch {
    return "!";
  }
};

export const isEvent = (call: Call): boolean => call[0] > Do.Open && call[0] < Do.Reset;

/** Names a call before it can come to two places. */
export const named = (call: Call): Call => {
  if (isEvent(call)) call[4] ||= uuid(call[2]);
  return call;
};

/** What the core is told of a call. */
export const commands = ([command, at, wall, , id, ...rest]: Call): (string | number)[] => [
  command,
  at,
  wall,
  ...rest,
  ...(command > Do.Open && command < Do.Reset ? [id] : []),
];

const types = ["track", "page", "screen", "identify", "group", "alias"];

/**
 * A batch of calls that the core will not see in time. It sees them later, with the same ids, under the same
 * installation and with the same numbers, so that they count once.
 */
export const rawBatch = (
  calls: readonly Call[],
  ids: { install: string; anonymousId: string; userId: string },
  seq: number,
): string => {
  let { userId } = ids;
  const batch = calls
    .filter(isEvent)
    .map(([command, , wall, context, messageId, first, second, object, own, , , , at]) => {
      if (command === Do.Identify || command === Do.Alias) userId = `${first}` || userId;
      const members = object ? JSON.parse(`${object}`) : {};
      const isTrack = command === Do.Track;
      return {
        type: types[command - Do.Track],
        messageId,
        timestamp: new Date((at as number) || wall).toISOString(),
        anonymousId: ids.anonymousId,
        ...(userId && { userId }),
        ...(isTrack
          ? { event: first }
          : command === Do.Group
            ? { groupId: first }
            : command === Do.Alias
              ? { previousId: ids.anonymousId }
              : { name: first, category: second }),
        [command < Do.Identify ? "properties" : "traits"]: members,
        context: { ...JSON.parse(context), ...(own ? JSON.parse(`${own}`) : {}) },
      };
    });
  return JSON.stringify({
    batch,
    sillage: { install: ids.install, seq: seq + batch.length },
    sentAt: new Date().toISOString(),
  });
};
