/** What must be known before the core is there, and where subdomains find it. */

export interface Meta {
  /** Installation. It is here too, because a page may end before its first store is open. */
  i: string;
  /** Device. */
  a: string;
  /** Person. */
  u: string;
  /** Events created. */
  w: number;
  /** Segments. */
  s: readonly string[];
}

const read = (name: string): string | undefined =>
  document.cookie
    .split("; ")
    .find((cookie) => cookie.startsWith(`${name}=`))
    ?.slice(name.length + 1);

// Chromium cuts what lives longer than 400 days.
const write = (name: string, value: string, domain: string, days = 400) => {
  const secure = location.protocol === "https:" ? ";Secure" : "";
  document.cookie = `${name}=${value};path=/;max-age=${days * 86_400};SameSite=Lax${secure}${domain && `;domain=${domain}`}`;
};

/** The widest domain on which this page may set a cookie; empty for hosts without one. */
const widest = (): string => {
  const parts = location.hostname.split(".");
  for (let from = parts.length - 2; from >= 0; from--) {
    const domain = parts.slice(from).join(".");
    write("sl_try", "1", domain);
    if (read("sl_try")) {
      write("sl_try", "", domain, 0);
      return domain;
    }
  }
  return "";
};

/** Storage of this origin, which may be forbidden, full or missing. Each access is on its own. */
const guarded = <T>(access: () => T): T | undefined => {
  try {
    return access();
  } catch {
    return undefined;
  }
};

/** Whether it worked. */
export const keep = (name: string, value: string | undefined): boolean =>
  guarded(() => {
    value === undefined ? localStorage.removeItem(name) : localStorage.setItem(name, value);
    return true;
  }) ?? false;

export const kept = (name: string): string | undefined =>
  guarded(() => localStorage.getItem(name)) ?? undefined;

/** Names in storage that begin with `prefix`. */
export const names = (prefix: string): string[] =>
  guarded(() => Object.keys(localStorage).filter((name) => name.startsWith(prefix))) ?? [];

const cookie = "sl_id";

export const readId = (): string => guarded(() => read(cookie)) ?? "";

/** Empty removes it. */
export const writeId = (id: string): void => {
  guarded(() => write(cookie, id, widest(), id ? 400 : 0));
};
