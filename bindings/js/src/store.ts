/** The core's records, and how far the calls of each tab have come, in one IndexedDB store. */

/** `undefined` removes. Numbers are the core's keys, texts the tabs'. */
export type Changes = Map<number | string, unknown>;

export interface Store {
  /** What is kept, for one who leads from now on. */
  begin_(): Promise<[IDBValidKey, unknown][]>;
  /** Stores all of it or nothing. Rejects where there is no room. */
  write_(changes: Changes): Promise<void>;
  /** Removes everything. */
  wipe_(): Promise<void>;
  close_(): void;
}

const records = "records";

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** How long a store may take to open, in ms: another page may hold it up that was frozen while it opened it. */
const OPEN_MS = 5_000;

/** Rejects where the browser keeps nothing, or not in time: then events live in memory. */
const opened = (name: string): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    const timer = setTimeout(() => {
      reject(request);
      // Too late: it would keep others from what this page does not use.
      request.onsuccess = () => request.result.close();
    }, OPEN_MS);
    request.onupgradeneeded = () => request.result.createObjectStore(records);
    settled(request)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });

/** Under which the one who leads is known; and, before a name, that this one leads no more. */
const LEADS = "leads";
const OVER = "over ";

const DAY_MS = 86_400_000;

/**
 * Opened with the first use, so that nothing is there before something may be kept. A tab that leads no more may
 * still have a write on its way, or be thawed before one: who begins shuts out whoever led before.
 */
export const makeStore = (name: string, me: string): Store => {
  let db: IDBDatabase | undefined;
  const close = () => {
    db?.close();
    db = undefined;
  };
  const use = async () => {
    db = await opened(name);
    db.onclose = db.onversionchange = close;
    return db;
  };
  const done = (transaction: IDBTransaction) =>
    new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      transaction.commit?.(); // pages end without notice; what is committed here outlives this one
    });
  return {
    begin_: async () => {
      const transaction = (db ?? (await use())).transaction(records, "readwrite");
      const store = transaction.objectStore(records);
      const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
      const all = keys.map((key, index): [IDBValidKey, unknown] => [key, values[index]]);
      const held = all.filter(([key, value]) => {
        if (key === LEADS) store.put(Date.now(), OVER + value);
        else if (!`${key}`.startsWith(OVER)) return true;
        else if (Date.now() - (value as number) > DAY_MS) store.delete(key);
        return false;
      });
      store.put(me, LEADS);
      await done(transaction);
      return held;
    },
    // Without a pause before the transaction, as far as it is open: a page at its end has no second turn.
    write_: async (changes) => {
      const transaction = (db ?? (await use())).transaction(records, "readwrite");
      const store = transaction.objectStore(records);
      store.add(0, OVER + me); // which fails, and all with it, for one who leads no more
      store.delete(OVER + me);
      for (const [key, value] of changes) value === undefined ? store.delete(key) : store.put(value, key);
      await done(transaction);
    },
    wipe_: async () => {
      close();
      await settled(indexedDB.deleteDatabase(name));
    },
    close_: close,
  };
};
