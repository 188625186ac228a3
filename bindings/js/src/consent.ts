import type { ConsentSettings } from "./types.js";

type Choices = Record<string, boolean>;

/** Any array-like that was pushed, as `gtag` pushes its arguments. */
type Pushed = ArrayLike<unknown>;

interface TcfData {
  readonly eventStatus?: string;
  readonly gdprApplies?: boolean;
  readonly purpose?: { readonly consents?: Record<string, boolean> };
}

const purposes = 11; // of TCF 2.2

/** Reads Google's consent mode: a default of `denied` is a question that is still open, not an answer. */
const google = (tell: (choices: Choices) => void) => {
  const layer = ((window as never as { dataLayer?: Pushed[] }).dataLayer ??= []);
  const heard = (pushed: Pushed) => {
    if (pushed?.[0] !== "consent") return;
    const signals = Object.entries((pushed[2] ?? {}) as Record<string, unknown>);
    const said = signals.filter(
      ([, value]) => value === "granted" || (value === "denied" && pushed[1] === "update"),
    );
    if (said.length) tell(Object.fromEntries(said.map(([name, value]) => [name, value === "granted"])));
  };
  layer.forEach(heard);
  const push = layer.push;
  layer.push = function (this: Pushed[], ...pushed: Pushed[]) {
    const length = push.apply(this, pushed);
    pushed.forEach(heard);
    return length;
  };
};

/** Hears a platform of IAB's framework, as soon as it is there. */
const tcf = (tell: (choices: Choices) => void, tries = 40) => {
  type Api = (command: "addEventListener", version: 2, heard: (data: TcfData, ok: boolean) => void) => void;
  const api = (window as never as { __tcfapi?: Api }).__tcfapi;
  if (!api) {
    if (tries) setTimeout(tcf, 250, tell, tries - 1);
    return;
  }
  api("addEventListener", 2, (data, ok) => {
    const free = data?.gdprApplies === false;
    if (!ok || (!free && !/tcloaded|useractioncomplete/.test(data.eventStatus ?? ""))) return;
    const numbers = Array.from({ length: purposes }, (_, index) => index + 1);
    tell(
      Object.fromEntries(
        numbers.map((number) => [`tcf_${number}`, free || !!data.purpose?.consents?.[number]]),
      ),
    );
  });
};

export const listen = (settings: ConsentSettings | undefined, tell: (choices: Choices) => void): void => {
  if (settings?.googleConsentMode) google(tell);
  if (settings?.tcf) tcf(tell);
};

/** Global Privacy Control and Do Not Track, as the browser says them. */
export const signals = (): [gpc: 0 | 1, dnt: 0 | 1] => {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return [globalPrivacyControl ? 1 : 0, doNotTrack === "1" ? 1 : 0];
};
