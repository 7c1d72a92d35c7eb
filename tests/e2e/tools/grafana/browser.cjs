// The little of a browser that @grafana/data looks for while it is loaded.
"use strict";
const nothing = () => undefined;
const storage = { getItem: () => null, setItem: nothing, removeItem: nothing };
const element = () => ({ style: {}, setAttribute: nothing, appendChild: nothing, getContext: () => null });
Object.assign(globalThis, {
  window: globalThis,
  self: globalThis,
  localStorage: storage,
  location: { href: "http://grafana/", search: "", pathname: "/", origin: "http://grafana", protocol: "http:" },
  addEventListener: nothing,
  matchMedia: () => ({ matches: false, addListener: nothing, addEventListener: nothing }),
  document: {
    createElement: element,
    documentElement: element(),
    head: element(),
    body: element(),
    addEventListener: nothing,
    querySelector: () => null,
  },
});
Object.defineProperty(globalThis, "navigator", {
  value: { userAgent: "node", platform: "node", language: "en", languages: ["en"] },
  configurable: true,
});
