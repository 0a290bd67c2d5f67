// The live page on a bad network and a phone that was locked: it asks again as soon as it can, and says how old its
// figures are. A stop that finds no network is said on the page, which stays. Without this file the page still asks
// every few seconds.
(() => {
  const OLD_AFTER_MS = 8000;
  const note = document.getElementById("stale");
  const unsent = document.getElementById("unsent");
  let heardAt = Date.now();

  // What has an end is no longer asked for, and never old.
  const isAsked = () => document.getElementById("live").hasAttribute("hx-get");
  const show = () => {
    note.hidden = !isAsked() || Date.now() - heardAt <= OLD_AFTER_MS;
    note.querySelector("time").textContent = new Date(heardAt).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23", timeZone: note.dataset.zone });
  };
  const ask = () => {
    show();
    if (!document.hidden && isAsked()) htmx.trigger("#live", "again");
  };

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) heardAt = Date.now();
    show();
  });
  const isStop = (event) => event.detail.elt.id === "stop";
  document.addEventListener("htmx:beforeRequest", (event) => isStop(event) && (unsent.hidden = true));
  for (const lost of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(lost, (event) => isStop(event) && (unsent.hidden = false));
  }
  // A refusal is a page that says why: sent as a plain form, the browser shows it.
  document.addEventListener("htmx:responseError", (event) => isStop(event) && event.detail.elt.submit());
  // What is being stopped, or has ended, is no longer unsent.
  document.addEventListener("htmx:afterSettle", () => {
    if (!document.querySelector("#stop-button:enabled")) unsent.hidden = true;
  });
  document.addEventListener("visibilitychange", ask);
  window.addEventListener("online", ask);
  window.addEventListener("pageshow", (event) => event.persisted && ask());
  setInterval(show, 1000);
})();
