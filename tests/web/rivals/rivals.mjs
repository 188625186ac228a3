/**
 * Each rival as its vendor's own guide starts it: the package from the registry, the shortest documented start, one
 * function that tracks. Defaults stay as they are, so that a page pays what a reader of the guide would pay; only
 * addresses lead to the local sink. What is bundled here is also what is measured in the browser.
 */
export const RIVALS = [
  {
    name: "snowplow",
    package: "@snowplow/browser-tracker",
    entry: `
      import { newTracker, trackPageView, trackSelfDescribingEvent } from "@snowplow/browser-tracker";
      newTracker("sp", location.origin + "/snowplow", { appId: "shop" });
      trackPageView();
      window.rivalTrack = (data) =>
        trackSelfDescribingEvent({ event: { schema: "iglu:example/product_viewed/jsonschema/1-0-0", data } });`,
  },
  {
    name: "segment",
    package: "@segment/analytics-next",
    entry: `
      import { AnalyticsBrowser } from "@segment/analytics-next";
      const analytics = AnalyticsBrowser.load({ writeKey: "key", cdnURL: location.origin + "/segment" });
      analytics.page();
      window.rivalTrack = (properties) => analytics.track("Product Viewed", properties);`,
  },
  {
    name: "posthog",
    package: "posthog-js",
    entry: `
      import posthog from "posthog-js";
      posthog.init("phc_key", { api_host: location.origin + "/posthog" });
      window.rivalTrack = (properties) => posthog.capture("Product Viewed", properties);`,
  },
  {
    name: "posthog, slim",
    package: "posthog-js",
    sizesOnly: true,
    entry: `
      import posthog from "posthog-js/dist/module.slim";
      posthog.init("phc_key", { api_host: location.origin + "/posthog" });
      window.rivalTrack = (properties) => posthog.capture("Product Viewed", properties);`,
  },
  {
    name: "mixpanel, core",
    package: "mixpanel-browser",
    sizesOnly: true,
    entry: `
      import mixpanel from "mixpanel-browser/src/loaders/loader-module-core";
      mixpanel.init("key", { api_host: location.origin + "/mixpanel", track_pageview: true });
      window.rivalTrack = (properties) => mixpanel.track("Product Viewed", properties);`,
  },
  {
    name: "mixpanel",
    package: "mixpanel-browser",
    entry: `
      import mixpanel from "mixpanel-browser";
      mixpanel.init("key", { api_host: location.origin + "/mixpanel", track_pageview: true, autocapture: true });
      window.rivalTrack = (properties) => mixpanel.track("Product Viewed", properties);`,
  },
  {
    name: "amplitude",
    package: "@amplitude/analytics-browser",
    entry: `
      import * as amplitude from "@amplitude/analytics-browser";
      amplitude.init("key", { serverUrl: location.origin + "/amplitude/2/httpapi" });
      window.rivalTrack = (properties) => amplitude.track("Product Viewed", properties);`,
  },
  {
    name: "rudderstack",
    package: "@rudderstack/analytics-js",
    entry: `
      import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";
      const analytics = new RudderAnalytics();
      analytics.load("key", location.origin + "/rudderstack", { configUrl: location.origin + "/rudderstack" });
      analytics.page();
      window.rivalTrack = (properties) => analytics.track("Product Viewed", properties);`,
  },
  {
    name: "countly",
    package: "countly-sdk-web",
    entry: `
      import Countly from "countly-sdk-web";
      Countly.init({ app_key: "key", url: location.origin + "/countly" });
      Countly.track_sessions();
      Countly.track_pageview();
      window.rivalTrack = (segmentation) => Countly.add_event({ key: "Product Viewed", count: 1, segmentation });`,
  },
  {
    name: "jitsu",
    package: "@jitsu/js",
    entry: `
      import { jitsuAnalytics } from "@jitsu/js";
      const analytics = jitsuAnalytics({ host: location.origin + "/jitsu", writeKey: "key" });
      analytics.page();
      window.rivalTrack = (properties) => analytics.track("Product Viewed", properties);`,
  },
  {
    name: "plausible (page views)",
    package: "@plausible-analytics/tracker",
    entry: `
      import { init, track } from "@plausible-analytics/tracker";
      const endpoint = location.origin + "/plausible/api/event";
      init({ domain: "shop.example", endpoint, captureOnLocalhost: true, logging: false });
      window.rivalTrack = (props) => track("Product Viewed", { props });`,
  },
  {
    name: "plausible, old (page views)",
    package: "plausible-tracker",
    sizesOnly: true,
    entry: `
      import Plausible from "plausible-tracker";
      const apiHost = location.origin + "/plausible";
      const plausible = Plausible({ domain: "shop.example", apiHost, trackLocalhost: true });
      plausible.trackPageview();
      window.rivalTrack = (props) => plausible.trackEvent("Product Viewed", { props });`,
  },
];

/** What a shop says of a product: 8 members, texts and numbers. */
export const PROPERTIES = {
  product_id: "sku-1042",
  sku: "sku-1042",
  name: "Linen overshirt",
  category: "shirts",
  brand: "House",
  price: 89.5,
  currency: "EUR",
  quantity: 1,
};
