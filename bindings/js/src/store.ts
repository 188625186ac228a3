/** The core's records, and how far the calls of each tab have come, in one IndexedDB store. */

/** `undefined` removes. Numbers are the core's keys, texts the tabs'. */
export type Changes = Map<number | string, unknown>;

export interface Store {
  all_(): Promise<[IDBValidKey, unknown][]>;
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

/** Rejects where the browser keeps nothing: then events live in memory. */
const opened = async (name: string): Promise<IDBDatabase> => {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(records);
  return settled(request);
};

/** Opened with the first use, so that nothing is there before something may be kept. */
export const makeStore = (name: string): Store => {
  let db: Promise<IDBDatabase> | undefined;
  const use = async (): Promise<IDBDatabase> => {
    const open = await (db ??= opened(name));
    open.onclose = open.onversionchange = close;
    return open;
  };
  const close = () => {
    void db?.then((open) => open.close(), () => {});
    db = undefined;
  };
  return {
    all_: async () => {
      const store = (await use()).transaction(records).objectStore(records);
      const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
      return keys.map((key, index) => [key, values[index]]);
    },
    write_: async (changes) => {
      const transaction = (await use()).transaction(records, "readwrite");
      const store = transaction.objectStore(records);
      for (const [key, value] of changes) value === undefined ? store.delete(key) : store.put(value, key);
      transaction.commit?.(); // pages end without notice; what is committed here outlives this one
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
    },
    wipe_: async () => {
      close();
      await settled(indexedDB.deleteDatabase(name));
    },
    close_: close,
  };
};
