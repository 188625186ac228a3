// Profiles that were read lately, as many as fit; those asked for least recently go first.

export class Cache {
  #entries = new Map(); // in the order of use
  #reading = new Map();
  #most;

  constructor(most) {
    this.#most = most;
  }

  get size() {
    return this.#entries.size;
  }

  get(id) {
    const entry = this.#entries.get(id);
    if (entry) {
      this.#entries.delete(id);
      this.#entries.set(id, entry);
    }
    return entry;
  }

  /** What `read` gives, kept with the instant it was asked for; several that want the same share one. */
  async read(id, now, read) {
    const other = this.#reading.get(id);
    if (other) return other.found;
    const mine = { found: undefined };
    mine.found = read()
      .then((found) => {
        // Unless somebody said in the meantime that it changed: then this may be from before.
        if (this.#reading.get(id) === mine) this.#keep(id, { found, at: now });
        return found;
      })
      .finally(() => {
        if (this.#reading.get(id) === mine) this.#reading.delete(id);
      });
    this.#reading.set(id, mine);
    return mine.found;
  }

  #keep(id, entry) {
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    if (this.#entries.size > this.#most) this.#entries.delete(this.#entries.keys().next().value);
  }

  forget(id) {
    this.#entries.delete(id);
    this.#reading.delete(id);
  }

  /** Nothing may be used without being read again, but it is still better than nothing. */
  doubt() {
    this.#reading.clear();
    for (const entry of this.#entries.values()) entry.doubted = true;
  }

  clear() {
    this.#entries.clear();
    this.#reading.clear();
  }
}
