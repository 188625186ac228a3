import { Moment, type Start } from "./capture.js";
import { isPrivate, selectorOf } from "./element.js";

/** Sends `Form Started` and `Form Submitted`. Which field it was and what is in it is not looked at. */
export const forms: Start = (site, on) => {
  const { host } = site;
  let started: unknown[] = [];
  let { view } = site;
  on(Moment.Begins, () => {
    // Who types before the first view is announced types in that view.
    if (view) started = [];
    view = site.view;
  });
  on("input submit", (event) => {
    const submitted = event.type == "submit";
    const form = submitted ? event.target : event.composedPath()[0].form;
    if (!form || isPrivate(event) || (!submitted && started.includes(form))) return;
    started.push(form);
    const form_name = form.getAttribute("name") || undefined;
    host.track(submitted ? "Form Submitted" : "Form Started", {
      form_id: form.getAttribute("id") || form_name || selectorOf(form),
      form_name,
    });
  });
};
