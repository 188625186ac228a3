"use client";
// For the app router: a layout, which renders on the server, may put the provider around its children. Page views of
// routes come from `auto`, which hears of the history itself; no hook of the router is needed.
export * from "./react.js";
