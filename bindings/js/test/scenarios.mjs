// Plays a file of tests/fixtures/scenarios through a core and says what is not as it must be. Runs in Node
// and in a browser alike, so it uses nothing of either.

const DO = {
  number: 1,
  name: 2,
  clear: 3,
  open: 10,
  reset: 17,
  consent: 18,
  privacy: 19,
  context: 20,
  lifecycle: 21,
  reply: 22,
  tick: 23,
  restored: 24,
  act: 30,
  tell: 31,
};
const CALLS = { track: 11, page: 12, screen: 13, identify: 14, group: 15, alias: 16 };
const NUMBERS = [
  "batchEvents",
  "batchAgeMs",
  "batchEventsMax",
  "batchBytesMax",
  "queueEventsMax",
  "queueBytesMax",
  "queueAgeMaxMs",
  "waitingEventsMax",
  "waitingBytesMax",
  "leavingBatchesMax",
  "sessionIdleMs",
  "sessionMaxMs",
  "gpc",
  "dnt",
];
const LISTS = ["eventsKeptLongest", "eventsDroppedFirst", "sampling", "consentRequired", "consentByEvent"];
const STATES = ["foreground", "background", "online", "offline", "flush"];
const SIGNALS = ["ignore", "record", "deny"];
const WALL_START = 1_795_341_600_000;
const FIRST_HEAD = 2 ** 32;
const FIRST_EVENT = 2 ** 33;

const decoder = new TextDecoder();
const string = (bytes) => decoder.decode(bytes);

/** The CRC-32 of zlib. */
export function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

function keyName(key) {
  if (key >= FIRST_EVENT) return `event:${key - FIRST_EVENT}`;
  if (key >= FIRST_HEAD) return `head:${key - FIRST_HEAD}`;
  return ["state", "segments"][key];
}

/** JSON text whose members are in order, so that equal values are equal text. */
const canonical = (value) =>
  JSON.stringify(value, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

export class Player {
  constructor(name, scenario, makeCore) {
    Object.assign(this, {
      name,
      scenario,
      makeCore,
      starts: 0,
      jump: 0,
      stored: new Map(),
      batchIds: [],
      bodies: [],
    });
    this.notices = [];
    this.boot(0);
  }

  boot(at) {
    this.starts += 1;
    this.core = this.makeCore();
    this.core(config(this.scenario.config));
    this.give(DO.open, at, new Uint8Array(32).fill(this.starts));
  }

  give(command, at, ...fields) {
    return this.core([command, at + 1_000, WALL_START + this.jump + at, ...fields]);
  }

  step({ at, input }) {
    const [[kind, said]] = Object.entries(input);
    if (kind in CALLS) this.call(CALLS[kind], at, said);
    else if (kind === "wall") this.jump += said;
    else if (kind === "reset" || kind === "tick") this.give(DO[kind], at);
    else if (kind === "context") this.give(DO.context, at, JSON.stringify(said));
    else if (kind === "lifecycle") this.give(DO.lifecycle, at, STATES.indexOf(said));
    else if (kind === "privacy") this.give(DO.privacy, at, said.gpc ? 1 : 0, said.dnt ? 1 : 0);
    else if (kind === "consent")
      this.consent(
        at,
        Object.entries(said).sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    else if (kind === "reply") this.reply(at, said);
    else if (kind === "restored" || kind === "restart") {
      if (kind === "restart") this.boot(at);
      this.restore(at, said);
    } else throw new Error(`${this.name}: what is ${kind}?`);
    return this.drain(at);
  }

  consent(at, choices) {
    this.give(
      DO.consent,
      at,
      choices.length,
      ...choices.flatMap(([category, granted]) => [category, granted ? 1 : 0]),
    );
  }

  call(command, at, said) {
    const object = "traits" in said ? said.traits : said.properties;
    let text = typeof object === "string" ? object : object === undefined ? "" : JSON.stringify(object);
    if (said.propertiesBytes) text = JSON.stringify({ x: "x".repeat(said.propertiesBytes) });
    const first =
      { 11: said.event, 15: said.groupId, 14: said.userId, 16: said.userId }[command] ?? said.name ?? "";
    const subject = [said.subject ? 1 : 0, said.subject?.userId ?? "", said.subject?.anonymousId ?? ""];
    const context = said.context ? JSON.stringify(said.context) : "";
    const fields = [
      first,
      said.category ?? "",
      text,
      context,
      ...subject,
      said.time ?? 0,
      said.messageId ?? "",
    ];
    for (let time = 0; time < (said.times ?? 1); time++) this.give(command, at, ...fields);
  }

  reply(at, said) {
    let body = said.body ?? "";
    if (typeof body !== "string") body = JSON.stringify(body);
    body = body.replaceAll("$batchId", this.batchIds[said.send] ?? "");
    const status = said.status ?? (said.outcome === "unsent" ? 1 : 0);
    this.give(
      DO.reply,
      at,
      said.send,
      status,
      said.contentType ?? "application/json",
      said.retryAfter ?? "",
      body,
    );
  }

  restore(at, said) {
    for (const name of said.without ?? [])
      for (const key of this.stored.keys()) if (keyName(key) === name) this.stored.delete(key);
    const keys = [...this.stored.keys()].sort((a, b) => a - b);
    this.give(
      DO.restored,
      at,
      said.witness ?? 0,
      said.install ?? "",
      said.anonymousId ?? "",
      keys.length,
      ...keys.flatMap((key) => [key, this.stored.get(key)]),
    );
  }

  drain(at) {
    const fields = this.give(DO.act, at).values();
    const word = () => string(fields.next().value);
    const number = () => Number(word());
    const actions = [];
    const notice = (notice) => {
      this.notices.push(notice);
      actions.push({ notice });
    };
    for (let next = fields.next(); !next.done; next = fields.next()) {
      const kind = string(next.value);
      if (kind === "p") {
        const [key, value] = [number(), fields.next().value];
        this.stored.set(key, value);
        actions.push({ persist: keyName(key), bytes: value.length, crc32: crc32(value) });
      } else if (kind === "f") {
        const key = number();
        this.stored.delete(key);
        actions.push({ forget: keyName(key) });
      } else if (kind === "s") {
        const [send, leaving, bytes] = [number(), number(), fields.next().value];
        const body = JSON.parse(string(bytes));
        this.batchIds[send] = body.sillage.batchId;
        this.bodies.push(body);
        actions.push({ send, way: leaving ? "leaving" : "usual", crc32: crc32(bytes), body });
      } else if (kind === "w") actions.push({ wakeAt: number() - 1_000 });
      else if (kind === "d") notice({ delivered: number() });
      else if (kind === "r") notice({ rejected: { seq: number(), code: word() } });
      else if (kind === "x") notice({ dropped: { reason: word(), count: number() } });
      else if (kind === "o") notice({ foreignAnswer: number() });
      else if (kind === "h") notice({ held: number() });
      else if (kind === "g") notice("stopped");
      else if (kind === "c") notice({ segmentsChanged: Array.from({ length: number() }, word) });
      else throw new Error(`${this.name}: what is ${kind}?`);
    }
    return actions;
  }

  known(at) {
    const fields = this.give(DO.tell, at).values();
    const word = () => string(fields.next().value);
    const number = () => Number(word());
    const counts = () => Object.fromEntries(Array.from({ length: number() }, () => [word(), number()]));
    word();
    const [created, acknowledged, pending, waiting, idle] = Array.from({ length: 5 }, number);
    number(); // the witness
    word(); // the installation
    word(); // the device
    return {
      created,
      acknowledged,
      pending,
      waiting,
      idle: idle === 1,
      userId: word(),
      rejected: counts(),
      dropped: counts(),
      unsure: counts(),
      segments: Array.from({ length: number() }, word),
      sends: this.bodies.length,
      eventsSent: this.bodies.map((body) => body.batch.length),
      notices: this.notices,
      stored: [...this.stored.keys()].sort((a, b) => a - b).map(keyName),
    };
  }
}

function config({ preset, ...differs }) {
  const fields = preset === "native" ? [DO.number, NUMBERS.indexOf("batchAgeMs"), 30_000] : [];
  if (preset === "native") fields.push(DO.number, 3, 475_000, DO.number, 9, 4);
  for (const [key, value] of Object.entries(differs)) {
    const [which, list] = [NUMBERS.indexOf(key), LISTS.indexOf(key)];
    const number = typeof value === "string" ? SIGNALS.indexOf(value) : value;
    if (which >= 0) fields.push(DO.number, which, number);
    else if (list < 0) throw new Error(`what is ${key}?`);
    else {
      fields.push(DO.clear, list);
      const entries = Array.isArray(value) ? value.map((name) => [name, ""]) : Object.entries(value).sort();
      for (const [name, of] of entries)
        for (const one of Array.isArray(of) ? (of.length ? of : [""]) : [of])
          fields.push(DO.name, list, name, typeof one === "number" ? Math.round(one * 2 ** 32) : one);
    }
  }
  return fields;
}

const at = (value, pointer) =>
  pointer
    .split("/")
    .slice(1)
    .reduce((part, name) => part?.[name], value) ?? null;

/** What is wrong with a story, as lines; none if it is as it must be. */
export function play(name, scenario, makeCore) {
  const player = new Player(name, scenario, makeCore);
  const wrong = [];
  scenario.steps.forEach((step, index) => {
    const [given, expected] = [canonical(player.step(step)), canonical(step.actions)];
    if (given !== expected) wrong.push(`${name}, step ${index}\n  expected ${expected}\n  given    ${given}`);
  });
  const known = player.known(scenario.steps.at(-1).at);
  const settled = [known.rejected, known.dropped, known.unsure]
    .flatMap(Object.values)
    .reduce((a, b) => a + b, 0);
  if (known.created !== known.acknowledged + known.pending + settled)
    wrong.push(`${name}: the ledger is not balanced`);
  for (const [what, claimed] of Object.entries(scenario.claims)) {
    const [, index, pointer] = /^body (\d+) (.*)$/.exec(what) ?? [];
    const is = pointer ? at(player.bodies[index], pointer) : known[what];
    if (canonical(is) !== canonical(claimed))
      wrong.push(`${name}: claims ${what} = ${canonical(claimed)}, is ${canonical(is)}`);
  }
  return wrong;
}
