import { type Call, clocks, commands, pause, random } from "./calls.js";
import { type Core, Do, type Field, text } from "./core.js";
import type { Changes, Store } from "./store.js";
import type { Ledger } from "./types.js";

/** What the core last said of itself. */
export interface Known extends Ledger {
  readonly waiting: number;
  readonly idle: boolean;
  readonly witness: number;
  readonly install: string;
  readonly anonymousId: string;
  readonly userId: string;
  readonly segments: readonly string[];
}

/** How a leader reaches the world. */
export interface World {
  /** Posts a batch. The answer, or 0: it was lost, 1: it never left. */
  send_(
    body: Uint8Array,
    leaving: boolean,
  ): Promise<[status: number, type: string, retryAfter: string, body: string]>;
  /** After each turn. */
  told_(known: Known): void;
}

/** A call, the tab that made it, and its number there. */
export type Numbered = [tab: string, number: number, call: Call];

/** The one tab of a browser that has the core. */
export interface Leader {
  /** Takes calls; `done` comes when they are stored, or could not be. What was taken before is left out. */
  take_(calls: readonly Numbered[], done?: (isStored: boolean) => void): void;
  give_(...command: Field[]): void;
  /** Hands everything to the browser now. Gives the calls that may not be stored. */
  leave_(): Numbered[];
  stop_(): void;
  /** Events that were created when the store last took something. */
  readonly stored_: number;
}

type Send = [id: number, leaving: boolean, body: Uint8Array];

/** Reads answers one by one. */
const reader = (fields: readonly Uint8Array[]) => {
  let at = 0;
  const word = () => text(fields[at++]);
  const number = () => +word();
  return {
    word,
    number,
    bytes: () => fields[at++]!,
    more: () => at < fields.length,
    list: <T>(item: () => T): T[] => Array.from({ length: number() }, item),
  };
};

const known = ({ word, number, list }: ReturnType<typeof reader>): Known => {
  const [created, acknowledged, pending, waiting, idle, witness] = [
    number(),
    number(),
    number(),
    number(),
    number(),
    number(),
  ];
  const counts = () => Object.fromEntries(list(() => [word(), number()]));
  return {
    created,
    acknowledged,
    pending,
    waiting,
    idle: idle === 1,
    witness,
    install: word(),
    anonymousId: word(),
    userId: word(),
    rejected: counts(),
    dropped: counts(),
    unsure: counts(),
    segments: list(word),
  } as Known;
};

/** Fields of what the app need not know one by one; the ledger has it. */
const passed: Record<string, number> = { d: 1, r: 2, x: 2, o: 1, g: 0 };

/** Begins with what the store holds, if there is one. */
export const lead = async (
  core: Core,
  store: Store | undefined,
  world: World,
  start: {
    readonly witness: number;
    readonly install: string;
    readonly anonymousId: string;
    /** The configuration, and where page and person stand. */
    readonly settings: readonly Field[];
    readonly state: readonly Field[];
    /** Whether the page was left since. */
    isOver_(): boolean;
    /** Tabs that have left something behind. */
    readonly left: ReadonlySet<string>;
  },
): Promise<Leader> => {
  const marks = new Map<string, number>();
  const marked = new Set<string>();
  let unsaved: Changes = new Map();
  let sends: Send[] = [];
  let open: Numbered[] = [];
  let dones: ((isStored: boolean) => void)[] = [];
  let [writing, leaving, stopped, storing] = [false, false, false, false];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let context = "";
  let created = 0;

  const dispatch = (ready: Send[]) => {
    for (const [id, isLeaving, body] of ready.splice(0))
      void world.send_(body, isLeaving).then((answer) => give(Do.Reply, id, ...answer));
  };

  /** Stores `changes`, or, where nothing may be kept any more, removes everything. */
  const write = async (changes: Changes) => {
    const keeps = storing || [...changes.values()].some((value) => value);
    if (changes.size) await (keeps ? store?.write_(changes) : store?.wipe_());
  };

  const takeUnsaved = (): Changes => {
    if (storing) for (const tab of marked) unsaved.set(tab, [marks.get(tab), Date.now()]);
    marked.clear();
    const changes = unsaved;
    unsaved = new Map();
    return changes;
  };

  /** Stores what is unsaved as one unit, then lets go what had to wait for it. */
  const save = async (): Promise<void> => {
    if (leaving) dispatch(sends);
    if (writing) {
      // A page at its end does not wait its turn. Whether it was stored, it will not know.
      if (leaving) await write(takeUnsaved()).catch(() => {});
      return;
    }
    writing = true;
    const [changes, ready, calls, settled, count] = [takeUnsaved(), sends, open, dones, created];
    [sends, dones] = [[], []];
    let saved = true;
    try {
      await write(changes);
      open = open.filter((call) => !calls.includes(call));
      leader.stored_ = count;
    } catch {
      // No room, or no store any more: it goes with the next unit, and what can be delivered is.
      unsaved = new Map([...changes, ...unsaved]);
      saved = false;
    }
    writing = false;
    if (stopped) return store?.close_(); // not before: a closed one begins no transaction
    dispatch(ready);
    for (const done of settled) done(saved);
    if ((saved && unsaved.size) || sends.length + dones.length) void save();
  };

  const turn = (...given: Field[]) => {
    if (stopped) return;
    const [now, wall] = clocks();
    const answers = reader(core([...given, Do.Act, now, wall, Do.Tell, now, wall]));
    while (answers.more()) {
      const kind = answers.word();
      if (kind === "p") unsaved.set(answers.number(), answers.bytes());
      else if (kind === "f") unsaved.set(answers.number(), undefined);
      else if (kind === "s") sends.push([answers.number(), answers.number() > 0, answers.bytes()]);
      else if (kind === "w") wake(answers.number() - now);
      else if (kind === "k") {
        const told = known(answers);
        created = told.created;
        storing = told.witness > 0;
        world.told_(told);
      } else if (kind === "h")
        console.warn(`sillage: held for an hour, the collector answered ${answers.word()}`);
      else if (kind === "c") answers.list(answers.word);
      else for (let fields = passed[kind]!; fields--;) answers.word();
    }
    void save();
  };

  const wake = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(give, Math.min(ms, 2 ** 30), Do.Tick);
  };

  const give = (command: Field, ...rest: Field[]) => turn(command, ...clocks(), ...rest);

  const leader = {
    stored_: 0,
    take_: (calls: readonly Numbered[], done?: (isStored: boolean) => void) => {
      const given: Field[] = [];
      for (const one of calls) {
        const [tab, number, call] = one;
        if (number <= (marks.get(tab) ?? 0)) continue;
        marks.set(tab, number);
        marked.add(tab);
        open.push(one);
        if (call[3] !== context) given.push(Do.Context, call[1], call[2], (context = call[3]));
        given.push(...commands(call));
      }
      if (done) dones.push(done);
      turn(...given);
    },
    give_: give,
    leave_: () => {
      leaving = true;
      give(Do.Lifecycle, 1);
      return open;
    },
    stop_: () => {
      stopped = true;
      clearTimeout(timer);
      if (!writing) store?.close_();
    },
  };

  const held: Field[] = [];
  for (const [key, value] of (await store?.begin_()) ?? []) {
    if (typeof key === "number") held.push(key, value as Uint8Array);
    else if (Date.now() - (value as number[])[1]! < 864e5 || start.left.has(`${key}`))
      marks.set(`${key}`, (value as number[])[0]!);
    else unsaved.set(`${key}`, undefined); // a tab that has said nothing for a day, and left nothing, has nothing open
  }
  await pause();
  // Thawed too late: what this one would store is another's by now.
  if (start.isOver_()) leader.stop_();
  const [now, wall] = clocks();
  turn(
    ...start.settings,
    Do.Open,
    now,
    wall,
    random(32),
    ...start.state,
    Do.Restored,
    now,
    wall,
    start.witness,
    start.install,
    start.anonymousId,
    held.length / 2,
    ...held,
  );
  return leader;
};
