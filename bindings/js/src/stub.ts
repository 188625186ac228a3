// Queues calls made before the tag is there, each with its moment and its place, for pages that move on.
export {};

type Queue = { (...args: unknown[]): void; q?: unknown[] };

const page = window as never as { sillage?: Queue };
page.sillage ||= function () {
  const { referrer, title } = document;
  // Rest parameters would be longer.
  (page.sillage!.q ||= []).push([arguments, Date.now(), location.href, referrer, title]);
};
