/** What all bodies that outlive a page may have together: browsers stop at 64 KiB. */
const LEAVING_BYTES_MAX = 60_000;

export type Answer = [status: number, type: string, retryAfter: string, body: string];

const lost: Answer = [0, "", "", ""];
const unsent: Answer = [1, "", "", ""];

/** As long as the core waits for an answer. */
const TIMEOUT_MS = 60_000;

/** Bodies below this gain nothing by being compressed. */
const PLAIN_BYTES_MAX = 1_000;

/** Collectors know gzip by its first bytes: a header would cost a preflight. */
const pack = async (body: Uint8Array<ArrayBuffer>): Promise<BodyInit> => {
  if (body.length < PLAIN_BYTES_MAX || !self.CompressionStream) return body;
  return new Response(new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
};

/** Never rejects. */
export const transport = (url: string) => {
  let leavingBytes = 0;
  let gone = false;

  const post = async (body: BodyInit, keepalive: boolean): Promise<Answer> => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { method: "POST", body, keepalive, credentials: "omit", signal });
    const header = (name: string) => response.headers.get(name) ?? "";
    return [response.status, header("content-type"), header("retry-after"), await response.text()];
  };

  return {
    /** Whether the page is being left for good, as far as it knows. */
    gone_: (is: boolean) => {
      gone = is;
      leavingBytes = 0;
    },
    /** Whether it was taken. */
    beacon_: (body: BodyInit): boolean => navigator.sendBeacon(url, body),
    send_: async (body: Uint8Array, leaving: boolean): Promise<Answer> => {
      const bytes = body as Uint8Array<ArrayBuffer>;
      if (!leaving)
        return pack(bytes)
          .then((packed) => post(packed, false))
          .catch(() => (navigator.onLine ? lost : unsent));
      if (leavingBytes + bytes.length > LEAVING_BYTES_MAX) return unsent;
      leavingBytes += bytes.length;
      // Nobody is there to hear its answer; the events stay until another visit hears one.
      if (gone) return navigator.sendBeacon(url, bytes) ? new Promise(() => {}) : unsent;
      return post(bytes, true)
        .catch(() => lost)
        .finally(() => (leavingBytes -= bytes.length));
    },
  };
};
