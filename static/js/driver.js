// The live page on a bad network and a phone that was locked: it asks again as soon as it can, and says how old its
// figures are. Without this file the page still asks every few seconds.
(() => {
  const OLD_AFTER_MS = 8000;
  const note = document.getElementById("stale");
  let heardAt = Date.now();

  // What has an end is no longer asked for, and never old.
  const isAsked = () => document.getElementById("live").hasAttribute("hx-get");
  const show = () => {
    note.hidden = !isAsked() || Date.now() - heardAt <= OLD_AFTER_MS;
    note.querySelector("time").textContent = new Date(heardAt).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
  };
  const ask = () => {
    show();
    if (!document.hidden && isAsked()) htmx.trigger("#live", "again");
  };

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) heardAt = Date.now();
    show();
  });
  document.addEventListener("visibilitychange", ask);
  window.addEventListener("online", ask);
  window.addEventListener("pageshow", (event) => event.persisted && ask());
  setInterval(show, 1000);
})();
